//! hyper's reading of a connection's bytes, as a server and as a client.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http1::Version;
use hyper::body::{Body as _, Incoming};
use hyper::{HeaderMap, Request, Response};

use super::Message;
use super::memory::{Memory, Ready};

/// How often a connection is polled at most: nothing in memory keeps it waiting for long.
const POLLS_MAX: usize = 1_000;

/// The requests that a server made with hyper sees, each with its body as far as it came.
pub(super) fn requests(bytes: &[u8]) -> Vec<Message> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            let target = head.uri.path_and_query().map_or_else(|| head.uri.to_string(), ToString::to_string);
            let start = format!("{} {target}", head.method);
            let body = collect(body).await;
            seen.borrow_mut().push(Message::new(start, version(head.version), pairs(&head.headers), body));
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(Memory::new(bytes, Ready::AtOnce), service);
    drive(connection);
    seen.take()
}

/// The response that a client made with hyper sees.
pub(super) fn response(bytes: &[u8]) -> Vec<Message> {
    drive(async {
        let memory = Memory::new(bytes, Ready::AfterWrite);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(memory).await.ok()?;
        let request = Request::get("/").header("host", "h").body(String::new()).ok()?;
        let mut connection = pin!(connection);
        let mut exchange = pin!(async {
            let (head, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = collect(body).await;
            let start = head.status.as_u16().to_string();
            Some(Message::new(start, version(head.version), pairs(&head.headers), body))
        });
        let mut is_open = true;
        poll_fn(|context| {
            if is_open && connection.as_mut().poll(context).is_ready() {
                is_open = false;
            }
            exchange.as_mut().poll(context)
        })
        .await
    })
    .flatten()
    .into_iter()
    .collect()
}

/// The data of a body; `None` where it does not end well.
async fn collect(mut body: Incoming) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            None => return Some(data),
            Some(Err(_)) => return None,
            Some(Ok(frame)) => data.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
        }
    }
}

fn version(version: hyper::Version) -> Version {
    if version == hyper::Version::HTTP_10 { Version::Http10 } else { Version::Http11 }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// Polls without a runtime: everything is in memory, so nothing is waited for.
fn drive<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..POLLS_MAX).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}
