//! Which certificate is shown, which files are refused, and which clients get a connection.

use rustls::{ClientConfig, HandshakeKind};
use testkit::{Authority, Leaf, Name, Purpose};

use super::*;
use crate::client::{ClientFiles, client_config};
use crate::roots::Roots;
use crate::testing::{Files, handshake, now, shown};

const ID: &str = "spiffe://example.org/ns/a/sa/b";

fn listener(pairs: Vec<PairFiles>, clients: Clients) -> ServerFiles {
    ServerFiles { pairs, clients }
}

fn config(files: &ServerFiles) -> Arc<ServerConfig> {
    files.read().unwrap().check(now()).unwrap().config
}

#[test]
fn the_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let files = Files::new();
    let authority = Authority::new("servers");
    let names: [&[&'static str]; 3] =
        [&["first.example"], &["*.shop.example", "shop.example"], &["Exact.shop.example"]];
    let issued = names.map(|names| authority.issue(&Leaf::server(names)));
    let pairs = issued.iter().zip(["a", "b", "c"]).map(|(issued, name)| files.pair(name, issued)).collect();
    let found = listener(pairs, Clients::NotAsked).read().unwrap().check(now()).unwrap();
    assert_eq!(found.certificates[2].names, ["exact.shop.example"]);
    let chosen = ByName::of(
        [0, 1, 2].iter().map(|&place| ReadPair::check(&files_of(&files, place), now()).unwrap()).collect(),
    );
    let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
    for (name, place) in [
        (Some("first.example"), 0),
        (Some("FIRST.example"), 0),
        (Some("shop.example"), 1),
        (Some("a.shop.example"), 1),
        (Some("exact.shop.example"), 2),
        // A wildcard stands for one label.
        (Some("a.b.shop.example"), 0),
        (Some("unknown.example"), 0),
        (Some("localhost"), 0),
        (None, 0),
    ] {
        let found = chosen.find(name, &schemes).unwrap();
        assert_eq!(found.cert[0].to_vec(), issued[place].der, "{name:?}");
    }
}

fn files_of(files: &Files, place: usize) -> ReadPair {
    let name = ["a", "b", "c"][place];
    PairFiles { certificate: files.path(&format!("{name}.pem")), key: files.path(&format!("{name}.key")) }
        .read()
        .unwrap()
}

#[test]
fn files_that_cannot_be_used_are_refused_with_the_reason() {
    let files = Files::new();
    let authority = Authority::new("servers");
    let good = authority.issue(&Leaf::server(&["a.example"]));
    let other = authority.issue(&Leaf::server(&["a.example"]));
    let half = good.certificate.len() / 2;
    let ended = authority.issue(&Leaf::server(&["a.example"]).days(-30, -1));
    let early = authority.issue(&Leaf::server(&["a.example"]).days(1, 30));
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let huge = "x".repeat(usize::try_from(crate::files::FILE_BYTES_MAX).unwrap() + 1);
    for (certificate, key, expected) in [
        (&*good.certificate, &*good.key, "ok"),
        (
            &*good.certificate,
            &*other.key,
            "`a.key` cannot be used: its key does not fit the certificate `a.pem`",
        ),
        ("", &good.key, "`a.pem` cannot be used: it holds no certificate"),
        (good.certificate.get(..half).unwrap(), &good.key, "`a.pem` cannot be used: it is not whole PEM"),
        (junk, &good.key, "`a.pem` cannot be used: certificate 1 in it is not usable"),
        (&huge, &good.key, "`a.pem` cannot be used: it is larger than"),
        (&*good.certificate, "", "`a.key` cannot be used: it holds no private key"),
        (&*good.certificate, locked, "`a.key` cannot be used: it holds no private key without a password"),
        (
            &*good.certificate,
            good.key.get(..100).unwrap(),
            "`a.key` cannot be used: it is not whole PEM: its end is missing",
        ),
        (&ended.certificate, &ended.key, "`a.pem` cannot be used: its certificate ended on "),
        (&early.certificate, &early.key, "`a.pem` cannot be used: its certificate begins on "),
    ] {
        let pair =
            PairFiles { certificate: files.write("a.pem", certificate), key: files.write("a.key", key) };
        let found = listener(vec![pair], Clients::NotAsked).read().and_then(|read| read.check(now()));
        let found = shown(found, &files);
        assert!(found.starts_with(expected), "{found}\nexpected {expected}");
        assert!(!key.lines().nth(1).is_some_and(|line| found.contains(line)), "{found}");
    }
    let absent = PairFiles { certificate: files.path("absent.pem"), key: files.path("a.key") };
    let found = shown(listener(vec![absent], Clients::NotAsked).read(), &files);
    assert!(found.starts_with("`absent.pem` cannot be used: it cannot be read: No such file"), "{found}");
    let folder = PairFiles { certificate: files.path(""), key: files.path("a.key") };
    assert!(
        shown(listener(vec![folder], Clients::NotAsked).read(), &files).ends_with("it is no regular file")
    );
}

#[test]
fn authorities_of_clients_that_cannot_be_used_are_refused() {
    let files = Files::new();
    let authority = Authority::new("servers");
    let pair = files.pair("a", &authority.issue(&Leaf::server(&["a.example"])));
    for (text, expected) in [
        (&*authority.pem, "ok"),
        ("", "`clients.pem` cannot be used: it holds no certificate"),
        (authority.pem.get(..200).unwrap(), "`clients.pem` cannot be used: it is not whole PEM"),
        ("no certificate", "`clients.pem` cannot be used: it holds no certificate"),
    ] {
        let clients = Clients::required(files.write("clients.pem", text));
        let found = listener(vec![pair.clone()], clients).read().and_then(|read| read.check(now()));
        let found = shown(found, &files);
        assert!(found.starts_with(expected), "{found}");
    }
    let many = authority.pem.repeat(crate::files::CERTIFICATES_MAX + 1);
    let clients = Clients::optional(files.write("clients.pem", &many));
    let found = shown(listener(vec![pair], clients).read().and_then(|read| read.check(now())), &files);
    assert!(found.contains("more than 1024 certificates"), "{found}");
}

#[test]
fn both_versions_are_spoken_and_http_1_1_alone() {
    let files = Files::new();
    let authority = Authority::new("servers");
    let pair = files.pair("a", &authority.issue(&Leaf::server(&["a.example"])));
    let server = config(&listener(vec![pair], Clients::NotAsked));
    let roots = Roots::File(files.write("roots.pem", &authority.pem));
    let client = client_config(&roots).unwrap();
    let met = handshake(Arc::clone(&client), Arc::clone(&server), "a.example").unwrap();
    assert_eq!(met.client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(met.server.alpn_protocol(), Some(HTTP_1_1));
    assert_eq!(met.server.server_name(), Some("a.example"));
    assert!(server.max_early_data_size == 0 && !client.enable_early_data);
    let older = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots.load().unwrap())
        .with_no_client_auth();
    let met = handshake(Arc::new(older), Arc::clone(&server), "a.example").unwrap();
    assert_eq!(met.client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    let mut h2 = ClientConfig::clone(&client);
    h2.alpn_protocols = vec![b"h2".to_vec()];
    assert!(handshake(Arc::new(h2), server, "a.example").is_err(), "HTTP/2 is not spoken");
}

#[test]
fn a_session_is_resumed_by_the_same_configuration_alone() {
    let files = Files::new();
    let authority = Authority::new("servers");
    let pair = files.pair("a", &authority.issue(&Leaf::server(&["a.example"])));
    let named = listener(vec![pair], Clients::NotAsked);
    let first = config(&named);
    let client = client_config(&Roots::File(files.write("roots.pem", &authority.pem))).unwrap();
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let met = handshake(Arc::clone(&client), Arc::clone(&first), "a.example").unwrap();
        assert_eq!(met.server.handshake_kind(), Some(expected));
    }
    let met = handshake(client, config(&named), "a.example").unwrap();
    assert_eq!(met.server.handshake_kind(), Some(HandshakeKind::Full));
}

#[test]
fn a_client_certificate_is_verified_or_there_is_no_connection() {
    let files = Files::new();
    let (authority, other) = (Authority::new("clients"), Authority::new("others"));
    let servers = Authority::new("servers");
    let pair = files.pair("a", &servers.issue(&Leaf::server(&["a.example"])));
    let authorities = files.write("clients.pem", &authority.pem);
    let roots = Roots::File(files.write("roots.pem", &servers.pem));
    let leaf = || Leaf::client(vec![Name::Uri(ID)]);
    for (issued, optional, required) in [
        (None, true, false),
        (Some(authority.issue(&leaf())), true, true),
        (Some(authority.issue(&leaf().purpose(Purpose::Any))), true, true),
        (Some(other.issue(&leaf())), false, false),
        (Some(authority.issue(&leaf().purpose(Purpose::Server))), false, false),
    ] {
        let own = issued.as_ref().map(|issued| files.pair("client", issued));
        let client = ClientFiles { roots: roots.clone(), own }.read().unwrap().check(now()).unwrap();
        for (clients, expected) in [
            (Clients::optional(authorities.clone()), optional),
            (Clients::required(authorities.clone()), required),
        ] {
            let server = config(&listener(vec![pair.clone()], clients.clone()));
            let met = handshake(Arc::clone(&client.config), server, "a.example");
            assert_eq!(met.is_ok(), expected, "{clients:?} {issued:?}");
            if let Ok(met) = met {
                let shown = met.server.peer_certificates().map(|chain| chain[0].to_vec());
                assert_eq!(shown, issued.as_ref().map(|issued| issued.der.clone()));
            }
        }
    }
}

#[test]
fn an_ended_client_certificate_makes_no_connection() {
    let files = Files::new();
    let authority = Authority::new("all");
    let pair = files.pair("a", &authority.issue(&Leaf::server(&["a.example"])));
    let authorities = files.write("clients.pem", &authority.pem);
    let ended = files.pair("client", &authority.issue(&Leaf::client(vec![Name::Uri(ID)]).days(-9, -2)));
    let client = ClientFiles { roots: Roots::File(authorities.clone()), own: Some(ended) };
    // Its own side would not even begin with it today, but it did last week.
    assert!(client.read().unwrap().check(now()).is_err());
    let client = client.read().unwrap().check(now() - 7 * 86_400).unwrap();
    let server = config(&listener(vec![pair], Clients::optional(authorities)));
    assert!(handshake(client.config, server, "a.example").is_err());
}

#[test]
fn a_change_of_any_file_is_another_digest() {
    let files = Files::new();
    let authority = Authority::new("all");
    let issued = authority.issue(&Leaf::server(&["a.example"]));
    let pair = files.pair("a", &issued);
    let authorities = files.write("clients.pem", &authority.pem);
    let digest = |clients: Clients| listener(vec![pair.clone()], clients).read().unwrap().digest();
    let before = digest(Clients::NotAsked);
    assert_eq!(digest(Clients::NotAsked), before);
    assert_ne!(digest(Clients::optional(authorities.clone())), before);
    assert_ne!(digest(Clients::optional(authorities.clone())), digest(Clients::required(authorities)));
    files.pair("a", &authority.issue(&Leaf::server(&["a.example"])));
    assert_ne!(digest(Clients::NotAsked), before);
}

#[test]
fn a_resumed_session_names_the_same_client() {
    let files = Files::new();
    let authority = Authority::new("all");
    let pair = files.pair("a", &authority.issue(&Leaf::server(&["a.example"])));
    let authorities = files.write("clients.pem", &authority.pem);
    let issued = authority.issue(&Leaf::client(vec![Name::Uri(ID)]));
    let own = Some(files.pair("client", &issued));
    let client = ClientFiles { roots: Roots::File(authorities.clone()), own }.read().unwrap();
    let client = client.check(now()).unwrap().config;
    let server = config(&listener(vec![pair], Clients::required(authorities)));
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let met = handshake(Arc::clone(&client), Arc::clone(&server), "a.example").unwrap();
        assert_eq!(met.server.handshake_kind(), Some(expected));
        assert_eq!(met.server.peer_certificates().unwrap()[0].to_vec(), issued.der);
    }
}
