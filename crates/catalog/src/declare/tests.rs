//! Tests of declaring: paths on the wire, groups from the lock alone, settings that name nothing.

use super::*;
use crate::read_document;

const DOCUMENT: &str = r#"
openapi: 3.0.0
paths:
  /users/{id}:
    parameters: [{in: path, name: id, schema: {type: integer}}]
    get: {operationId: getUser, summary: A user}
    delete: {deprecated: true}
  /files/{path}:
    parameters: [{in: path, name: path, schema: {type: integer}}]
    get: {}
  /:
    get: {}
"#;

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn declared(
    base: &str,
    spanning: &[&str],
    hidden: &[&str],
    lock: &str,
) -> (Vec<OperationDeclaration>, Vec<String>) {
    let document = read_document(DOCUMENT.as_bytes()).unwrap();
    let base_path = &BasePath::parse(base).unwrap();
    let (spanning, hidden) = (strings(spanning), strings(hidden));
    let settings = Declaring { base_path, spanning: &spanning, hide_existence: &hidden };
    let lock = GroupsLock::parse(&format!("version: 1\ngroups: {lock}\n")).unwrap();
    let (operations, notes) = declare(&document, &settings, &lock);
    (operations, notes.into_iter().map(|note| note.reason).collect())
}

fn keys(operations: &[OperationDeclaration]) -> Vec<String> {
    operations.iter().map(OperationDeclaration::key).collect()
}

#[test]
fn paths_are_those_on_the_wire() {
    let (operations, notes) = declared("/", &[], &[], "{}");
    assert_eq!(keys(&operations), ["GET /", "GET /files/{path}", "DELETE /users/{id}", "GET /users/{id}"]);
    assert_eq!(notes, [""; 0]);
    let (operations, notes) = declared("/v1/", &["/files/{path}"], &[], "{}");
    let expected = ["GET /v1/", "GET /v1/files/{path*}", "DELETE /v1/users/{id}", "GET /v1/users/{id}"];
    assert_eq!(keys(&operations), expected);
    assert_eq!(notes, [""; 0]);
    assert_eq!(keys(&declared("/v1", &["/v1/files/{path}"], &[], "{}").0), expected);
}

#[test]
fn an_operation_is_in_the_groups_that_the_lock_says_and_in_no_other() {
    let lock = r#"{"a": ["GET /users/{id}"], "a:own": ["GET /users/{id}", "DELETE /users/{id}"]}"#;
    let (operations, notes) = declared("/", &[], &[], lock);
    let groups = |operation: &OperationDeclaration| -> Vec<String> {
        operation.groups.iter().map(|group| group.as_str().to_owned()).collect()
    };
    let groups: Vec<Vec<String>> = operations.iter().map(groups).collect();
    assert_eq!(groups, [vec![], vec![], strings(&["a:own"]), strings(&["a", "a:own"])]);
    assert_eq!(notes, [""; 0]);
    // The lock speaks of paths on the wire: another base path makes other operations.
    let (operations, notes) = declared("/v1", &[], &[], lock);
    assert!(operations.iter().all(|operation| operation.groups.is_empty()));
    assert_eq!(
        notes,
        [
            "`groups.lock` names `DELETE /users/{id}`, which is not declared",
            "`groups.lock` names `GET /users/{id}`, which is not declared"
        ]
    );
    // A path that begins to span is another operation too.
    let (operations, _) = declared("/", &["/files/{path}"], &[], r#"{"a": ["GET /files/{path}"]}"#);
    assert!(operations.iter().all(|operation| operation.groups.is_empty()));
}

#[test]
fn takes_over_types_life_cycle_and_visibility() {
    let hidden = ["GET /users/{id}", "GET /files/{path*}"];
    let (operations, notes) = declared("/v1", &["/files/{path}"], &hidden[..1], "{}");
    assert_eq!(notes, [""; 0]);
    let [root, files, delete, get] = &operations[..] else { panic!() };
    assert!(root.parameters.is_empty());
    // What spans segments is a text.
    assert_eq!(files.parameters, [PathParameter { name: "path".into(), kind: ParameterKind::String }]);
    assert_eq!(get.parameters, [PathParameter { name: "id".into(), kind: ParameterKind::Long }]);
    assert_eq!(delete.lifecycle, crate::Lifecycle::Deprecated);
    assert_eq!(get.lifecycle, crate::Lifecycle::Active);
    assert_eq!(get.operation_id.as_deref(), Some("getUser"));
    assert_eq!(get.visibility, Visibility::Hidden);
    assert_eq!(delete.visibility, Visibility::Shown);
    for key in ["GET /v1/users/{id}", "GET /users/{id}"] {
        let (operations, notes) = declared("/v1", &[], &[key], "{}");
        assert_eq!((operations[3].visibility, notes.len()), (Visibility::Hidden, 0), "{key}");
    }
    let (operations, _) = declared("/v1", &["/files/{path}"], &["GET /v1/files/{path*}"], "{}");
    assert_eq!(operations[1].visibility, Visibility::Hidden);
}

#[test]
fn says_what_is_named_and_not_there() {
    let (operations, notes) =
        declared("/", &["/users", "/"], &["GET /nothing", "/users/{id}", "POST /users/{id}"], "{}");
    assert_eq!(
        notes,
        [
            "the path `/` cannot be used: a parameter that spans segments must be the whole last segment",
            "`spanning` names `/users`, which is not declared",
            "`hide_existence` names `GET /nothing`, which is not declared",
            "`hide_existence` names `/users/{id}`, which is not declared",
            "`hide_existence` names `POST /users/{id}`, which is not declared",
        ]
    );
    assert_eq!(operations.len(), 3);
}
