//! The golden matrix: every kind of caller, every operation, both modes. A change here is a change of who may what.

use std::fmt::Write as _;

use expect_test::expect_file;

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
    expect_file!["matrix.txt"].assert_eq(&matrix);
}
