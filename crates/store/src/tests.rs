//! The store as its callers see it.

mod blocks;
mod existing;
mod files;
mod people;
mod texts;
mod usage;

use std::collections::BTreeMap;

use model::{ApplicationName, AttributeValue, KeyId, PersonName, TeamName, Timestamp};

use crate::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn act(seconds: i64) -> Act {
    Act { at: at(seconds), by: "ada".to_owned(), reason: "leaked".to_owned() }
}

fn application(name: &str) -> NewApplication {
    NewApplication {
        name: ApplicationName::parse(name).unwrap(),
        team: TeamName::parse("partners").unwrap(),
        attributes: BTreeMap::from([
            ("customer".to_owned(), AttributeValue::String("42".to_owned())),
            ("level".to_owned(), AttributeValue::Long(-42)),
            ("paid".to_owned(), AttributeValue::Bool(true)),
            ("tags".to_owned(), AttributeValue::StringSet(["a".to_owned(), "b, c".to_owned()].into())),
        ]),
        created: at(1),
        created_by: "ada".to_owned(),
    }
}

fn key_id(number: u32) -> KeyId {
    KeyId::parse(format!("{number:012}").as_bytes()).unwrap()
}

fn key(number: u32) -> NewKey {
    let mut digest = [7; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    NewKey {
        id: key_id(number),
        kind: KeyKind::Own,
        application: ApplicationName::parse("shop").unwrap(),
        digest: Digest::new(digest),
        scopes: vec!["orders:read".to_owned(), "orders:GET /orders/{id}".to_owned()],
        environment: "live".to_owned(),
        created: at(10),
        created_by: "ada".to_owned(),
        expires: at(1_000),
    }
}

fn administrator(name: &str, token: u8) -> NewAdministrator {
    NewAdministrator {
        name: PersonName::parse(name).unwrap(),
        role: Role::Admin,
        token: Digest::new([token; 32]),
        created: at(1),
        created_by: "bootstrap".to_owned(),
    }
}

fn with_shop() -> Store {
    let mut store = Store::in_memory().unwrap();
    store.add_application(&application("shop")).unwrap();
    store
}
