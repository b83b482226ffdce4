//! The same answers, given to a real nginx as its upstream's: what our codec takes, nginx passes on with the same status and
//! the same body, or not as a whole answer at all.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use testkit::Folder;

use super::answers::{answer, ours};
use super::heads::Random;
use super::same_request::number;
use super::servers::Server;
use super::world::root;

/// Answers, unless `SALLYPORT_CASES` says otherwise.
const CASES: usize = 10_000;
const SEED: usize = 29;

/// Answers request `/N` with the bytes of case N, and closes. Ends at a request for anything else.
fn give(listener: &TcpListener, answers: &[Vec<u8>]) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let (mut head, mut part) = (Vec::new(), [0; 1_024]);
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut part) {
                Ok(length) if 0 < length => head.extend_from_slice(&part[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let case = text.split([' ', '/']).nth(2).and_then(|case| case.parse::<usize>().ok());
        match case.and_then(|case| answers.get(case)) {
            // nginx may have closed already: then it has read what it wanted.
            Some(bytes) => drop(stream.write_all(bytes)),
            None if head.is_empty() => {}
            None => return,
        }
    }
}

/// What nginx passes on for a case, byte for byte until it closes.
fn passed_on(nginx: SocketAddr, case: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(nginx).unwrap();
    write!(stream, "GET /{case} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    // A reset is how nginx ends some answers that broke off; what came before counts.
    drop(stream.read_to_end(&mut bytes));
    bytes
}

/// Whether nginx is known to read the answer otherwise, and how.
fn known_difference(bytes: &[u8]) -> Option<&'static str> {
    // nginx 1.22 has no interim answers other than 100: it takes one for the final answer.
    bytes.starts_with(b"HTTP/1.1 103").then_some("103 is taken for the final answer")
}

#[test]
fn nginx_and_we_read_the_same_answers_alike() {
    let folder = Folder::new(root(), "answers-through-nginx");
    let mut random = Random::new(number("SALLYPORT_SEED", SEED));
    let answers: Vec<Vec<u8>> = (0..number("SALLYPORT_CASES", CASES)).map(|_| answer(&mut random)).collect();
    let answers = Arc::new(answers);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = listener.local_addr().unwrap();
    let given = Arc::clone(&answers);
    let giver = std::thread::spawn(move || give(&listener, &given));
    let nginx = Server::nginx_with(
        &folder,
        &format!(
            "location / {{ proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_next_upstream off; }}"
        ),
    );
    let (mut both, mut stricter) = (0, 0);
    for (case, bytes) in answers.iter().enumerate() {
        let Some((status, _, Some(body))) = ours(bytes) else { continue };
        if known_difference(bytes).is_some() {
            continue;
        }
        let theirs = passed_on(nginx.address, case);
        let shown = || format!("{} became {}", bytes.escape_ascii(), theirs.escape_ascii());
        // What nginx writes is well formed; where it refused its upstream, it says 502 in its own name.
        match ours(&theirs) {
            Some((502, _, _)) | None => stricter += 1,
            Some((_, _, None)) => stricter += 1,
            Some((seen, _, Some(seen_body))) => {
                assert_eq!(seen, status, "{}", shown());
                assert_eq!(seen_body, body, "{}", shown());
                both += 1;
            }
        }
    }
    drop(TcpStream::connect(upstream).and_then(|mut stream| stream.write_all(b"GET /end HTTP/1.1\r\n\r\n")));
    giver.join().unwrap();
    println!("{both} of {} answers read alike, {stricter} refused by nginx alone", answers.len());
    assert!(answers.len() / 8 < both, "{both}");
}
