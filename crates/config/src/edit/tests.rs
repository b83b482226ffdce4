//! Edits: what changes, what stays, what is refused.

use expect_test::expect;

use super::*;

fn team(text: &str) -> Result<String, EditError> {
    add_team(text, &TeamName::parse("new").unwrap())
}

#[test]
fn adds_a_team_and_keeps_comments_and_order() {
    let text = "# Ours.\nversion: 1\nteams:\n    zebra: # first\n        members: [ada]\n    # the partners\n    \
                alpha: {}\n\n# the end\n";
    expect![[r"
        # Ours.
        version: 1
        teams:
            zebra: # first
                members: [ada]
            # the partners
            alpha: {}
            'new': { members: [] }

        # the end
    "]]
    .assert_eq(&team(text).unwrap());
}

#[test]
fn adds_the_first_team() {
    let edited = team("version: 1\nteams: {} # none yet\n").unwrap();
    assert_eq!(edited, "version: 1\nteams: # none yet\n  'new': { members: [] }\n");
}

#[test]
fn lines_end_as_they_did() {
    let edited = team("version: 1\r\nteams: {}\r\n").unwrap();
    assert_eq!(edited, "version: 1\r\nteams:\r\n  'new': { members: [] }\r\n");
    let edited = set_field("mode: observe\r\nowner: a\r\n", "mode", "enforce", "owner").unwrap();
    assert_eq!(edited, "mode: enforce\r\nowner: a\r\n");
    assert!(matches!(team("version: 1\r\nteams: {}\n"), Err(EditError::LineEnds)));
    let mixed = set_field("mode: observe\r\nowner: a\n", "mode", "enforce", "owner");
    assert!(matches!(mixed, Err(EditError::LineEnds)));
}

#[test]
fn adds_a_team_before_a_field_that_follows() {
    let edited = team("teams:\n  a:\n    members:\n      - ada\nversion: 1").unwrap();
    assert_eq!(edited, "teams:\n  a:\n    members:\n      - ada\n  'new': { members: [] }\nversion: 1\n");
}

#[test]
fn refuses_what_it_cannot_edit_safely() {
    for (text, expected) in [
        ("version: 1\nteams: { a: {} }\n", "layout"),
        ("version: 1\nteams:\n  new: {}\n", "exists"),
        ("version: 1\nteams:\n  a: { member: [] }\n", "faulty"),
        ("{ version: 1, teams: {} }\n", "layout"),
        ("version: 2\nteams: {}\n", "faulty"),
        ("", "faulty"),
        ("version: 1\nteams: &t {}\n", "layout"),
    ] {
        let found = match team(text) {
            Ok(edited) => panic!("{text:?} became {edited:?}"),
            Err(EditError::Layout { .. }) => "layout",
            Err(EditError::LineEnds) => "line ends",
            Err(EditError::TeamExists { .. }) => "exists",
            Err(EditError::Faulty { .. }) => "faulty",
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn sets_a_field_in_place_or_after_another() {
    let text = "version: 1\nowner: a # ours\nmode: observe        # until then\nobserve_until: 2026-12-09\n";
    let edited = set_field(text, "mode", "enforce", "owner").unwrap();
    expect![[r"
        version: 1
        owner: a # ours
        mode: enforce                   # until then
        observe_until: 2026-12-09
    "]]
    .assert_eq(&edited);
    let edited =
        set_field("version: 1\nlimits:\n  body: 1MiB\n\ncors: {}\n", "mode", "enforce", "limits").unwrap();
    assert_eq!(edited, "version: 1\nlimits:\n  body: 1MiB\nmode: enforce\n\ncors: {}\n");
}

#[test]
fn a_value_cannot_smuggle_structure_in() {
    let text = "version: 1\nmode: observe\n";
    for value in ["enforce\nowner: evil", "enforce # x\nowner: evil", "", " ", "[", "a: b", "'a", "&x a b: c"]
    {
        assert!(set_field(text, "mode", value, "version").is_err(), "{value:?}");
    }
    // A block value is not cut in two.
    assert!(set_field("limits:\n  body: 1MiB\n", "limits", "{}", "").is_err());
}
