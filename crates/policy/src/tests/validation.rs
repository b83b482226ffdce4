//! Reduced validation, its cache, and the schema.

use cedar_policy::{Schema, ValidationMode, Validator};

use super::world::*;
use crate::schema::quoted;
use crate::{Directory, ValidationCache, compile};

#[test]
fn the_schema_is_valid_cedar_and_explains_itself() {
    let policies = policies("");
    let text = policies.schema_text();
    let (schema, warnings) = Schema::from_cedarschema_str(text).unwrap();
    assert_eq!(warnings.count(), 0);
    assert_eq!(schema.actions().count(), catalog().operations().len() + schema.action_groups().count());
    for part in
        ["// A team", "entity Api {", "\"customer\"?: String", "\"regions\"?: Set<String>", "\"id\": Long"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn names_stay_inside_their_strings() {
    // Security case 91: the type of an attribute is the only thing that may be added to the schema by its name.
    let hostile = ["a\"; action \"x", "`b`", "c\\", "$1", "d\n}", "e\u{202e}", "f'", "{g}", "//h", "\u{0}"];
    let directory = Directory {
        attributes: hostile.iter().map(|name| ((*name).to_owned(), model::AttributeType::Bool)).collect(),
        ..directory()
    };
    let compiled = compile(&[], &catalog(), &directory, &mut ValidationCache::new()).unwrap();
    let (schema, _) = Schema::from_cedarschema_str(compiled.policies.schema_text()).unwrap();
    let plain = policies("");
    let (expected, _) = Schema::from_cedarschema_str(plain.schema_text()).unwrap();
    assert_eq!(schema.actions().count(), expected.actions().count());
    for name in hostile {
        let policy = format!(
            "@id(\"p\") permit (principal is Application, action, resource) when {{ principal has {0} && principal[{0}] }};",
            quoted(name)
        );
        let taken = compile(&[source(&policy)], &catalog(), &directory, &mut ValidationCache::new());
        assert!(taken.is_ok(), "{name:?}: {taken:?}");
    }
}

#[test]
fn an_annotation_cannot_leave_its_string() {
    let text = format!(
        "@id(\"p\") @reason({}) permit (principal, action, resource);",
        quoted("\"); forbid (principal, action, resource); // \n")
    );
    let compiled = try_compile(&text).unwrap();
    assert_eq!(compiled.policies.policies().len(), 1);
}

#[test]
fn what_was_validated_is_remembered_by_content() {
    let (catalog, directory) = (catalog(), directory());
    let good = source("@id(\"p\") permit (principal, action, resource) when { context.mfa };");
    let mut cache = ValidationCache::new();
    compile(std::slice::from_ref(&good), &catalog, &directory, &mut cache).unwrap();
    let first: Vec<_> = cache.hashes().copied().collect();
    assert_eq!(first.len(), 1);
    compile(std::slice::from_ref(&good), &catalog, &directory, &mut cache).unwrap();
    assert_eq!(cache.hashes().count(), 1);
    let mut kept = ValidationCache::from_hashes(first.iter().copied());
    compile(&[good], &catalog, &directory, &mut kept).unwrap();
    assert_eq!(kept.hashes().count(), 1);
    // Neither an error nor a warning is remembered: both are said each time.
    for text in ["context.nothing", "context.mfa && false"] {
        let mut cache = ValidationCache::new();
        let doubtful =
            [source(&format!("@id(\"p\") permit (principal, action, resource) when {{ {text} }};"))];
        let say = |cache: &mut ValidationCache| match compile(&doubtful, &catalog, &directory, cache) {
            Ok(compiled) => compiled.warnings,
            Err(error) => error.diagnostics,
        };
        assert_eq!(say(&mut cache), say(&mut cache), "{text}");
        assert_eq!(cache.hashes().count(), 0, "{text}");
    }
}

#[test]
fn a_change_of_a_type_is_validated_again() {
    let catalog = catalog();
    let text = "@id(\"p\") permit (principal is Application, action, resource) when { principal has tier && principal.tier < 3 };";
    let mut cache = ValidationCache::new();
    compile(&[source(text)], &catalog, &directory(), &mut cache).unwrap();
    let mut changed = directory();
    changed.attributes.insert("tier".to_owned(), model::AttributeType::String);
    assert!(compile(&[source(text)], &catalog, &changed, &mut cache).is_err());
}

/// Conditions that are right for some operations, for all, or for none.
const CONDITIONS: [&str; 24] = [
    "context.mfa",
    "context.params.id == \"7\"",
    "context.params.id == 7",
    "context.params has id && context.params.id == 7",
    "context.params has id && context.params.id == \"7\"",
    "context.params has year && 2020 < context.params.year",
    "context.params has customerId && context.params.customerId == \"7\"",
    "context.params == {id: 7}",
    "context has user && context.user.name == \"ada\"",
    "context.user.name == \"ada\"",
    "principal has customer && principal.customer == \"42\"",
    "principal.customer == \"42\"",
    "principal is Application && principal has tier && principal.tier < 3",
    "principal has tier && principal.tier < \"3\"",
    "action in Action::\"orders:read\" && context.params has id && context.params.id == \"7\"",
    "action == Action::\"users:GET /users/{id}\" && context.params.id == 7",
    "action in Action::\"users\" && context.params.id == \"7\"",
    "action in [Action::\"users\", Action::\"orders:write\"] || context.params has year",
    // Wrong for one operation or group only, whose parameters others have as well.
    "action == Action::\"orders:DELETE /orders/{id}\" && context.params.nothing == 1",
    "action in Action::\"orders:write\" && context.nothing",
    "resource == Api::\"users\" && context.params.id == 7",
    "resource.dataClass == \"public\"",
    "resource.dataClass == 1",
    "principal in Team::\"staff\" && context.scopes.contains(\"orders\")",
];

const ACTIONS: [&str; 8] = [
    "action",
    "action == Action::\"users:GET /users/{id}\"",
    "action == Action::\"orders:GET /orders/{id}\"",
    "action == Action::\"orders:GET /reports/{year}\"",
    "action in Action::\"orders\"",
    "action in Action::\"orders:read\"",
    "action in [Action::\"users\", Action::\"orders:GET /orders/{id}\"]",
    "action == Action::\"orders\"",
];

const PRINCIPALS: [&str; 4] = [
    "principal",
    "principal is Application",
    "principal in Team::\"staff\"",
    "principal == Anonymous::\"anonymous\"",
];

#[test]
fn reduced_validation_agrees_with_full_validation() {
    let (catalog, directory) = (catalog(), directory());
    let policies = policies("");
    let (schema, _) = Schema::from_cedarschema_str(policies.schema_text()).unwrap();
    let full = Validator::new(schema);
    let mut taken = 0;
    for principal in PRINCIPALS {
        for action in ACTIONS {
            for condition in CONDITIONS {
                let text =
                    format!("@id(\"p\") permit ({principal}, {action}, resource) when {{ {condition} }};");
                let expected =
                    full.validate(&text.parse().unwrap(), ValidationMode::Strict).validation_passed();
                let found =
                    compile(&[source(&text)], &catalog, &directory, &mut ValidationCache::new()).is_ok();
                // A policy about no operation is in no slice, so it is not validated at all.
                let reaches_none = action.ends_with("\"orders\"") && action.contains("==");
                assert_eq!(found, expected || reaches_none, "{text}");
                taken += usize::from(found);
            }
        }
    }
    let all = PRINCIPALS.len() * ACTIONS.len() * CONDITIONS.len();
    assert!(all / 5 < taken && taken < all * 4 / 5, "{taken} of {all}: the cases say little");
}
