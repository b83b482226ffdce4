//! One GET.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::addresses::{Allowed, is_public};

/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// What is to be fetched, and within which bounds.
#[derive(Clone, Debug)]
pub struct Order {
    pub transport: Transport,
    /// Name or address; an IPv6 address in brackets.
    pub host: String,
    pub port: u16,
    /// `Host` of the request.
    pub host_field: String,
    /// Path of the request; begins with `/`.
    pub path: String,
    pub allowed: Allowed,
    /// Bytes of the body.
    pub bytes_max: usize,
    /// For the whole: looking the name up, connecting, and the last byte of the answer.
    pub deadline: Duration,
}

/// How the bytes travel.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Without TLS, to listed networks alone.
    Plain,
    /// Verified as the configuration says.
    Tls(Arc<ClientConfig>),
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("the name `{host}` does not resolve")]
    Resolve {
        host: String,
        #[source]
        cause: std::io::Error,
    },
    #[error(
        "`{host}` is {address}, which is not public; list its network in `allow_networks` if that is meant"
    )]
    Address { host: String, address: IpAddr },
    #[error("`{host}` is {address}, and without TLS only a network in `allow_networks` is asked")]
    Plain { host: String, address: IpAddr },
    #[error("`{host}` has no address")]
    NoAddress { host: String },
    #[error("`{host}` cannot be connected to")]
    Connect {
        host: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("`{host}` is no name that a certificate can have")]
    Name { host: String },
    #[error("the answer is no HTTP or breaks off")]
    Http(#[source] hyper::Error),
    #[error("the answer redirects elsewhere, which is not followed")]
    Redirect,
    #[error("the answer has status {status}")]
    Status { status: u16 },
    #[error("the answer is over {bytes_max} bytes long")]
    TooLong { bytes_max: usize },
    #[error("there was no whole answer within {} ms", .deadline.as_millis())]
    Late { deadline: Duration },
}

/// Fetches the body of one answer with status 200.
///
/// # Errors
///
/// The first thing that is not as ordered.
pub async fn get(order: &Order) -> Result<Vec<u8>, FetchError> {
    let late = || FetchError::Late { deadline: order.deadline };
    tokio::time::timeout(order.deadline, get_unbounded(order)).await.map_err(|_| late())?
}

async fn get_unbounded(order: &Order) -> Result<Vec<u8>, FetchError> {
    let addresses = judged_addresses(order).await?;
    let stream = connect(order, &addresses).await?;
    match &order.transport {
        Transport::Plain => ask(order, stream).await,
        Transport::Tls(config) => {
            let bare = bare(&order.host).to_owned();
            let name =
                ServerName::try_from(bare).map_err(|_| FetchError::Name { host: order.host.clone() })?;
            let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream);
            let cause = |cause| FetchError::Connect { host: order.host.clone(), cause };
            ask(order, connecting.await.map_err(cause)?).await
        }
    }
}

/// The addresses that may be connected to. One that may not is not just passed over when it is the only kind: it is
/// told.
async fn judged_addresses(order: &Order) -> Result<Vec<SocketAddr>, FetchError> {
    let host = || order.host.clone();
    let found: Vec<SocketAddr> = match bare(&order.host).parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, order.port)],
        Err(_) => {
            let looked_up = tokio::net::lookup_host((order.host.as_str(), order.port)).await;
            looked_up
                .map_err(|cause| FetchError::Resolve { host: host(), cause })?
                .take(ADDRESSES_MAX)
                .collect()
        }
    };
    let mut refused = FetchError::NoAddress { host: host() };
    let mut judged = Vec::new();
    for address in found {
        match judge(order, address.ip()) {
            Ok(()) => judged.push(address),
            Err(error) => refused = error,
        }
    }
    if judged.is_empty() { Err(refused) } else { Ok(judged) }
}

fn judge(order: &Order, address: IpAddr) -> Result<(), FetchError> {
    if order.allowed.lists(address) {
        return Ok(());
    }
    let host = order.host.clone();
    match &order.transport {
        Transport::Plain => Err(FetchError::Plain { host, address }),
        Transport::Tls(_) if is_public(address) => Ok(()),
        Transport::Tls(_) => Err(FetchError::Address { host, address }),
    }
}

async fn connect(order: &Order, addresses: &[SocketAddr]) -> Result<TcpStream, FetchError> {
    let mut failed = FetchError::NoAddress { host: order.host.clone() };
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(cause) => failed = FetchError::Connect { host: order.host.clone(), cause },
        }
    }
    Err(failed)
}

/// Sends the request and reads the answer. The connection ends with it.
async fn ask<S>(order: &Order, stream: S) -> Result<Vec<u8>, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(FetchError::Http)?;
    let request = Request::get(order.path.as_str())
        .header(HOST, order.host_field.as_str())
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close")
        .header(USER_AGENT, "sallyport")
        .body(Empty::<Bytes>::new());
    // What was parsed as an address makes a request; were it otherwise, nothing is sent.
    let request = request.map_err(|_| FetchError::Name { host: order.host.clone() })?;
    let answering = async {
        let response = sender.send_request(request).await.map_err(FetchError::Http)?;
        read(order, response).await
    };
    // The connection is driven here, not by a task of its own that could outlive the deadline.
    let mut connection = std::pin::pin!(connection);
    let mut answering = std::pin::pin!(answering);
    let mut driving = true;
    std::future::poll_fn(|context| {
        if driving && connection.as_mut().poll(context).is_ready() {
            driving = false;
        }
        answering.as_mut().poll(context)
    })
    .await
}

async fn read(order: &Order, response: Response<Incoming>) -> Result<Vec<u8>, FetchError> {
    let status = response.status();
    if status.is_redirection() || response.headers().contains_key(LOCATION) {
        return Err(FetchError::Redirect);
    }
    if status != hyper::StatusCode::OK {
        return Err(FetchError::Status { status: status.as_u16() });
    }
    let too_long = || FetchError::TooLong { bytes_max: order.bytes_max };
    let mut body = response.into_body();
    let announced = body.size_hint().lower();
    if u64::try_from(order.bytes_max).is_ok_and(|most| most < announced) {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(FetchError::Http)?.into_data() {
            if order.bytes_max < bytes.len() + data.len() {
                return Err(too_long());
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// A host without the brackets of IPv6.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests;
