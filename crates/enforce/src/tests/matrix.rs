//! The golden matrix: every kind of caller, every operation, both modes. A change here is a change of who may what.

use std::fmt::Write as _;

use expect_test::expect;

use super::world::{enforced, observed, shown, snapshot};
use crate::Worker;

const CALLERS: [(&str, &str); 8] = [
    ("anonymous", "A: b"),
    ("foreign", "Authorization: Bearer theirs"),
    ("whole", "X-Api-Key: $whole"),
    ("readonly", "X-Api-Key: $readonly"),
    ("empty", "X-Api-Key: $empty"),
    ("stranger", "X-Api-Key: $stranger"),
    ("stopped", "X-Api-Key: $stopped"),
    ("wrong", "X-Api-Key: $nobody"),
];

const OPERATIONS: [&str; 12] = [
    "GET orders.example/orders",
    "POST orders.example/orders",
    "GET orders.example/orders/7",
    "GET orders.example/orders/x",
    "DELETE orders.example/orders/7",
    "GET orders.example/secrets/a",
    "GET orders.example/public",
    "GET orders.example/closed",
    "GET orders.example/soon",
    "GET orders.example/nothing",
    "PUT orders.example/orders",
    "GET legacy.example/x",
];

#[test]
fn who_may_what() {
    let mut matrix = String::new();
    for (mode, setup) in [("enforce", enforced()), ("observe", observed())] {
        let snapshot = snapshot(&setup);
        for (caller, field) in CALLERS {
            writeln!(matrix, "{mode} {caller}").unwrap();
            for operation in OPERATIONS {
                let line = shown(&snapshot, &mut Worker::new([1; 32]), &format!("{operation}\n{field}"));
                let answer = line.split(" [").next().unwrap().split(" |").next().unwrap().to_owned();
                let reason = line.split(" | ").nth(1).filter(|part| !part.contains(' ')).unwrap_or("");
                let row = format!("    {operation:31} {answer:38} {reason}");
                writeln!(matrix, "{}", row.trim_end()).unwrap();
            }
        }
    }
    expect![[r#"
        enforce anonymous
            GET orders.example/orders       denied 401 no_credential               no_credential
            POST orders.example/orders      denied 401 no_credential               no_credential
            GET orders.example/orders/7     denied 401 no_credential               no_credential
            GET orders.example/orders/x     denied 401 no_credential               bad_parameter
            DELETE orders.example/orders/7  denied 401 no_credential               no_credential
            GET orders.example/secrets/a    denied 401 no_credential               no_credential
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 401 no_credential               guard
            GET orders.example/soon         denied 401 no_credential               no_credential
            GET orders.example/nothing      denied 401 no_credential               no_credential/unknown_operation
            PUT orders.example/orders       denied 401 no_credential               no_credential/method_not_declared
            GET legacy.example/x            denied 401 no_credential               no_credential/unknown_operation
        enforce foreign
            GET orders.example/orders       denied 401 no_credential               no_credential
            POST orders.example/orders      denied 401 no_credential               no_credential
            GET orders.example/orders/7     denied 401 no_credential               no_credential
            GET orders.example/orders/x     denied 401 no_credential               bad_parameter
            DELETE orders.example/orders/7  denied 401 no_credential               no_credential
            GET orders.example/secrets/a    denied 401 no_credential               no_credential
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 401 no_credential               guard
            GET orders.example/soon         denied 401 no_credential               no_credential
            GET orders.example/nothing      denied 401 no_credential               no_credential/unknown_operation
            PUT orders.example/orders       denied 401 no_credential               no_credential/method_not_declared
            GET legacy.example/x            denied 401 no_credential               no_credential/unknown_operation
        enforce whole
            GET orders.example/orders       allowed permit
            POST orders.example/orders      allowed permit
            GET orders.example/orders/7     allowed permit
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  denied 404 unknown_operation           no_grant
            GET orders.example/secrets/a    denied 404 unknown_operation           no_grant
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 403 guard                       guard
            GET orders.example/soon         would_deny observed                    guard/observed_guard
            GET orders.example/nothing      denied 404 unknown_operation           unknown_operation
            PUT orders.example/orders       denied 405 method_not_declared         method_not_declared
            GET legacy.example/x            denied 404 unknown_operation           unknown_operation
        enforce readonly
            GET orders.example/orders       allowed permit
            POST orders.example/orders      denied 403 out_of_scope                out_of_scope
            GET orders.example/orders/7     allowed permit
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  denied 404 unknown_operation           out_of_scope
            GET orders.example/secrets/a    denied 404 unknown_operation           out_of_scope
            GET orders.example/public       denied 403 out_of_scope                out_of_scope
            GET orders.example/closed       denied 403 guard                       guard
            GET orders.example/soon         would_deny observed                    guard/observed_guard
            GET orders.example/nothing      denied 404 unknown_operation           unknown_operation
            PUT orders.example/orders       denied 405 method_not_declared         method_not_declared
            GET legacy.example/x            denied 404 unknown_operation           unknown_operation
        enforce empty
            GET orders.example/orders       denied 403 out_of_scope                out_of_scope
            POST orders.example/orders      denied 403 out_of_scope                out_of_scope
            GET orders.example/orders/7     denied 403 out_of_scope                out_of_scope
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  denied 404 unknown_operation           out_of_scope
            GET orders.example/secrets/a    denied 404 unknown_operation           out_of_scope
            GET orders.example/public       denied 403 out_of_scope                out_of_scope
            GET orders.example/closed       denied 403 out_of_scope                out_of_scope
            GET orders.example/soon         denied 403 out_of_scope                out_of_scope
            GET orders.example/nothing      denied 404 unknown_operation           unknown_operation
            PUT orders.example/orders       denied 405 method_not_declared         method_not_declared
            GET legacy.example/x            denied 404 unknown_operation           unknown_operation
        enforce stranger
            GET orders.example/orders       denied 403 no_grant                    no_grant
            POST orders.example/orders      denied 403 no_grant                    no_grant
            GET orders.example/orders/7     denied 403 no_grant                    no_grant
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  denied 404 unknown_operation           no_grant
            GET orders.example/secrets/a    denied 404 unknown_operation           no_grant
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 403 guard                       guard
            GET orders.example/soon         denied 403 no_grant                    no_grant
            GET orders.example/nothing      denied 404 unknown_operation           unknown_operation
            PUT orders.example/orders       denied 405 method_not_declared         method_not_declared
            GET legacy.example/x            denied 404 unknown_operation           unknown_operation
        enforce stopped
            GET orders.example/orders       denied 401 revoked_credential          revoked_credential
            POST orders.example/orders      denied 401 revoked_credential          revoked_credential
            GET orders.example/orders/7     denied 401 revoked_credential          revoked_credential
            GET orders.example/orders/x     denied 401 revoked_credential          revoked_credential
            DELETE orders.example/orders/7  denied 401 revoked_credential          revoked_credential
            GET orders.example/secrets/a    denied 401 revoked_credential          revoked_credential
            GET orders.example/public       denied 401 revoked_credential          revoked_credential
            GET orders.example/closed       denied 401 revoked_credential          revoked_credential
            GET orders.example/soon         denied 401 revoked_credential          revoked_credential
            GET orders.example/nothing      denied 401 revoked_credential          revoked_credential
            PUT orders.example/orders       denied 401 revoked_credential          revoked_credential
            GET legacy.example/x            denied 401 revoked_credential          revoked_credential
        enforce wrong
            GET orders.example/orders       denied 401 invalid_credential          invalid_credential
            POST orders.example/orders      denied 401 invalid_credential          invalid_credential
            GET orders.example/orders/7     denied 401 invalid_credential          invalid_credential
            GET orders.example/orders/x     denied 401 invalid_credential          invalid_credential
            DELETE orders.example/orders/7  denied 401 invalid_credential          invalid_credential
            GET orders.example/secrets/a    denied 401 invalid_credential          invalid_credential
            GET orders.example/public       denied 401 invalid_credential          invalid_credential
            GET orders.example/closed       denied 401 invalid_credential          invalid_credential
            GET orders.example/soon         denied 401 invalid_credential          invalid_credential
            GET orders.example/nothing      denied 401 invalid_credential          invalid_credential
            PUT orders.example/orders       denied 401 invalid_credential          invalid_credential
            GET legacy.example/x            denied 401 invalid_credential          invalid_credential
        observe anonymous
            GET orders.example/orders       would_deny observed                    no_credential
            POST orders.example/orders      would_deny observed                    no_credential
            GET orders.example/orders/7     would_deny observed                    no_credential
            GET orders.example/orders/x     denied 401 no_credential               bad_parameter
            DELETE orders.example/orders/7  would_deny observed                    no_credential
            GET orders.example/secrets/a    would_deny observed                    no_credential
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 401 no_credential               guard
            GET orders.example/soon         would_deny observed                    no_credential
            GET orders.example/nothing      would_deny observed                    no_credential/unknown_operation
            PUT orders.example/orders       would_deny observed                    no_credential/method_not_declared
            GET legacy.example/x            would_deny observed                    no_credential/unknown_operation
        observe foreign
            GET orders.example/orders       would_deny observed                    no_credential
            POST orders.example/orders      would_deny observed                    no_credential
            GET orders.example/orders/7     would_deny observed                    no_credential
            GET orders.example/orders/x     denied 401 no_credential               bad_parameter
            DELETE orders.example/orders/7  would_deny observed                    no_credential
            GET orders.example/secrets/a    would_deny observed                    no_credential
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 401 no_credential               guard
            GET orders.example/soon         would_deny observed                    no_credential
            GET orders.example/nothing      would_deny observed                    no_credential/unknown_operation
            PUT orders.example/orders       would_deny observed                    no_credential/method_not_declared
            GET legacy.example/x            would_deny observed                    no_credential/unknown_operation
        observe whole
            GET orders.example/orders       allowed permit
            POST orders.example/orders      allowed permit
            GET orders.example/orders/7     allowed permit
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  would_deny observed                    no_grant
            GET orders.example/secrets/a    would_deny observed                    no_grant
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 403 guard                       guard
            GET orders.example/soon         would_deny observed                    guard/observed_guard
            GET orders.example/nothing      would_deny observed                    unknown_operation
            PUT orders.example/orders       would_deny observed                    method_not_declared
            GET legacy.example/x            would_deny observed                    unknown_operation
        observe readonly
            GET orders.example/orders       allowed permit
            POST orders.example/orders      denied 403 out_of_scope                out_of_scope
            GET orders.example/orders/7     allowed permit
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  denied 404 unknown_operation           out_of_scope
            GET orders.example/secrets/a    denied 404 unknown_operation           out_of_scope
            GET orders.example/public       denied 403 out_of_scope                out_of_scope
            GET orders.example/closed       denied 403 guard                       guard
            GET orders.example/soon         would_deny observed                    guard/observed_guard
            GET orders.example/nothing      would_deny observed                    unknown_operation
            PUT orders.example/orders       would_deny observed                    method_not_declared
            GET legacy.example/x            would_deny observed                    unknown_operation
        observe empty
            GET orders.example/orders       denied 403 out_of_scope                out_of_scope
            POST orders.example/orders      denied 403 out_of_scope                out_of_scope
            GET orders.example/orders/7     denied 403 out_of_scope                out_of_scope
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  denied 404 unknown_operation           out_of_scope
            GET orders.example/secrets/a    denied 404 unknown_operation           out_of_scope
            GET orders.example/public       denied 403 out_of_scope                out_of_scope
            GET orders.example/closed       denied 403 out_of_scope                out_of_scope
            GET orders.example/soon         denied 403 out_of_scope                out_of_scope
            GET orders.example/nothing      would_deny observed                    unknown_operation
            PUT orders.example/orders       would_deny observed                    method_not_declared
            GET legacy.example/x            would_deny observed                    unknown_operation
        observe stranger
            GET orders.example/orders       would_deny observed                    no_grant
            POST orders.example/orders      would_deny observed                    no_grant
            GET orders.example/orders/7     would_deny observed                    no_grant
            GET orders.example/orders/x     denied 400 bad_parameter               bad_parameter
            DELETE orders.example/orders/7  would_deny observed                    no_grant
            GET orders.example/secrets/a    would_deny observed                    no_grant
            GET orders.example/public       allowed permit
            GET orders.example/closed       denied 403 guard                       guard
            GET orders.example/soon         would_deny observed                    no_grant
            GET orders.example/nothing      would_deny observed                    unknown_operation
            PUT orders.example/orders       would_deny observed                    method_not_declared
            GET legacy.example/x            would_deny observed                    unknown_operation
        observe stopped
            GET orders.example/orders       denied 401 revoked_credential          revoked_credential
            POST orders.example/orders      denied 401 revoked_credential          revoked_credential
            GET orders.example/orders/7     denied 401 revoked_credential          revoked_credential
            GET orders.example/orders/x     denied 401 revoked_credential          revoked_credential
            DELETE orders.example/orders/7  denied 401 revoked_credential          revoked_credential
            GET orders.example/secrets/a    denied 401 revoked_credential          revoked_credential
            GET orders.example/public       denied 401 revoked_credential          revoked_credential
            GET orders.example/closed       denied 401 revoked_credential          revoked_credential
            GET orders.example/soon         denied 401 revoked_credential          revoked_credential
            GET orders.example/nothing      denied 401 revoked_credential          revoked_credential
            PUT orders.example/orders       denied 401 revoked_credential          revoked_credential
            GET legacy.example/x            denied 401 revoked_credential          revoked_credential
        observe wrong
            GET orders.example/orders       denied 401 invalid_credential          invalid_credential
            POST orders.example/orders      denied 401 invalid_credential          invalid_credential
            GET orders.example/orders/7     denied 401 invalid_credential          invalid_credential
            GET orders.example/orders/x     denied 401 invalid_credential          invalid_credential
            DELETE orders.example/orders/7  denied 401 invalid_credential          invalid_credential
            GET orders.example/secrets/a    denied 401 invalid_credential          invalid_credential
            GET orders.example/public       denied 401 invalid_credential          invalid_credential
            GET orders.example/closed       denied 401 invalid_credential          invalid_credential
            GET orders.example/soon         denied 401 invalid_credential          invalid_credential
            GET orders.example/nothing      denied 401 invalid_credential          invalid_credential
            PUT orders.example/orders       denied 401 invalid_credential          invalid_credential
            GET legacy.example/x            denied 401 invalid_credential          invalid_credential
    "#]].assert_eq(&matrix);
}
