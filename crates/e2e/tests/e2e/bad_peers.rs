//! Clients that stall, trickle and vanish; upstreams that are silent, refuse, reset, answer garbage or never end. What
//! they took is given back, and whoever calls another API meanwhile notices nothing.

use testkit::{Call, Connection, Gate, Gateway, Reply, Step, until};

use super::same_request::number;
use super::world::{API, BILLING, HOST, POLICY, World};

/// Bad connections in a run, unless `SALLYPORT_PEERS` says otherwise.
const PEERS: usize = 1_000;
/// How many of them are open at once.
const TOGETHER: usize = 100;
/// Connections to upstreams that so many clients leave behind for others, and files of the log.
const KEPT_MAX: usize = 64;
/// Buffers and pages of the allocator do, too, and the rings of two workers, of 8 MiB each, are gone through once; a
/// kilobyte kept for each bad peer of a long run does not fit in.
const MEGABYTES_MAX: usize = 32;

/// The API whose upstream refuses connections.
const REFUSING: &str = "refusing.example";

const GRANT: &str = r#"
@id("billing") @owner("orders-team") @reason("the neighbour") @expires("2099-01-01")
permit (principal == Application::"writer", action in Action::"billing", resource);
"#;

/// What the gateway's process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    files: usize,
    kilobytes: usize,
}

impl Held {
    fn by(gateway: &Gateway) -> Self {
        let process = format!("/proc/{}", gateway.id());
        let files = std::fs::read_dir(format!("{process}/fd")).unwrap().count();
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes = resident.trim().trim_end_matches(" kB").parse().unwrap();
        Self { files, kilobytes }
    }
}

/// A world with a neighbour who must be served, whatever happens, and upstreams of every kind.
struct Street {
    world: World,
    neighbour: Call,
    /// Opened when the slow answers may come.
    gate: Gate,
}

impl Street {
    fn new() -> Self {
        let mut key = String::new();
        let world = World::with(|place| {
            place.append(POLICY, GRANT);
            // A client that ends in order may still be waiting for its answer, so a silent upstream keeps it until here.
            place.append(API, "timeouts: { head: 3s, idle: 3s }\n");
            key = place.cli.key("writer", &["billing"]);
            // Taken and given back: nobody listens there.
            let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let closed = format!("http://{closed}");
            place.cli.run(&["api", "add", "refusing", "--upstream", &closed, "--host", REFUSING]);
        });
        let neighbour = Call::new(world.gateway().address, BILLING, "GET /invoices").key(&key);
        let gate = Gate::new();
        for (path, reply) in [
            ("/orders/silent", Reply::Silence),
            ("/orders/reset", Reply::Reset),
            ("/orders/garbage", Reply::last("garbage\r\n\r\n")),
            (
                "/orders/two",
                Reply::last("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            ),
            ("/orders/long", Reply::last(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(80_000)))),
            ("/orders/nothing", Reply::Steps(vec![Step::Close])),
            ("/orders/begun", Reply::bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")),
            ("/orders/cut", Reply::last("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut")),
            (
                "/orders/chunk",
                Reply::last("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeX"),
            ),
            ("/orders/slow", Reply::Steps(vec![Step::Wait(gate.clone()), Step::Close])),
        ] {
            world.upstream.reply(path, reply);
        }
        Self { world, neighbour, gate }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        self.world.call(&format!("GET {path}")).key(&self.world.keys.writer).bytes()
    }

    /// Behaves badly in one of many ways. Gives the connection where it is to be left open for a while.
    fn behave_badly(&self, way: usize) -> Option<Connection> {
        let mut connection = self.world.connect();
        let key = &self.world.keys.writer;
        let post = format!("POST /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n");
        match way % 16 {
            // Clients.
            0 => {}
            1 => connection.send(format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nX-Half").as_bytes()),
            2 => post.bytes().take(40).for_each(|byte| connection.send(&[byte])),
            3 => connection.send(format!("{post}Content-Length: 1000\r\n\r\nhalf").as_bytes()),
            4 => connection.send(format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nab").as_bytes()),
            5 => connection.send(&self.get("/orders/7").repeat(50)),
            6 => {
                connection.send(&self.get("/orders/7"));
                connection.vanish();
                return None;
            }
            7 => connection.send(b"\x16\x03\x01\0\xa5\r\n\r\n"),
            // Upstreams.
            8 => connection.send(&self.get("/orders/silent")),
            9 => {
                connection.send(&self.get("/orders/begun"));
                if (way / 16).is_multiple_of(2) {
                    connection.vanish();
                    return None;
                }
            }
            10 => connection.send(&self.get("/orders/slow")),
            11 => self.fails(&mut connection, "/orders/reset", "502 upstream_broken"),
            12 => self.fails(&mut connection, "/orders/garbage", "502 upstream_malformed"),
            13 => self.fails(
                &mut connection,
                ["/orders/two", "/orders/long"][way / 16 % 2],
                "502 upstream_malformed",
            ),
            14 => self.fails(&mut connection, "/orders/nothing", "502 upstream_broken"),
            _ => {
                match way / 16 % 3 {
                    0 => connection.send(&self.get("/orders/cut")),
                    1 => connection.send(&self.get("/orders/chunk")),
                    _ => {
                        let answer =
                            Call::new(self.world.gateway().address, REFUSING, "GET /").key(key).send();
                        assert_eq!(answer.summary(), "502 upstream_unreachable");
                        return None;
                    }
                }
                // A beginning may have come, an end has not.
                let mut rest = connection.piece().unwrap_or_default();
                connection.finish_if_open();
                rest.extend(connection.rest());
                assert!(!testkit::contains(&rest, b"\r\n0\r\n\r\n"), "{}", rest.escape_ascii());
                return None;
            }
        }
        Some(connection)
    }

    fn fails(&self, connection: &mut Connection, path: &str, summary: &str) {
        connection.send(&self.get(path));
        assert_eq!(connection.answer().summary(), summary, "{path}");
    }

    /// So many bad peers, some at a time; between them the neighbour calls.
    fn pass(&self, peers: usize) {
        for first in (0..peers).step_by(TOGETHER) {
            let open: Vec<Connection> =
                (first..peers.min(first + TOGETHER)).filter_map(|way| self.behave_badly(way)).collect();
            assert_eq!(self.neighbour.send().status, 200, "with {} bad peers", open.len());
        }
    }
}

#[test]
fn what_bad_peers_took_is_given_back() {
    let street = Street::new();
    let gateway = street.world.gateway();
    let start = Held::by(gateway);
    // What is allocated once is allocated now, and connections are made that are kept for others.
    street.pass(4 * TOGETHER);
    let settled = until("the first bad peers are gone", || {
        let held = Held::by(gateway);
        (held.files <= start.files + KEPT_MAX).then_some(held)
    });
    let peers = number("SALLYPORT_PEERS", PEERS);
    street.pass(peers);
    let after = until("all bad peers are gone", || {
        let held = Held::by(gateway);
        (held.files <= start.files + KEPT_MAX).then_some(held)
    });
    println!("{peers} bad peers: {start:?}, {settled:?}, then {after:?}");
    assert!(after.kilobytes <= settled.kilobytes + MEGABYTES_MAX * 1024, "{settled:?} {after:?}");
    street.gate.open();
    assert_eq!(street.neighbour.send().status, 200);
    let answer = street.world.call("GET /orders/7").key(&street.world.keys.writer).send();
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_gigabyte_passes_without_being_held() {
    const LENGTH: u64 = 1 << 30;
    let street = Street::new();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
    let steps = vec![Step::Send(head.into_bytes()), Step::Fill(LENGTH)];
    street.world.upstream.reply("/orders/huge", Reply::Steps(steps));
    let gateway = street.world.gateway();
    street.pass(TOGETHER);
    let settled = Held::by(gateway);
    // One reads all of it, one reads nothing, one goes away in the middle.
    let mut idle = street.world.connect();
    idle.send(&street.get("/orders/huge"));
    let mut leaving = street.world.connect();
    leaving.send(&street.get("/orders/huge"));
    assert_eq!(leaving.head().status, 200);
    assert!(leaving.piece().is_some());
    let mut reading = street.world.connect();
    reading.send(&street.get("/orders/huge"));
    assert_eq!(reading.head().status, 200);
    let (mut length, mut most) = (0_u64, 0);
    let mut leaving = Some(leaving);
    while length < LENGTH {
        let piece = reading.piece().expect("the answer goes on");
        assert!(piece.iter().all(|byte| *byte == b'g'));
        let before = length >> 28;
        length += u64::try_from(piece.len()).unwrap();
        if before < length >> 28 {
            // At each quarter.
            most = most.max(Held::by(gateway).kilobytes);
            drop(leaving.take());
            assert_eq!(street.neighbour.send().status, 200);
        }
    }
    assert_eq!(length, LENGTH);
    println!("a gigabyte: {settled:?}, at most {most} kB");
    assert!(most <= settled.kilobytes + MEGABYTES_MAX * 1024, "{settled:?}, then {most} kB");
    drop(idle);
    street.gate.open();
}
