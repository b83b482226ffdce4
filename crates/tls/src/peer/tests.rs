//! Whom a certificate names: for each that names somebody, the nearest that names nobody.

use testkit::{Authority, Leaf, Name, Purpose};

use super::*;

const ID: &str = "spiffe://example.org/ns/a/sa/b";

fn read(leaf: &Leaf) -> Result<String, PeerFault> {
    Peer::of(&Authority::new("test").issue(leaf).der).map(|peer| peer.name)
}

#[test]
fn a_certificate_names_its_one_spiffe_id_or_its_one_dns_name() {
    for (names, expected) in [
        (vec![Name::Uri(ID)], Ok(ID)),
        (vec![Name::Dns("Worker.Example")], Ok("worker.example")),
        // What SPIFFE allows beside the id.
        (vec![Name::Dns("worker.example"), Name::Uri(ID)], Ok(ID)),
        (vec![Name::Dns("a.example"), Name::Dns("b.example"), Name::Uri(ID)], Ok(ID)),
        (vec![Name::Dns("worker.example"), Name::Uri("https://a.example/")], Ok("worker.example")),
        (vec![Name::Dns("worker.example"), Name::Mail("a@a.example")], Ok("worker.example")),
        (vec![], Err(PeerFault::NoName)),
        (vec![Name::Mail("a@a.example")], Err(PeerFault::NoName)),
        (vec![Name::Address("127.0.0.1".parse().unwrap())], Err(PeerFault::NoName)),
        (vec![Name::Uri("https://a.example/")], Err(PeerFault::NoName)),
        (vec![Name::Other], Err(PeerFault::NoName)),
        (vec![Name::Uri(ID), Name::Uri("spiffe://example.org/other")], Err(PeerFault::SeveralNames)),
        (vec![Name::Uri(ID), Name::Uri("https://a.example/")], Err(PeerFault::SeveralNames)),
        (vec![Name::Dns("a.example"), Name::Dns("b.example")], Err(PeerFault::SeveralNames)),
        (vec![Name::Dns("*.example.org")], Err(PeerFault::DnsName)),
        (vec![Name::Dns("a.example\0.evil.example")], Err(PeerFault::DnsName)),
        (vec![Name::Dns("a..example")], Err(PeerFault::DnsName)),
        (vec![Name::Dns("")], Err(PeerFault::DnsName)),
    ] {
        let found = read(&Leaf::client(names.clone()));
        assert_eq!(found.as_deref(), expected.as_ref().copied(), "{names:?}");
    }
}

#[test]
fn a_spiffe_id_has_one_spelling() {
    let long = format!("spiffe://example.org/{}", "a".repeat(SPIFFE_ID_BYTES_MAX));
    for (id, is_id) in [
        (ID, true),
        ("spiffe://example.org/a", true),
        ("spiffe://a_b-c.1/A.b_C-9", true),
        ("spiffe://example.org", false),
        ("spiffe://example.org/", false),
        ("spiffe://example.org/a/", false),
        ("spiffe://example.org//a", false),
        ("spiffe://example.org/./a", false),
        ("spiffe://example.org/../a", false),
        ("spiffe://Example.org/a", false),
        ("SPIFFE://example.org/a", false),
        ("spiffe:/example.org/a", false),
        ("spiffe:///a", false),
        ("spiffe://user@example.org/a", false),
        ("spiffe://example.org:8443/a", false),
        ("spiffe://example.org/a?b", false),
        ("spiffe://example.org/a#b", false),
        ("spiffe://example.org/a%2fb", false),
        ("spiffe://example.org/a\0b", false),
        (&long, false),
    ] {
        assert_eq!(spiffe_id(id).is_some(), is_id, "{id}");
        // However it is spelt, it is never taken for a certificate without an id.
        assert!(is_spiffe(id), "{id}");
    }
}

#[test]
fn who_may_sign_others_identifies_nobody() {
    let leaf = Leaf::client(vec![Name::Uri(ID)]).purpose(Purpose::Signing);
    assert_eq!(read(&leaf), Err(PeerFault::Authority));
}

#[test]
fn bytes_that_are_no_certificate_name_nobody() {
    let der = Authority::new("test").issue(&Leaf::client(vec![Name::Uri(ID)])).der;
    for bytes in [&[][..], b"x", &der[..der.len() - 1], &[der.clone(), vec![0]].concat()] {
        assert_eq!(Peer::of(bytes), Err(PeerFault::Malformed));
    }
    let peer = Peer::of(&der).unwrap();
    assert!(peer.begins < peer.ends);
    assert_eq!(peer.digest, <[u8; 32]>::from(Sha256::digest(&der)));
}

#[test]
fn codes_are_unique() {
    let all = [
        PeerFault::Authority,
        PeerFault::DnsName,
        PeerFault::Malformed,
        PeerFault::NoName,
        PeerFault::SeveralNames,
        PeerFault::SpiffeId,
    ];
    let codes: std::collections::BTreeSet<_> =
        all.iter().map(|fault| (fault.code(), fault.detail())).collect();
    assert_eq!(codes.len(), all.len());
}
