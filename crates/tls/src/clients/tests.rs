//! Which certificates of clients count, and which were taken back.

use testkit::{Authority, Issued, Leaf, Name};

use super::*;
use crate::client::ClientFiles;
use crate::roots::Roots;
use crate::server::ServerFiles;
use crate::testing::{Files, handshake, now, shown};

const ID: &str = "spiffe://example.org/ns/a/sa/b";

struct World {
    files: Files,
    servers: Authority,
    clients: Authority,
}

impl World {
    fn new() -> Self {
        let world = Self {
            files: Files::new(),
            servers: Authority::new("servers"),
            clients: Authority::new("clients"),
        };
        world.files.pair("a", &world.servers.issue(&Leaf::server(&["a.example"])));
        world.files.write("clients.pem", &world.clients.pem);
        world
    }

    fn leaf(&self) -> Issued {
        self.clients.issue(&Leaf::client(vec![Name::Uri(ID)]))
    }

    /// A listener with these lists, each written first.
    fn listener(&self, lists: &[&str]) -> Result<crate::Server, TlsFileError> {
        let written =
            lists.iter().enumerate().map(|(number, text)| self.files.write(&format!("{number}.crl"), text));
        let asked = Asked {
            authorities: self.files.path("clients.pem"),
            lists: written.collect(),
            presence: Presence::Required,
            role: Role::Caller,
        };
        let pair = crate::PairFiles { certificate: self.files.path("a.pem"), key: self.files.path("a.key") };
        ServerFiles { pairs: vec![pair], clients: Clients::Asked(asked) }.read()?.check(now())
    }

    fn connects(&self, server: &crate::Server, issued: &Issued) -> Result<(), Error> {
        let own = Some(self.files.pair("client", issued));
        let roots = Roots::File(self.files.write("roots.pem", &self.servers.pem));
        let client = ClientFiles { roots, own }.read().unwrap().check(now()).unwrap();
        handshake(client.config, Arc::clone(&server.config), "a.example").map(drop)
    }
}

#[test]
fn a_certificate_that_was_taken_back_makes_no_connection() {
    let world = World::new();
    let (good, bad) = (world.leaf(), world.leaf());
    let server = world.listener(&[&world.clients.revoke(&[&bad], (-1, 1))]).unwrap();
    assert_eq!(world.connects(&server, &good), Ok(()));
    assert_eq!(take_refused(), None);
    let refused = world.connects(&server, &bad).unwrap_err();
    assert!(refused.to_string().contains("Revoked"), "{refused}");
    let told = take_refused().unwrap();
    assert_eq!((&*told.name, told.digest), (ID, Sha256::digest(&bad.der).into()));
    assert!(told.reason.contains("Revoked") && !told.serial.is_empty(), "{told:?}");
    assert_eq!(take_refused(), None, "it is told once");
    // Without lists nothing of this is known.
    let server = world.listener(&[]).unwrap();
    assert_eq!(world.connects(&server, &bad), Ok(()));
}

#[test]
fn where_lists_are_named_an_authority_without_one_is_not_believed() {
    let world = World::new();
    let other = Authority::new("others");
    world.files.write("clients.pem", &format!("{}{}", world.clients.pem, other.pem));
    let server = world.listener(&[&world.clients.revoke(&[], (-1, 1))]).unwrap();
    assert_eq!(world.connects(&server, &world.leaf()), Ok(()));
    let foreign = other.issue(&Leaf::client(vec![Name::Uri(ID)]));
    assert!(world.connects(&server, &foreign).is_err());
    let both = [world.clients.revoke(&[], (-1, 1)), other.revoke(&[], (-1, 1))].concat();
    let server = world.listener(&[&both]).unwrap();
    assert_eq!(world.connects(&server, &foreign), Ok(()));
    // Whose list it is shows by its signature, not by its name.
    let forged = Authority::new("clients").revoke(&[], (-1, 1));
    let server = world.listener(&[&forged]).unwrap();
    assert!(world.connects(&server, &world.leaf()).is_err());
}

#[test]
fn lists_that_cannot_be_used_are_refused_with_the_reason() {
    let world = World::new();
    let good = world.clients.revoke(&[], (-1, 1));
    let half = good.get(..good.len() / 2).unwrap();
    let many = good.repeat(LISTS_MAX + 1);
    let long = "x".repeat(usize::try_from(crate::files::LIST_FILE_BYTES_MAX).unwrap() + 1);
    for (text, expected) in [
        (&*good, "ok"),
        ("", "`0.crl` cannot be used: it holds no revocation list"),
        (&world.clients.pem, "`0.crl` cannot be used: it holds no revocation list"),
        (half, "`0.crl` cannot be used: it is not whole PEM"),
        (
            &world.clients.revoke(&[], (-9, -2)),
            "`0.crl` cannot be used: revocation list 1 in it was to be replaced by",
        ),
        (
            &world.clients.revoke(&[], (1, 2)),
            "`0.crl` cannot be used: revocation list 1 in it is not usable: it begins",
        ),
        ("0 is how DER begins", "`0.crl` cannot be used: revocation list 1 in it is not usable"),
        (&many, "`0.crl` cannot be used: it holds more than 64 revocation lists"),
        (&long, "`0.crl` cannot be used: it is larger than 4194304 bytes"),
    ] {
        let found = shown(world.listener(&[text]), &world.files);
        assert!(found.starts_with(expected), "{found}\nexpected {expected}");
    }
}

#[test]
fn a_list_that_grows_old_refuses_everybody() {
    let world = World::new();
    let leaf = world.leaf();
    let server = world.listener(&[&world.clients.revoke(&[], (-1, 1))]).unwrap();
    let chain = [CertificateDer::from(leaf.der)];
    assert!(server.trust.believes(&chain, now()));
    assert!(!server.trust.believes(&chain, now() + 2 * 86_400));
}

#[test]
fn a_connection_is_believed_by_what_is_in_force_now() {
    let world = World::new();
    let (good, bad) = (world.leaf(), world.leaf());
    let [good_chain, bad_chain] = [&good, &bad].map(|issued| [CertificateDer::from(issued.der.clone())]);
    let before = world.listener(&[]).unwrap();
    assert!(before.trust.believes(&good_chain, now()) && before.trust.believes(&bad_chain, now()));
    assert!(!before.trust.believes(&[], now()));
    assert!(before.trust.is_same(&world.listener(&[]).unwrap().trust));
    let after = world.listener(&[&world.clients.revoke(&[&bad], (-1, 1))]).unwrap();
    assert!(!before.trust.is_same(&after.trust));
    assert!(after.trust.believes(&good_chain, now()) && !after.trust.believes(&bad_chain, now()));
    // An authority that is gone takes all its certificates with it.
    world.files.write("clients.pem", &Authority::new("others").pem);
    assert!(!world.listener(&[]).unwrap().trust.believes(&good_chain, now()));
    let nobody = ReadClients(None).check(now()).unwrap();
    assert!(nobody.believes(&[], now()) && !nobody.believes(&good_chain, now()));
}
