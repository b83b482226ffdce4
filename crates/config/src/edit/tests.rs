use expect_test::expect;

use super::*;

fn team(text: &str) -> Result<String, ConfigError> {
    add_team(
        text.as_bytes(),
        &TeamName::parse("new").unwrap(),
        &[PersonName::parse("ada@example.com").unwrap()],
    )
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
            'new': { members: ['ada@example.com'] }

        # the end
    "]]
    .assert_eq(&team(text).unwrap());
}

#[test]
fn adds_the_first_team() {
    let edited = team("version: 1\nteams: {} # none yet\n").unwrap();
    assert_eq!(edited, "version: 1\nteams: # none yet\n  'new': { members: ['ada@example.com'] }\n");
}

#[test]
fn adds_a_team_before_a_field_that_follows() {
    let edited = team("teams:\n  a:\n    members:\n      - ada\nversion: 1").unwrap();
    assert_eq!(
        edited,
        "teams:\n  a:\n    members:\n      - ada\n  'new': { members: ['ada@example.com'] }\nversion: 1\n"
    );
}

#[test]
fn refuses_what_it_cannot_edit_safely() {
    for (text, expected) in [
        ("version: 1\nteams: { a: {} }\n", "cannot edit"),
        ("version: 1\nteams:\n  new: {}\n", "exists already"),
        ("version: 1\nteams:\n  a: { member: [] }\n", "has no field `member`"),
        ("{ version: 1, teams: {} }\n", "cannot edit"),
        ("version: 2\nteams: {}\n", "is of version 2"),
        ("", "the file is empty"),
        ("version: 1\nteams: &t {}\n", "cannot edit"),
    ] {
        let found = team(text).unwrap_err();
        assert!(found.reason.contains(expected), "{text:?} gave {found}");
        assert_eq!(found.file, "teams.yaml");
    }
}

#[test]
fn sets_a_field_in_place_or_after_another() {
    let text = "version: 1\nowner: a # ours\nmode: observe        # until then\nobserve_until: 2026-12-09\n";
    expect![[r"
        version: 1
        owner: a # ours
        mode: enforce                   # until then
        observe_until: 2026-12-09
    "]]
    .assert_eq(&set_enforced(text.as_bytes(), "api.yaml").unwrap());
    let text = "version: 1\nlimits:\n  body: 1MiB\n\ncors: {}\n";
    let edited = set_field(text.as_bytes(), "api.yaml", "mode", "enforce", "limits").unwrap();
    assert_eq!(edited, "version: 1\nlimits:\n  body: 1MiB\nmode: enforce\n\ncors: {}\n");
}

#[test]
fn observes_what_was_enforced_and_moves_an_end() {
    for text in [
        "version: 1\nexposure: public\nhosts: [a]\n",
        "version: 1\nexposure: public\nmode: enforce\nhosts: [a]\n",
    ] {
        let edited = set_observe_until(text.as_bytes(), "api.yaml", "2026-12-09").unwrap();
        assert_eq!(
            edited,
            "version: 1\nexposure: public\nmode: observe\nobserve_until: 2026-12-09\nhosts: [a]\n"
        );
        let moved = set_observe_until(edited.as_bytes(), "api.yaml", "2026-12-30").unwrap();
        assert_eq!(moved, edited.replace("12-09", "12-30"));
    }
    let refused = set_observe_until(b"version: 1\n", "apis/a/api.yaml", "soon\nowner: evil").unwrap_err();
    assert!(refused.reason.contains("neither a date"), "{refused}");
}

#[test]
fn a_value_cannot_smuggle_structure_in() {
    let text = b"version: 1\nmode: observe\n";
    for value in ["enforce\nowner: evil", "enforce # x\nowner: evil", "", " ", "[", "a: b", "'a", "&x a b: c"]
    {
        assert!(set_field(text, "api.yaml", "mode", value, "version").is_err(), "{value:?}");
    }
    // A block value is not cut in two.
    assert!(set_field(b"limits:\n  body: 1MiB\n", "api.yaml", "limits", "{}", "").is_err());
}
