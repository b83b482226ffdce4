//! TLS of the listener, by clients that were not written here: curl, OpenSSL and Python.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use testkit::{Leaf, WAIT, until};

use super::partners::environment_folder;
use super::tls_world::{Secured, asking, with_tls, write_pair};
use super::world::{API, BILLING, HOST, Place, World};

#[test]
fn a_call_over_tls_is_judged_forwarded_and_told_as_https() {
    let secured = Secured::start("", |_| {});
    let world = &secured.world;
    assert!(secured.gateway().first["gateway"].as_str().unwrap().starts_with("https://"));
    let answer = secured.curl_as(&world.keys.reader, HOST, "/orders/7");
    assert_eq!(answer.summary, "200", "{answer:?}");
    let seen = world.upstream.last();
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    assert!(seen.all("forwarded")[0].contains("proto=https"), "{seen:?}");
    assert_eq!(secured.curl(HOST, "/orders/7", &[]).summary, "401 no_credential");
    assert_eq!(secured.curl_as(&world.keys.stranger, HOST, "/orders/7").summary, "403 no_grant");
    assert_eq!(world.entries(&answer.id).len(), 2);
    // The rest of the conversation goes on over one connection.
    let port = secured.gateway().address.port();
    let second = format!("https://{HOST}:{port}/orders/8");
    let key = format!("X-Api-Key: {}", world.keys.reader);
    let answer = secured.curl(HOST, "/orders/7", &["-H", &key, &second, "-w", "%{num_connects} "]);
    assert_eq!(answer.summary, "200");
    assert!(answer.text.contains('0'), "{answer:?}");
}

#[test]
fn a_body_of_many_records_arrives_whole_both_ways() {
    let secured = Secured::start("", |_| {});
    let key = format!("X-Api-Key: {}", secured.world.keys.writer);
    let body = "0123456789abcdef".repeat(64 * 1024);
    secured.world.place.write("body.txt", &body);
    let from = format!("@{}", secured.world.place.dir().join("body.txt").display());
    let reply = testkit::Reply::ok(&body);
    secured.world.upstream.reply("/orders", reply);
    let answer = secured.curl(HOST, "/orders", &["-H", &key, "--data-binary", &from]);
    assert_eq!(answer.summary, "200");
    assert!(answer.text.ends_with(&body), "the answer has {} bytes", answer.text.len());
    assert!(testkit::contains(&secured.world.upstream.bytes(), body.as_bytes()));
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let secured = Secured::start("", |_| {});
    for (version, expected) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let said = secured.openssl(&[version, "-servername", HOST, "-alpn", "http/1.1"]);
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert!(said.contains(expected) && said.contains("ALPN protocol: http/1.1"), "{said}");
        assert!(!said.contains("Early data was accepted"), "{said}");
    }
    let weak = ["-cipher", "DEFAULT@SECLEVEL=0"];
    for version in ["-tls1_1", "-tls1"] {
        let said = secured.openssl(&[&[version, "-servername", HOST], &weak[..]].concat());
        assert!(said.contains("Cipher is (NONE)"), "{version}: {said}");
    }
    // HTTP/2 is not spoken, so it is not agreed to.
    let said = secured.openssl(&["-servername", HOST, "-alpn", "h2"]);
    assert!(!said.contains("ALPN protocol: h2"), "{said}");
    // TLS 1.2 without secure renegotiation, and renegotiation refused.
    let said = secured.openssl(&["-tls1_2", "-servername", HOST]);
    assert!(said.contains("Secure Renegotiation IS supported") || said.contains("TLSv1.2"), "{said}");
}

#[test]
fn plain_http_on_a_tls_port_is_nobodys_request() {
    let secured = Secured::start("", |_| {});
    let mut stream = TcpStream::connect(secured.gateway().address).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.write_all(format!("GET /orders/7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    assert!(!testkit::contains(&answer, b"HTTP/1.1"), "{:?}", String::from_utf8_lossy(&answer));
    assert!(secured.world.upstream.bytes().is_empty());
}

/// Security case 76: what was agreed in the handshake of one API must not open another.
#[test]
fn case_76_the_host_of_the_handshake_and_of_the_request_belong_to_one_api() {
    let secured = Secured::start("", |place| {
        place.edit(API, "hosts: [orders.example]", "hosts: [orders.example, alias.example]");
    });
    let key = format!("X-Api-Key: {}", secured.world.keys.reader);
    for (server_name, host, expected) in [
        (HOST, HOST, "200"),
        (HOST, "ORDERS.example", "200"),
        (HOST, "orders.example.", "200"),
        ("Orders.Example", HOST, "200"),
        // Another host of the same API.
        (HOST, "alias.example", "200"),
        (BILLING, HOST, "421 misdirected"),
        (HOST, BILLING, "421 misdirected"),
        (BILLING, "Orders.Example:443", "421 misdirected"),
        ("unknown.example", HOST, "421 misdirected"),
        (HOST, "unknown.example", "404 unknown_host"),
        // Who asks for no name is under the same rules as everybody.
        ("127.0.0.1", HOST, "200"),
    ] {
        let host_field = format!("Host: {host}");
        let answer = secured.curl(server_name, "/orders/7", &["-k", "-H", &key, "-H", &host_field]);
        assert_eq!(answer.summary, expected, "{server_name} {host}: {answer:?}");
    }
    let answer = secured.curl(BILLING, "/orders/7", &["-H", &key, "-H", &format!("Host: {HOST}")]);
    let decided = secured.world.entries(&answer.id);
    assert!(decided.iter().any(|entry| entry["reason"] == "misdirected"), "{decided:?}");
}

/// A client of Python that keeps what its library would send and sends it in pieces of its own.
const SPLIT: &str = r#"
import socket, ssl, sys
port, host, size, key = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
session = context.wrap_bio(inward, outward, server_hostname=host or None)
stream = socket.create_connection(("127.0.0.1", port), timeout=50)
stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def in_records(data):
    # Each handshake record as several of at most `size` bytes.
    out = b""
    while data:
        kind, length = data[0], int.from_bytes(data[3:5], "big")
        body, data = data[5:5 + length], data[5 + length:]
        if kind != 22:
            out += bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body
            continue
        for at in range(0, len(body), size):
            piece = body[at:at + size]
            out += bytes([22, 3, 1]) + len(piece).to_bytes(2, "big") + piece
    return out
first = True
def flush():
    global first
    data = outward.read()
    if data and first:
        data, first = in_records(data), False
        for at in range(0, len(data), 7):
            stream.sendall(data[at:at + 7])
    elif data:
        stream.sendall(data)
def step(action):
    while True:
        try:
            result = action()
            flush()
            return result
        except ssl.SSLWantReadError:
            flush()
            data = stream.recv(65536)
            if not data:
                inward.write_eof()
            else:
                inward.write(data)
step(session.do_handshake)
request = f"GET /orders/7 HTTP/1.1\r\nHost: orders.example\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n"
step(lambda: session.write(request.encode()))
answer = b""
try:
    while True:
        piece = step(lambda: session.read(65536))
        if not piece:
            break
        answer += piece
    print("ended in order")
except ssl.SSLZeroReturnError:
    print("ended in order")
except ssl.SSLError as error:
    print("broken off", error)
print(session.version(), answer.split(b"\r\n")[0].decode())
"#;

/// Security case 75: whatever the shape of the first message, and whether it asks for a name, the rules are the same.
#[test]
fn case_75_a_client_hello_in_any_shape_meets_the_same_rules() {
    let secured = Secured::start("", |_| {});
    let port = secured.gateway().address.port().to_string();
    for (name, size, expected) in [
        (HOST, "16384", "HTTP/1.1 200 OK"),
        (HOST, "40", "HTTP/1.1 200 OK"),
        (HOST, "1", "HTTP/1.1 200 OK"),
        ("", "64", "HTTP/1.1 200 OK"),
        ("unknown.example", "64", "HTTP/1.1 421 "),
    ] {
        let output = Command::new(environment_folder().join("bin/python"))
            .args(["-c", SPLIT, &port, name, size, &secured.world.keys.reader])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected) && said.contains("ended in order"), "{name} {size}: {said}{errors}");
    }
}

#[test]
fn several_certificates_are_chosen_by_name() {
    let secured = Secured::start("", |place| {
        let other = testkit::Authority::new("others");
        write_pair(place, "other", &other.issue(&Leaf::server(&["*.other.example"])));
        place.edit(
            "sallyport.yaml",
            "tls/server.key }]",
            "tls/server.key }, { cert_file: tls/other.pem, key_file: tls/other.key }]",
        );
    });
    for (name, is_first) in [
        (Some(HOST), true),
        (Some("unknown.example"), true),
        (None, true),
        (Some("a.other.example"), false),
        (Some("A.OTHER.example"), false),
        (Some("a.b.other.example"), true),
    ] {
        let asked = name.map_or_else(|| vec!["-noservername"], |name| vec!["-servername", name]);
        let said = secured.openssl(&asked);
        assert_eq!(said.contains("Verify return code: 0 (ok)"), is_first, "{name:?}: {said}");
    }
}

#[test]
fn case_74_a_gateway_does_not_start_with_files_that_cannot_be_used() {
    let authority = testkit::Authority::new("servers");
    let good = authority.issue(&Leaf::server(&[HOST]));
    let other = authority.issue(&Leaf::server(&[HOST]));
    let ended = authority.issue(&Leaf::server(&[HOST]).days(-9, -2));
    let half = half_of(&good.certificate);
    for (certificate, key, more, reason) in [
        (&*good.certificate, &*other.key, "", "does not fit"),
        (&*ended.certificate, &*ended.key, "", "ended on"),
        (half, &good.key, "", "not whole PEM"),
        ("", &good.key, "", "holds no certificate"),
        (&*good.certificate, "", "", "holds no private key"),
        // Security case 74.
        (&*good.certificate, &good.key, "clients", "cannot be read"),
    ] {
        let place = Place::new();
        place.write("tls/server.pem", certificate);
        place.write("tls/server.key", key);
        with_tls(&place, &if more.is_empty() { String::new() } else { asking("required") });
        let ran = place.cli.try_run(&["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        assert_eq!(ran.code, 2, "{reason}: {ran:?}");
        assert!(ran.stderr.contains(reason), "{reason}: {ran:?}");
        let checked = place.cli.try_run(&["config", "check"]);
        assert_eq!(checked.code, 2, "{checked:?}");
        let row = &checked.lines()[0];
        assert_eq!(row["file"], "sallyport.yaml");
        assert!(row["reason"].as_str().unwrap().contains(reason) && row["line"] != 0, "{row}");
    }
}

#[test]
fn a_listener_beyond_the_machine_needs_tls_or_the_word() {
    let place = Place::new();
    let up = ["up", "--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"];
    let ran = place.cli.try_run(&up);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("write `tls`") && ran.stderr.contains("--plaintext"), "{ran:?}");
    let authority = testkit::Authority::new("servers");
    write_pair(&place, "server", &authority.issue(&Leaf::server(&[HOST])));
    with_tls(&place, "");
    let mut command = place.cli.command();
    command.arg("--json").args(up);
    let gateway = testkit::Gateway::start(command, &place.folder.path().join("gateway.log"));
    assert_eq!(gateway.stop(), Some(0));
}

/// What stands in a file while it is being written.
fn half_of(text: &str) -> &str {
    text.get(..text.len() / 2).unwrap()
}

fn revision(secured: &Secured) -> serde_json::Value {
    secured.world.admin("GET /readyz").send().json()["revision"].clone()
}

/// A client that calls over one connection after the other, and over one for as long as it runs.
const LOAD: &str = r#"
import os, socket, ssl, sys
port, host, cafile, key, stop = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
context = ssl.create_default_context(cafile=cafile)
def connect():
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=50), server_hostname=host)
def call(stream):
    stream.sendall(f"GET /orders/7 HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: {key}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = stream.recv(65536)
        if not piece:
            raise RuntimeError("the connection ended")
        answer += piece
    head, body = answer.split(b"\r\n\r\n", 1)
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += stream.recv(65536)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(head.decode())
kept = connect()
serials, calls = [], 0
while not os.path.exists(stop):
    call(kept)
    once = connect()
    call(once)
    serial = once.getpeercert()["serialNumber"]
    if serial not in serials:
        serials.append(serial)
        print("serial", len(serials), flush=True)
    once.close()
    calls += 2
call(kept)
print("calls", calls, "certificates", len(serials), flush=True)
"#;

#[test]
fn certificates_are_replaced_without_losing_a_connection() {
    let secured = Secured::start("", |_| {});
    let before_revision = revision(&secured);
    let (place, port) = (&secured.world.place, secured.gateway().address.port().to_string());
    let stop = place.dir().join("stop");
    let said = place.dir().join("load.txt");
    let mut load = Command::new(environment_folder().join("bin/python"))
        .args(["-c", LOAD, &port, HOST])
        .arg(secured.file("servers.pem"))
        .arg(&secured.world.keys.reader)
        .arg(&stop)
        .stdout(std::fs::File::create(&said).unwrap())
        .stderr(std::fs::File::create(place.dir().join("load.errors")).unwrap())
        .spawn()
        .unwrap();
    let read = |name: &str| std::fs::read_to_string(place.dir().join(name)).unwrap_or_default();
    for number in 1..=3 {
        let wanted = format!("serial {number}\n");
        until("the certificate", || {
            assert!(load.try_wait().unwrap().is_none(), "{}{}", read("load.txt"), read("load.errors"));
            read("load.txt").contains(&wanted).then_some(())
        });
        if number < 3 {
            write_pair(place, "server", &secured.servers.issue(&Leaf::server(&[HOST])));
        }
    }
    std::fs::write(&stop, "").unwrap();
    let ended = until("the end of the load", || load.try_wait().unwrap());
    assert!(ended.success(), "{}{}", read("load.txt"), read("load.errors"));
    assert!(read("load.txt").contains("certificates 3"), "{}", read("load.txt"));
    // Nothing of it is a revision: keys are in none.
    assert_eq!(revision(&secured), before_revision);
}

#[test]
fn case_74_a_half_written_file_changes_nothing_and_is_told() {
    let secured = Secured::start(&asking("optional"), |_| {});
    let (world, place) = (&secured.world, &secured.world.place);
    let ready = || world.admin("GET /readyz").send().json();
    let good = |what: &str| {
        let answer = secured.curl_as(&world.keys.reader, HOST, "/orders/7");
        assert_eq!(answer.summary, "200", "{what}: {answer:?}");
    };
    let certificate = place.read("tls/server.pem");
    let next = secured.servers.issue(&Leaf::server(&[HOST]));
    for (file, text, reason) in [
        ("tls/server.pem", half_of(&certificate), "not whole PEM"),
        ("tls/server.pem", "", "holds no certificate"),
        ("tls/server.pem", &next.certificate, "does not fit"),
        ("tls/clients.pem", "", "holds no certificate"),
        ("tls/clients.pem", "-----BEGIN CERTIFICATE-----\nMII", "not whole PEM"),
    ] {
        let before = place.read(file);
        place.write(file, text);
        let told = until("the fault to be told", || {
            let told = ready();
            told["reasons"].to_string().contains(reason).then_some(told)
        });
        assert_eq!(told["files_in_force"], false, "{told}");
        good(reason);
        // An edit of the files goes live all the same.
        place.write(file, &before);
        until("the files to be in force", || (ready()["files_in_force"] == true).then_some(()));
        good("restored");
    }
    assert!(world.log().contains("TLS file not in force"), "{}", world.log());
    // The new pair, certificate first: between the two it does not fit, and the last good one stays.
    place.write("tls/server.pem", &next.certificate);
    until("the mismatch", || ready()["reasons"].to_string().contains("does not fit").then_some(()));
    good("mismatched");
    place.write("tls/server.key", &next.key);
    until("the pair", || (ready()["files_in_force"] == true).then_some(()));
    good("whole");
}

/// Nobody publishes a renewal.
#[test]
fn certificates_are_renewed_whatever_makes_files_live() {
    let secured = Secured::start("", |place| {
        place.edit("sallyport.yaml", "reload: on_change", "reload: on_publish");
    });
    let serial = || {
        let said = secured.openssl(&["-servername", HOST]);
        let pem = said.split_once("-----BEGIN CERTIFICATE-----").unwrap().1;
        pem.split_once("-----END").unwrap().0.to_owned()
    };
    let (before, before_revision) = (serial(), revision(&secured));
    write_pair(&secured.world.place, "server", &secured.servers.issue(&Leaf::server(&[HOST])));
    until("the new certificate", || (serial() != before).then_some(()));
    let key = &secured.world.keys.reader;
    assert_eq!(secured.curl_as(key, HOST, "/orders/7").summary, "200");
    assert_eq!(revision(&secured), before_revision);
}

#[test]
fn a_certificate_that_ends_soon_and_a_key_for_everybody_are_told_of() {
    let authority = testkit::Authority::new("servers");
    let mut world = World::with(|place| {
        write_pair(place, "server", &authority.issue(&Leaf::server(&[HOST]).days(-1, 5)));
        let key = place.dir().join("tls/server.key");
        assert!(Command::new("chmod").arg("644").arg(key).status().unwrap().success());
        with_tls(place, "");
    });
    let reasons = world.admin("GET /readyz").send().json()["reasons"].to_string();
    assert!(reasons.contains("the certificate ends in less than "), "{reasons}");
    assert!(reasons.contains("can read this key"), "{reasons}");
    let metrics = world.admin("GET /metrics").send();
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("sallyport_certificate_ends_seconds{file="), "{metrics}");
    let checked = world.cli().try_run(&["config", "check"]);
    let named: Vec<_> = checked.lines().iter().map(|row| row["file"].to_string()).collect();
    let of_tls = named.iter().filter(|file| file.contains("/tls/server.")).count();
    assert_eq!((checked.code, of_tls), (0, 2), "{checked:?}");
    world.stop();
}

#[test]
fn a_certificate_for_an_address_serves_clients_that_call_it() {
    let secured = Secured::start("", |_| {});
    let key = format!("X-Api-Key: {}", secured.world.keys.reader);
    let host = format!("Host: {HOST}");
    let answer = secured.curl("127.0.0.1", "/orders/7", &["-H", &key, "-H", &host]);
    assert_eq!(answer.summary, "200", "{answer:?}");
}
