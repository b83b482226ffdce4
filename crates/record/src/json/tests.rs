//! Entries there and back, and what people see of them.

use expect_test::{Expect, expect};
use model::{
    DecisionId, DenyReason, KeyId, RevisionNumber, Snapshots, Strength, Timestamp, UpstreamFailure, Verdict,
};
use proptest::prelude::*;

use super::*;
use crate::encode::*;
use crate::segment::PersonalPart;
use crate::tree::commit;
use crate::{
    AttributeRef, Carried, Change, Closed, Continued, Decided, Loss, LossCause, Opened, ParamHash, Personal,
    Pruned,
};

const TIME: Timestamp = Timestamp::from_millis(1_796_810_400_120);

fn id() -> DecisionId {
    DecisionId::new(TIME, 0x1234_5678_9abc_def0_1234)
}

fn decision<'a>(personal: Personal<'a>) -> Decided<'a> {
    Decided {
        id: id(),
        time: TIME,
        snapshots: Snapshots { revision: RevisionNumber(7), keys: 300, stops: 2 },
        verdict: Verdict::Denied,
        reason: Some(DenyReason::NoGrant),
        code: "",
        api: "orders",
        operation: "orders:GET /orders/{id}",
        mode: Carried::Enforced,
        policies: &["partners-read"],
        observed: &[],
        strength: Strength::SharedSecret,
        personal,
    }
}

fn personal<'a>() -> Personal<'a> {
    Personal {
        client: ClientRef::Application("shop"),
        team: Some("partners"),
        user: None,
        key: Some(KeyId::parse(b"abcDEF012345").unwrap()),
        source_ip: Some("2001:db8::1".parse().unwrap()),
        method: None,
        trace_id: Some([0xab; 16]),
        params: &[("id", ParamRef::Hashed(ParamHash(0xff))), ("page", ParamRef::Text("2"))],
        attributes: &[
            ("customer", AttributeRef::Text("42")),
            ("vip", AttributeRef::Bool(true)),
            ("limit", AttributeRef::Long(-5)),
            ("regions", AttributeRef::TextSet(&["eu", "us"])),
        ],
    }
}

fn completed() -> Completed {
    Completed {
        id: id(),
        time: TIME,
        status: 502,
        outcome: Outcome::Failed(UpstreamFailure::Broken),
        request_bytes: 0,
        response_bytes: 1_000,
        time_to_decision_us: 12,
        upstream_us: 800,
        total_us: 850,
    }
}

fn check(leaf: impl FnOnce(&mut Vec<u8>), expected: Expect) {
    let mut bytes = Vec::new();
    leaf(&mut bytes);
    expected.assert_eq(&render(9, &Stored { leaf: &bytes, personal: None }).unwrap().join("\n"));
}

#[test]
fn a_whole_request_reads_as_two_entries() {
    let (mut public, mut part, mut ending, mut leaf) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let personal = personal();
    put_decided(&mut public, &decision(personal));
    put_personal(&mut part, &personal);
    put_completed(&mut ending, &completed());
    put_whole_leaf(&mut leaf, &public, &commit(&[1; 16], &part), &ending);
    let stored = Stored { leaf: &leaf, personal: Some(PersonalPart { salt: [1; 16], bytes: &part }) };
    assert!(stored.is_as_committed(&Leaf::decode(&leaf).unwrap()));
    let other = Stored { personal: Some(PersonalPart { salt: [2; 16], bytes: &part }), ..stored };
    assert!(!other.is_as_committed(&Leaf::decode(&leaf).unwrap()));
    expect![[r#"
        {"kind":"decided","index":9,"id":"01m9d3xrbr28t5cy4tqkff04hm","time":"2026-12-09T10:00:00.120Z","verdict":"denied","reason":"no_grant","code":"no_grant","api":"orders","operation":"orders:GET /orders/{id}","mode":"enforce","policies":["partners-read"],"observed":[],"strength":"shared_secret","revision":7,"keys":300,"stops":2,"personal":"recorded","caller":"app:shop","team":"partners","user":null,"key":"abcDEF012345","source_ip":"2001:db8::1","method":null,"trace_id":"abababababababababababababababab","params":{"id":"hash:00000000000000ff","page":"2"},"attributes":{"customer":"42","vip":true,"limit":-5,"regions":["eu","us"]}}
        {"kind":"completed","index":9,"id":"01m9d3xrbr28t5cy4tqkff04hm","time":"2026-12-09T10:00:00.120Z","status":502,"outcome":"upstream_broken","request_bytes":0,"response_bytes":1000,"time_to_decision_us":12,"upstream_us":800,"total_us":850}"#]]
    .assert_eq(&render(9, &stored).unwrap().join("\n"));
}

#[test]
fn an_erased_decision_keeps_what_names_nobody() {
    check(
        |out| {
            let mut public = Vec::new();
            put_decided(&mut public, &decision(Personal::UNKNOWN));
            put_decided_leaf(out, &public, &commit(&[0; 16], b""));
        },
        expect![[
            r#"{"kind":"decided","index":9,"id":"01m9d3xrbr28t5cy4tqkff04hm","time":"2026-12-09T10:00:00.120Z","verdict":"denied","reason":"no_grant","code":"no_grant","api":"orders","operation":"orders:GET /orders/{id}","mode":"enforce","policies":["partners-read"],"observed":[],"strength":"shared_secret","revision":7,"keys":300,"stops":2,"personal":"not recorded","caller":null,"team":null,"user":null,"key":null,"source_ip":null,"method":null,"trace_id":null,"params":null,"attributes":null}"#
        ]],
    );
}

#[test]
fn the_log_speaks_of_itself_too() {
    check(
        |out| {
            put_change_leaf(
                out,
                &Change {
                    time: TIME,
                    actor: "ada",
                    action: "key.revoke",
                    object: "abcDEF012345",
                    reason: "leaked",
                    revision: RevisionNumber(7),
                },
            );
        },
        expect![[
            r#"{"kind":"change","index":9,"time":"2026-12-09T10:00:00.120Z","actor":"ada","action":"key.revoke","object":"abcDEF012345","reason":"leaked","revision":7}"#
        ]],
    );
    check(
        |out| put_loss_leaf(out, &Loss { time: TIME, cause: LossCause::RingFull, count: 3 }),
        expect![[
            r#"{"kind":"loss","index":9,"time":"2026-12-09T10:00:00.120Z","cause":"ring_full","count":3}"#
        ]],
    );
    check(
        |out| {
            let continues = Some(Continued { origin: "old", size: 5, root: [0; 32] });
            let before = Ending::Torn { bytes: 17 };
            put_opened_leaf(out, &Opened { time: TIME, origin: "log", software: "0.1.0", before, continues });
        },
        expect![[
            r#"{"kind":"opened","index":9,"time":"2026-12-09T10:00:00.120Z","origin":"log","software":"0.1.0","before":"torn","torn_bytes":17,"continues":{"origin":"old","size":5,"root":"0000000000000000000000000000000000000000000000000000000000000000"}}"#
        ]],
    );
    check(
        |out| put_pruned_leaf(out, &Pruned { time: TIME, before: 300, segments: 2 }),
        expect![[
            r#"{"kind":"pruned","index":9,"time":"2026-12-09T10:00:00.120Z","before":300,"segments":2}"#
        ]],
    );
    check(
        |out| put_closed_leaf(out, &Closed { time: TIME }),
        expect![[r#"{"kind":"closed","index":9,"time":"2026-12-09T10:00:00.120Z"}"#]],
    );
}

#[test]
fn the_longest_decision_is_within_the_longest_leaf() {
    let text = "x".repeat(5_000);
    let list = vec![text.as_str(); 400];
    let decided = Decided {
        code: &text,
        api: &text,
        operation: &text,
        policies: &list,
        observed: &list,
        ..decision(Personal::UNKNOWN)
    };
    let (mut public, mut leaf, mut ending) = (Vec::new(), Vec::new(), Vec::new());
    put_decided(&mut public, &decided);
    put_completed(&mut ending, &completed());
    put_whole_leaf(&mut leaf, &public, &commit(&[0; 16], b""), &ending);
    assert!(leaf.len() <= crate::segment::LEAF_BYTES_MAX);
    assert!(Leaf::decode(&leaf).is_ok());
}

#[test]
fn every_prefix_and_every_extension_of_a_leaf_is_refused() {
    let mut leaves = vec![Vec::new(), Vec::new(), Vec::new()];
    let mut public = Vec::new();
    put_decided(&mut public, &decision(personal()));
    put_decided_leaf(&mut leaves[0], &public, &commit(&[0; 16], b""));
    put_closed_leaf(&mut leaves[1], &Closed { time: TIME });
    put_loss_leaf(&mut leaves[2], &Loss { time: TIME, cause: LossCause::WriteFailed, count: 300 });
    for leaf in leaves {
        assert!(Leaf::decode(&leaf).is_ok());
        for length in 0..leaf.len() {
            assert!(Leaf::decode(&leaf[..length]).is_err(), "{length}");
        }
        assert_eq!(Leaf::decode(&[&leaf[..], &[0]].concat()).err(), Some(DecodeError::Trailing));
        let other = [&[2], &leaf[1..]].concat();
        assert_eq!(Leaf::decode(&other).err(), Some(DecodeError::Version));
    }
    let mut part = Vec::new();
    put_personal(&mut part, &personal());
    for length in 0..part.len() {
        assert!(PersonalView::decode(&part[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn decisions_read_back(
        (bits, tail) in (any::<i64>(), any::<u128>()), numbers in any::<[u64; 3]>(),
        (verdict, reason) in (0..5_usize, proptest::option::of(0..29_usize)),
        texts in proptest::collection::vec(".{0,20}", 3), policies in proptest::collection::vec(".{0,9}", 0..5),
    ) {
        let policies: Vec<_> = policies.iter().map(String::as_str).collect();
        let time = Timestamp::from_micros(bits);
        let decided = Decided {
            id: DecisionId::new(time, tail),
            time,
            snapshots: Snapshots { revision: RevisionNumber(numbers[0]), keys: numbers[1], stops: numbers[2] },
            verdict: Verdict::ALL[verdict],
            reason: reason.map(|reason| DenyReason::ALL[reason]),
            code: &texts[0],
            api: &texts[1],
            operation: &texts[2],
            mode: Carried::Observed,
            policies: &policies,
            observed: &policies,
            strength: Strength::Bound,
            personal: Personal::UNKNOWN,
        };
        let mut bytes = Vec::new();
        put_decided(&mut bytes, &decided);
        let view = DecidedView::decode(&bytes).unwrap();
        let head = crate::DecidedHead::decode(&bytes).unwrap();
        prop_assert_eq!((head.id, head.time, head.verdict), (decided.id, decided.time, decided.verdict));
        prop_assert_eq!((head.reason, head.api, head.operation), (decided.reason, decided.api, decided.operation));
        prop_assert_eq!(view.id, decided.id);
        prop_assert_eq!((view.time, view.snapshots), (decided.time, decided.snapshots));
        prop_assert_eq!((view.verdict, view.reason), (decided.verdict, decided.reason));
        prop_assert_eq!((view.code, view.api, view.operation), (decided.code, decided.api, decided.operation));
        prop_assert_eq!((view.mode, view.strength), (decided.mode, decided.strength));
        prop_assert!(view.policies.eq(policies.iter().copied()));
        prop_assert!(view.observed.eq(policies.iter().copied()));
    }

    #[test]
    fn endings_read_back(numbers in any::<[u64; 5]>(), status in any::<u16>(), bits in any::<i64>()) {
        let completed = Completed {
            time: Timestamp::from_micros(bits),
            status,
            outcome: Outcome::Done,
            request_bytes: numbers[0],
            response_bytes: numbers[1],
            time_to_decision_us: numbers[2],
            upstream_us: numbers[3],
            total_us: numbers[4],
            id: id(),
        };
        let mut bytes = Vec::new();
        put_completed(&mut bytes, &completed);
        prop_assert_eq!(Completed::decode(&bytes), Ok(completed));
    }
}
