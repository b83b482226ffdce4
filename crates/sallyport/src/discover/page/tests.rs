//! The page as text: what is on it, what is not, and how large it becomes.

use std::collections::BTreeMap;

use inventory::{NoiseKind, Operation, Reason, State};

use super::super::testing::{orphan, seen};
use super::*;

/// What somebody sends who hopes that a person will open the page.
const HOSTILE: &str =
    "</td></script></style><script>alert(1)</script><img src=x onerror=\"alert(1)\">'&\u{202e}";

fn page(stated: &[Stated], compared: Compared) -> String {
    let count = stated.iter().filter_map(|one| one.seen.as_ref()).map(|seen| seen.count).sum();
    let host = HostSummary {
        host: "shop.example".to_owned(),
        count,
        first_seen: Some(1_790_000_000_000),
        last_seen: Some(1_790_000_100_000),
    };
    let found = Found { hosts: &[host], ..found(stated, compared) };
    html(&found).unwrap().text
}

fn found(stated: &[Stated], compared: Compared) -> Found<'_> {
    Found {
        stated,
        compared,
        hosts: &[],
        noise: &[],
        taken: &[],
        gaps: &[],
        dropped: None,
        settings: &[],
        made_at: Timestamp::from_millis(1_790_000_200_000),
    }
}

fn with(mut one: Stated, change: impl FnOnce(&mut Operation)) -> Stated {
    change(one.seen.as_mut().unwrap());
    one
}

/// The text between the first `from` and the next `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).unwrap().1.split_once(to).unwrap().0
}

#[test]
fn the_page_leads_with_what_needs_attention() {
    let stated = [
        seen(State::Documented, "/documented", 900),
        seen(State::Shadow, "/shadow/{id}", 1_200),
        orphan("/orphan"),
        with(seen(State::Documented, "/open", 3), |one| one.open_successes = 1),
    ];
    let text = page(&stated, Compared::WithDocuments);
    let attention = between(&text, "id=\"attention\"", "</section>");
    let figures: Vec<&str> = attention
        .split("<span class=\"figure\">")
        .skip(1)
        .map(|rest| between(rest, "</span> <span>", "</span>"))
        .collect();
    assert_eq!(
        figures,
        [
            "operation answered without a credential",
            "operation is called and in no document",
            "operation is in a document and no call to it succeeded"
        ]
    );
    assert!(attention.contains("1,200 calls") && !attention.contains("/documented"), "{attention}");
    let rows: Vec<&str> =
        text.split("<tr data-c=\"").skip(1).map(|row| row.split_once('"').unwrap().0).collect();
    assert_eq!(rows, ["open", "shadow", "orphan", ""]);
    assert!(text.contains("3 operations in 2,103 requests,</span> <span>2026-09-21, 14:13 to 14:15 UTC"));
}

#[test]
fn nothing_found_is_no_claim_that_nothing_is_wrong() {
    let text = page(&[seen(State::Shadow, "/a", 1)], Compared::WithNothing);
    assert!(text.contains("What could not be looked for is under <a href=\"#blind\">blind spots</a>"));
    assert!(text.contains("Nothing was compared with documents"));
    let blind = between(&text, "id=\"blind\"", "</section>");
    assert!(blind.contains("No document was given to compare with"), "{blind}");
    assert!(blind.contains("Not tested for credentials: 1 of 1 operations."), "{blind}");
    assert!(!text.contains("<option value=\"shadow\">"), "without documents nothing is one");
    let text = page(&[seen(State::Documented, "/a", 1)], Compared::WithDocuments);
    assert!(!between(&text, "id=\"blind\"", "</section>").contains("No document"));
}

#[test]
fn a_page_of_nothing_says_so() {
    let text = html(&found(&[], Compared::WithNothing)).unwrap().text;
    assert!(text.contains("Nothing was seen") && text.contains("there is no operation"));
    assert!(!text.contains("<table id=\"table\""));
}

#[test]
fn nothing_from_a_log_becomes_markup() {
    let path = format!("/{HOSTILE}/{{{HOSTILE}}}");
    let hostile = with(seen(State::Shadow, &path, 7), |one| {
        one.examples = vec![HOSTILE.to_owned()];
        one.content_types = vec![HOSTILE.to_owned()];
        one.callers.sample = vec![HOSTILE.to_owned()];
        one.reasons = vec![Reason { segment: None, text: HOSTILE.to_owned() }];
        one.parameters.first_mut().unwrap().name = HOSTILE.to_owned();
    });
    let hostile = Stated { host: HOSTILE.to_owned(), method: HOSTILE.to_owned(), ..hostile };
    let host = HostSummary { host: HOSTILE.to_owned(), count: 7, first_seen: None, last_seen: None };
    let hosts = [host.clone(), HostSummary { host: "shop.example".to_owned(), ..host }];
    let noise = NoiseReport {
        host: HOSTILE.to_owned(),
        kind: NoiseKind::Scanner,
        count: 1,
        samples: vec![HOSTILE.to_owned()],
    };
    let input = Taken {
        name: HOSTILE.to_owned(),
        format: "combined",
        parts: "lines",
        why: HOSTILE.to_owned(),
        lines: 7,
        read: 7,
        faults: BTreeMap::new(),
        broken: Some(HOSTILE.to_owned()),
    };
    let stated = [hostile, Stated { host: HOSTILE.to_owned(), ..orphan(&path) }];
    for hosts in [&hosts[..1], &hosts[..]] {
        let all = Found {
            hosts,
            noise: std::slice::from_ref(&noise),
            taken: std::slice::from_ref(&input),
            settings: &[("Fields", HOSTILE.to_owned())],
            ..found(&stated, Compared::WithDocuments)
        };
        let text = html(&all).unwrap().text;
        assert!(10 < text.matches("alert(1)").count(), "it is shown");
        assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
        assert!(!text.contains('\u{202e}') && text.contains("⟨U+202E⟩"));
        for (tag, count) in [("<script", 1), ("</script", 1), ("<style", 1), ("</style", 1)] {
            assert_eq!(text.matches(tag).count(), count, "{tag}");
        }
    }
}

#[test]
fn five_thousand_operations_stay_below_five_megabytes_whatever_their_evidence() {
    let rich = |number: usize, text: &str| {
        with(
            seen(
                State::Shadow,
                &format!("/v1/organizations/{{organizationId}}/resources-{number}/{{id}}"),
                12_345,
            ),
            |one| {
                one.examples = vec![text.repeat(20); 5];
                one.callers.sample = vec![text.to_owned(); 5];
                one.reasons = vec![Reason { segment: Some(3), text: text.repeat(9) }; 5];
            },
        )
    };
    for text in ["plain", "\"'<>&", "\u{202e}", "商品"] {
        let stated: Vec<Stated> = (0..5_000).map(|number| rich(number, text)).collect();
        let page = html(&found(&stated, Compared::WithDocuments)).unwrap();
        let text = &page.text;
        assert!(text.len() < 5_000_000, "{}", text.len());
        assert_eq!(text.matches("<tr data-c").count(), 5_000);
        assert!(text.contains("are here without evidence"), "what is not there is told");
        let told = format!("the last {} operations on the page are without evidence", page.without_evidence);
        assert!(matches!(&page.missing()[..], [one] if one.starts_with(&told)), "{:?}", page.missing());
    }
    let stated: Vec<Stated> = (0..5_000).map(|_| seen(State::Shadow, "/orders/{id}/items", 12)).collect();
    let text = page(&stated, Compared::WithDocuments);
    assert!(text.len() < 4_000_000 && !text.contains("are here without evidence"), "{}", text.len());
}

#[test]
fn what_is_not_on_the_page_is_told() {
    let mut stated: Vec<Stated> =
        (0..OPERATIONS_MAX).map(|number| seen(State::Documented, &format!("/{number}"), 1)).collect();
    let page = html(&found(&stated, Compared::WithDocuments)).unwrap();
    assert_eq!((page.left_out, page.without_evidence, page.missing().len()), (0, 0, 0));
    assert!(!page.text.contains("are not on this page"));
    stated.push(seen(State::Documented, "/least", 0));
    stated.push(seen(State::Zombie, "/gravest", 1));
    let page = html(&found(&stated, Compared::WithDocuments)).unwrap();
    assert_eq!(page.left_out, 2);
    assert!(matches!(&page.missing()[..], [one] if one.starts_with("2 operations are not on the page")));
    assert!(page.text.contains("2 more operations are not on this page"));
    assert!(page.text.contains("/gravest") && !page.text.contains("/least"));
}
