//! A server is believed by its name and its authority, or not at all.

use testkit::{Authority, Leaf};

use super::*;
use crate::server::ServerFiles;
use crate::testing::{Files, handshake, now, shown};

#[test]
fn a_server_proves_that_it_bears_the_name_by_which_it_is_called() {
    let files = Files::new();
    let (authority, other) = (Authority::new("ours"), Authority::new("others"));
    let roots = |authority: &Authority| Roots::File(files.write("roots.pem", &authority.pem));
    let leaf = || Leaf::server(&["a.example", "*.b.example"]);
    for (issued, roots, name, expected) in [
        (authority.issue(&leaf()), roots(&authority), "a.example", true),
        (authority.issue(&leaf()), roots(&authority), "x.b.example", true),
        (authority.issue(&leaf()), roots(&authority), "c.example", false),
        (authority.issue(&leaf()), roots(&authority), "127.0.0.1", false),
        (authority.issue(&Leaf::server(&[])), roots(&authority), "a.example", false),
        (other.issue(&leaf()), roots(&authority), "a.example", false),
        (authority.issue(&leaf()), Roots::System, "a.example", false),
    ] {
        // The file is written anew for each case, so the configuration is made at once.
        let Ok(client) = client_config(&roots) else {
            // A machine without any authorities believes nobody.
            assert!(roots == Roots::System && !expected);
            continue;
        };
        let pair = files.pair("server", &issued);
        let server = ServerFiles { pairs: vec![pair], clients: crate::Clients::NotAsked };
        let server = server.read().unwrap().check(now()).unwrap().config;
        assert_eq!(handshake(client, server, name).is_ok(), expected, "{name} {roots:?}");
    }
}

#[test]
fn authorities_that_cannot_be_used_are_an_error_and_never_none_at_all() {
    let files = Files::new();
    let authority = Authority::new("ours");
    for (text, expected) in [
        (&*authority.pem, "ok"),
        ("", "`roots.pem` cannot be used: it holds no certificate"),
        (authority.pem.get(..100).unwrap(), "`roots.pem` cannot be used: it is not whole PEM"),
    ] {
        let found = shown(client_config(&Roots::File(files.write("roots.pem", text))), &files);
        assert!(found.starts_with(expected), "{found}");
    }
    let absent = Roots::File(files.path("absent.pem"));
    assert!(shown(client_config(&absent), &files).contains("it cannot be read"));
}
