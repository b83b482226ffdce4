//! Upstreams over TLS that were not written here: nginx and uvicorn. They prove their names, or get nothing.

use std::process::Command;

use testkit::{Authority, Call, Folder, Leaf, Name, until};

use super::partners::environment_folder;
use super::servers::Server;
use super::tls_world::{WORKLOAD, write_pair};
use super::world::{World, root};

const ASGI: &str = "async def app(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]})
    await send({'type': 'http.response.body', 'body': b'ok'})
";

/// A folder with `server.pem` for localhost and 127.0.0.1, `server.key` and `clients.pem`.
fn files(name: &str, authority: &Authority, clients: &Authority) -> Folder {
    files_for(name, vec![Name::Dns("localhost"), Name::Address([127, 0, 0, 1].into())], authority, clients)
}

fn files_for(name: &str, names: Vec<Name>, authority: &Authority, clients: &Authority) -> Folder {
    let folder = Folder::new(root(), name);
    let issued = authority.issue(&Leaf { names, ..Leaf::server(&[]) });
    folder.write("server.pem", &issued.certificate);
    folder.write("server.key", &issued.key);
    folder.write("clients.pem", &clients.pem);
    folder
}

fn uvicorn(folder: &Folder) -> Server {
    folder.write("small_asgi.py", ASGI);
    let mut command = Command::new(environment_folder().join("bin/python"));
    command.args(["-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--lifespan", "off"]);
    command.args(["--ssl-certfile", "server.pem", "--ssl-keyfile", "server.key", "small_asgi:app"]);
    Server::spawn(command, folder, "uvicorn", "running on https://")
}

/// nginx that tells its client by whom it was called, in place of the plain listener of the others.
fn nginx(folder: &Folder, verify: &str) -> Server {
    let dir = folder.path().display();
    Server::nginx_listening(
        folder,
        "ssl",
        &format!(
            "ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key; ssl_client_certificate {dir}/clients.pem;
             ssl_protocols TLSv1.2 TLSv1.3; {verify}
             location / {{ return 200 \"$ssl_client_verify $ssl_protocol $http_x_forwarded_proto\"; }}"
        ),
    )
}

/// A world whose API `orders` is at this upstream.
fn world(upstream: &str, lines: &str, prepare: impl FnOnce(&super::world::Place)) -> World {
    World::with(|place| {
        let before = place.read(super::world::API);
        let line = before.lines().find(|line| line.starts_with("upstream: ")).unwrap().to_owned();
        place.edit(super::world::API, &line, &format!("upstream: {upstream}"));
        place.append(super::world::API, lines);
        prepare(place);
    })
}

fn call(world: &World) -> Call {
    world.call("GET /orders/7").key(&world.keys.reader)
}

#[test]
fn uvicorn_and_nginx_are_called_where_they_prove_their_names() {
    let (authority, clients) = (Authority::new("upstreams"), Authority::new("clients"));
    let folder = files("tls-upstreams", &authority, &clients);
    let (uvicorn, nginx) = (uvicorn(&folder), nginx(&folder, ""));
    for (port, body) in [(uvicorn.address.port(), "ok"), (nginx.address.port(), "NONE TLSv1.3 http")] {
        for name in ["127.0.0.1", "localhost"] {
            let world = world(&format!("https://{name}:{port}"), "ca_file: tls/upstreams.pem\n", |place| {
                place.write("tls/upstreams.pem", &authority.pem);
            });
            for _ in 0..3 {
                let answer = call(&world).send();
                assert_eq!(answer.status, 200, "{name} {answer:?}\n{}", world.log());
                assert_eq!(String::from_utf8_lossy(&answer.body), body);
            }
        }
    }
}

#[test]
fn an_upstream_that_is_not_believed_gets_nothing_and_its_owner_is_told_why() {
    let (authority, others) = (Authority::new("upstreams"), Authority::new("others"));
    let folder = files("tls-unverified", &authority, &others);
    let elsewhere = vec![Name::Dns("elsewhere.example"), Name::Address([127, 0, 0, 2].into())];
    let other_folder = files_for("tls-elsewhere", elsewhere, &authority, &others);
    let (named, misnamed) = (nginx(&folder, ""), nginx(&other_folder, ""));
    for (server, name, ca_file, why) in [
        // Another authority.
        (&named, "127.0.0.1", Some(&others), "UnknownIssuer"),
        // The operating system's, which do not know ours.
        (&named, "127.0.0.1", None, "UnknownIssuer"),
        // Another name, and another address.
        (&misnamed, "localhost", Some(&authority), "not valid for name"),
        (&misnamed, "127.0.0.1", Some(&authority), "not valid for name"),
    ] {
        let upstream = format!("https://{name}:{}", server.address.port());
        let lines = if ca_file.is_some() { "ca_file: tls/upstreams.pem\n" } else { "" };
        let world = world(&upstream, lines, |place| {
            if let Some(authority) = ca_file {
                place.write("tls/upstreams.pem", &authority.pem);
            }
        });
        let answer = call(&world).send();
        assert_eq!(answer.summary(), "502 upstream_unverified", "{upstream}");
        assert!(world.log().contains(why), "{why}: {}", world.log());
        let entries = world.entries(&answer.decision());
        assert!(entries.iter().any(|entry| entry.to_string().contains("upstream_unverified")), "{entries:?}");
    }
    for server in [named, misnamed] {
        assert!(server.seen().is_empty(), "a request came through");
    }
}

#[test]
fn a_server_of_plain_http_is_never_called_instead() {
    let folder = Folder::new(root(), "tls-plain");
    let nginx = Server::nginx(&folder);
    let world = world(&format!("https://{}", nginx.address), "", |_| {});
    let answer = call(&world).send();
    assert_eq!(answer.summary(), "502 upstream_unverified");
    let seen = nginx.seen();
    assert!(!seen.iter().any(|seen| seen["target"] == "/orders/7"), "{seen:?}");
}

#[test]
fn the_gateway_shows_its_own_certificate_to_an_upstream_that_asks() {
    let (authority, clients) = (Authority::new("upstreams"), Authority::new("clients"));
    let folder = files("tls-mutual", &authority, &clients);
    let nginx = nginx(&folder, "ssl_verify_client on;");
    let upstream = format!("https://127.0.0.1:{}", nginx.address.port());
    let own = "ca_file: tls/upstreams.pem\nclient_cert_file: tls/own.pem\nclient_key_file: tls/own.key\n";
    let mut shown = world(&upstream, own, |place| {
        place.write("tls/upstreams.pem", &authority.pem);
        write_pair(place, "own", &clients.issue(&Leaf::client(vec![Name::Uri(WORKLOAD)])));
    });
    let answer = call(&shown).send();
    assert_eq!(String::from_utf8_lossy(&answer.body), "SUCCESS TLSv1.3 http", "{answer:?}");
    shown.stop();
    let without = world(&upstream, "ca_file: tls/upstreams.pem\n", |place| {
        place.write("tls/upstreams.pem", &authority.pem);
    });
    let answer = call(&without).send();
    assert_ne!(answer.status, 200, "{answer:?}");
}

/// Security case 82: a reference that does not resolve concerns its own API alone.
#[test]
fn an_unusable_authority_file_closes_its_api_alone_until_it_is_mended() {
    let authority = Authority::new("upstreams");
    let folder = files("tls-unusable", &authority, &authority);
    let uvicorn = uvicorn(&folder);
    let upstream = format!("https://127.0.0.1:{}", uvicorn.address.port());
    let world = world(&upstream, "ca_file: tls/upstreams.pem\n", |_| {});
    let answer = call(&world).send();
    assert_eq!(answer.summary(), "503 api_unavailable");
    let billing = Call::new(world.gateway().address, super::world::BILLING, "GET /invoices");
    assert_ne!(billing.key(&world.keys.reader).send().status, 503);
    let reasons = world.admin("GET /readyz").send().json();
    assert!(reasons.to_string().contains("tls/upstreams.pem"), "{reasons}");
    world.place.write("tls/upstreams.pem", &authority.pem);
    world.until_status(&call(&world), 200);
    // Broken again, the last good ones are believed.
    world.place.write("tls/upstreams.pem", "-----BEGIN CERTIFICATE-----\nMII");
    until("the fault to be told", || {
        (world.admin("GET /readyz").send().json()["files_in_force"] == false).then_some(())
    });
    assert_eq!(call(&world).send().status, 200);
    // Others are believed from the next call on, and no connection of before is used for it.
    world.place.write("tls/upstreams.pem", &Authority::new("others").pem);
    world.until_status(&call(&world), 502);
}
