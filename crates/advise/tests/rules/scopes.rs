//! Needs that scopes of access tokens declare, together with the documents that ask for them.

use advise::{Basis, Grantee, Suggestion};
use testkit::company::{Call, Company, Place, Standing, Who};

use super::small::{
    DAY, DELETE, LIST, MAKE, MAKE_SECRET, READ, SECRETS, call, client, company, often, propose,
    propose_beside, word,
};

/// The client that tokens show.
const SYNC: usize = 3;

/// Documents that ask for `scopes` of an operation, and a client whose tokens have those of `granted`.
fn asking(scopes: &[(Place, &[&str])], granted: &[&str]) -> Company {
    let mut company = company();
    for ((api, place), scopes) in scopes {
        company.apis[*api].operations[*place].scopes = owned(scopes);
    }
    company.clients.push(testkit::company::Client {
        scopes: owned(granted),
        ..client("corp:sync", "shops", Standing::Token)
    });
    company
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn by_token(calls: Vec<Call>) -> Vec<Call> {
    calls.into_iter().map(|call| Call { who: Who::Client(SYNC), key: None, ..call }).collect()
}

/// What is proposed where the client calls one operation often, and `also`.
fn suggestion(company: &Company, also: Vec<Call>) -> Suggestion {
    propose(company, &[by_token(often(SYNC, LIST)), by_token(also)])
}

fn check(scopes: &[(Place, &[&str])], granted: &[&str], place: Place, expected: &str) {
    let company = asking(scopes, granted);
    let suggestion = suggestion(&company, Vec::new());
    assert_eq!(word(&suggestion, &company, place), expected, "{:#?}", suggestion.proposals);
}

#[test]
fn a_scope_that_just_one_operation_asks_for_is_a_word_and_that_of_many_is_none() {
    let close: &[&str] = &["close"];
    check(&[(DELETE, close)], &["close"], DELETE, "ready");
    check(&[(DELETE, close)], &["open"], DELETE, "no proposal");
    check(&[(DELETE, close)], &[], DELETE, "no proposal");
    check(&[], &["close"], DELETE, "no proposal");
    check(&[(DELETE, close), (MAKE, close)], &["close"], DELETE, "shared_scope");
    // Another API's document is another matter.
    check(&[(DELETE, close), (SECRETS, close)], &["close"], DELETE, "ready");
    check(&[(SECRETS, close)], &["close"], SECRETS, "no proposal");
}

#[test]
fn what_more_than_four_ask_for_says_nothing_of_any() {
    let with = |count: usize| {
        let mut company = asking(&[], &["orders.write"]);
        let operations = &mut company.apis[0].operations;
        while operations.len() < 8 {
            let path = format!("/orders/{{id}}/{}", operations.len());
            operations.push(testkit::company::Operation { method: "POST", path, scopes: Vec::new() });
        }
        for operation in operations.iter_mut().skip(1).take(count) {
            operation.scopes = owned(&["orders.write"]);
        }
        word(&suggestion(&company, Vec::new()), &company, READ)
    };
    assert_eq!((with(4).as_str(), with(5).as_str()), ("shared_scope", "no proposal"));
}

#[test]
fn scopes_that_are_asked_for_together_must_be_of_one_token() {
    let both: &[&str] = &["orders", "close"];
    let scopes: [(Place, &[&str]); 3] = [(DELETE, both), (MAKE, &["orders"]), (READ, &["orders"])];
    check(&scopes, &["orders", "close"], DELETE, "ready");
    check(&scopes, &["close"], DELETE, "no proposal");
    check(&scopes, &["orders"], DELETE, "no proposal");
}

#[test]
fn the_grant_names_the_scope_its_client_and_the_strength_of_a_token() {
    let company = asking(&[(DELETE, &["close"])], &["close"]);
    let suggestion = suggestion(&company, Vec::new());
    let proposal = suggestion.proposals.iter().find(|one| one.basis == Basis::Scoped).unwrap();
    assert_eq!(proposal.grantee, Grantee::Application("corp:sync".to_owned()));
    assert_eq!((proposal.evidence.calls, &proposal.evidence.scopes), (0, &owned(&["close"])));
    for part in
        ["@scopes(\"close\")", "context.strength >= 3", "action == Action::\"orders:DELETE /orders/{id}\""]
    {
        assert!(proposal.text.contains(part), "{part}: {}", proposal.text);
    }
    let again = propose_beside(&company, &proposal.text, &[by_token(often(SYNC, LIST))]);
    assert_eq!(word(&again, &company, DELETE), "no proposal");
    // What permits it to others permits it not to this one.
    let others = proposal.text.replace("corp:sync", "corp:other");
    let again = propose_beside(&company, &others, &[by_token(often(SYNC, LIST))]);
    assert_eq!(word(&again, &company, DELETE), "ready");
}

#[test]
fn what_is_called_for_once_is_ready_where_its_scope_is_of_it_alone() {
    let said = |scopes: &[(Place, &[&str])], granted: &[&str]| {
        let company = asking(scopes, granted);
        word(&suggestion(&company, vec![call(SYNC, DELETE, DAY)]), &company, DELETE)
    };
    assert_eq!(said(&[(DELETE, &["close"])], &["close"]), "ready");
    assert_eq!(said(&[(DELETE, &["close"])], &["open"]), "called_once");
    assert_eq!(said(&[(DELETE, &["close"]), (MAKE, &["close"])], &["close"]), "called_once");
}

#[test]
fn rules_about_objects_and_sensitive_data_ask_for_a_word_all_the_same() {
    let company = asking(&[(MAKE_SECRET, &["make"])], &["make"]);
    let calls = [by_token(often(SYNC, SECRETS))];
    assert_eq!(word(&propose(&company, &calls), &company, MAKE_SECRET), "sensitive_write");
    let company = asking(&[(READ, &["read"])], &["read"]);
    let own = r#"@id("own") @owner("owners") @reason("r") @expires("2099-01-01")
        permit (principal == Application::"shop", action == Action::"orders:GET /orders/{id}", resource) when { context.params.id == "7" };"#;
    let suggestion = propose_beside(&company, own, &[by_token(often(SYNC, LIST))]);
    assert_eq!(word(&suggestion, &company, READ), "object_rule");
}

#[test]
fn only_who_was_verified_and_succeeded_is_believed() {
    let company = asking(&[(DELETE, &["close"])], &["close"]);
    let said = |change: fn(Call) -> Call| {
        let calls = by_token(often(SYNC, LIST)).into_iter().map(change).collect();
        word(&propose(&company, &[calls]), &company, DELETE)
    };
    assert_eq!(said(|call| call), "ready");
    assert_eq!(said(|call| Call { status: 500, ..call }), "no proposal");
    assert_eq!(said(|call| Call { who: Who::Claimed, ..call }), "no proposal");
    assert_eq!(said(|call| Call { who: Who::Anonymous, ..call }), "no proposal");
    // Nor is a client in whom the issuer's name is not one of ours.
    let mut stranger = asking(&[(DELETE, &["close"])], &["close"]);
    stranger.clients[SYNC].name = "other:sync".to_owned();
    assert_eq!(word(&suggestion(&stranger, Vec::new()), &stranger, DELETE), "no proposal");
}

#[test]
fn an_operation_for_anybody_widens_nothing() {
    let company = asking(&[(READ, &[])], &["close"]);
    let suggestion = suggestion(&company, Vec::new());
    assert_eq!(word(&suggestion, &company, READ), "no proposal");
    assert!(suggestion.proposals.iter().all(|one| one.basis == Basis::Used));
}

/// The team's grant is for what each of its clients needs by itself.
#[test]
fn scopes_of_one_client_are_not_for_its_team() {
    let mut company = asking(&[(DELETE, &["close"])], &["close"]);
    company.clients.retain(|client| client.name != "till");
    company.keys.truncate(1);
    let sync = 2;
    let calls = |number, place| {
        let calls = often(number, place).into_iter();
        calls.map(|call| Call { who: Who::Client(number), key: (number == 0).then_some(0), ..call }).collect()
    };
    let suggestion = propose(&company, &[calls(0, LIST), calls(sync, LIST)]);
    let reach = |one: &advise::Proposal| (one.grantee.clone(), one.operations.clone());
    let found: Vec<_> = suggestion.proposals.iter().map(reach).collect();
    let team = (Grantee::Team("shops".to_owned()), vec![company.id(LIST)]);
    let own = (Grantee::Application("corp:sync".to_owned()), vec![company.id(DELETE)]);
    assert_eq!(found, [team, own]);
}
