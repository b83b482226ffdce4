//! A small HTTP client for the admin API, over loopback or, when no gateway runs, straight into the router.
//!
//! Both ways go through the same routes, so an offline command is judged, carried out and recorded like any other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;

use crate::{NotKept, UsageError};

/// The longest answer that a command reads.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// How long a command waits for the admin API.
const ANSWER_WAIT: Duration = Duration::from_secs(120);

/// The type of a problem that tells of a stop that is in force and not kept.
const STOPPED: &str = "urn:sallyport:admin-problem:stopped";

/// How commands reach the use cases.
#[derive(Debug)]
pub(crate) enum Client {
    /// A running gateway's admin API.
    Remote { authority: String, tls: Option<Secured>, token: Option<String> },
    /// This process itself, under the lock of the folder.
    Offline { router: axum::Router },
}

/// How a server proves who it is.
#[derive(Clone, Debug)]
pub(crate) struct Secured {
    config: Arc<tls::ClientConfig>,
    name: tls::ServerName<'static>,
}

/// By what the server of an `https` address is verified.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verify {
    /// The authorities to believe; the operating system's when absent.
    pub(crate) ca_file: Option<PathBuf>,
    /// The name that it bears, where that is not the host of the address.
    pub(crate) name: Option<String>,
}

impl Verify {
    fn secured(&self, authority: &str) -> anyhow::Result<Secured> {
        let host = if has_port(authority) {
            authority.rsplit_once(':').map_or(authority, |(host, _)| host)
        } else {
            authority
        };
        let name = self.name.as_deref().unwrap_or(host);
        let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name =
            tls::ServerName::try_from(bare).with_context(|| format!("`{name}` is no name of a server"))?;
        let roots = self.ca_file.clone().map_or(tls::Roots::System, tls::Roots::File);
        let config = tls::client_config(&roots).map_err(|error| anyhow::anyhow!(error.chain()))?;
        Ok(Secured { config, name })
    }
}

/// Whether an authority ends with a port; the colons of an address in brackets are none.
fn has_port(authority: &str) -> bool {
    authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What the admin API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Client {
    /// Reads `http://HOST:PORT` or `https://HOST:PORT`; the server of the latter is verified, always.
    pub(crate) fn remote(url: &str, verify: &Verify, token: Option<String>) -> anyhow::Result<Self> {
        let malformed = || format!("`{url}` is not an admin address such as http://127.0.0.1:8181");
        let (scheme, rest) = url.split_once("://").with_context(malformed)?;
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '?', '#', '@']) {
            bail!(malformed());
        }
        let tls = match scheme {
            "http" => None,
            "https" => Some(verify.secured(authority)?),
            _ => bail!(malformed()),
        };
        let authority = match tls {
            Some(_) if !has_port(authority) => format!("{authority}:443"),
            Some(_) | None => authority.to_owned(),
        };
        Ok(Self::Remote { authority, tls, token })
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let answered = tokio::time::timeout(ANSWER_WAIT, self.exchange(method, path, body));
        answered.await.context("the admin API did not answer in time")?
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(path);
        let bytes = body.map(Value::to_string);
        if bytes.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = bytes.map_or_else(Body::empty, Body::from);
        let (status, bytes) = match self {
            Self::Remote { authority, tls, token } => {
                if let Some(token) = token {
                    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
                }
                let request = request.header(header::HOST, authority).body(body)?;
                send_remote(authority, tls.as_ref(), request).await?
            }
            Self::Offline { router } => {
                let request = request.header(header::HOST, "localhost").body(body)?;
                let response = router.clone().oneshot(request).await?;
                (response.status(), read_whole(response.into_body()).await?)
            }
        };
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        };
        Ok(Answer { status, body })
    }

    /// Sends one request; anything but success is an error in the API's own words.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (names, _) = path.split_once('?').unwrap_or((path, ""));
        if names.split('/').skip(1).any(str::is_empty) {
            return Err(UsageError("a name must not be empty".to_owned()).into());
        }
        let Answer { status, body } = self.send(method, path, body).await?;
        if status.is_success() {
            return Ok(body);
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let (detail, next) = (text("detail"), text("next_step"));
        let errors: Vec<String> =
            body.get("errors").and_then(Value::as_array).into_iter().flatten().map(finding).collect();
        if !errors.is_empty() {
            bail!("the files do not load\n{}", errors.join("\n"));
        }
        if text("type") == STOPPED {
            return Err(NotKept(detail).into());
        }
        match (detail.is_empty(), next.is_empty()) {
            (false, false) => bail!("{detail}\n  {next}"),
            (false, true) => bail!("{detail}"),
            (true, _) => bail!("the admin API answered {status}"),
        }
    }
}

/// A finding about a file, as the other commands print it.
pub(crate) fn finding(error: &Value) -> String {
    let text = |name: &str| match error.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let (fix, line) = (text("fix"), text("line"));
    let place =
        if line == "0" { text("file") } else { format!("{}:{line}:{}", text("file"), text("column")) };
    let fix = if fix.is_empty() { fix } else { format!("; {fix}") };
    format!("  {place}: {}{fix}", text("reason"))
}

async fn send_remote(
    authority: &str,
    tls: Option<&Secured>,
    request: Request<Body>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(authority)
        .await
        .with_context(|| format!("cannot reach the gateway's admin API at {authority}; does it run?"))?;
    let Some(Secured { config, name }) = tls else { return send_over(stream, request).await };
    let connecting = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream);
    let stream = connecting.await.with_context(|| {
        format!(
            "the admin API at {authority} does not prove that it is `{}`; name its authority with --admin-ca",
            name.to_str()
        )
    })?;
    send_over(stream, request).await
}

/// The connection drives itself beside the exchange; both end with this function.
async fn send_over(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Body>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, read_whole(Body::new(response.into_body())).await?))
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        answered = &mut exchange => answered,
        // The other side closes after its answer; what it sent is still to be read.
        _ = &mut connection => exchange.await,
    }
}

async fn read_whole(body: Body) -> anyhow::Result<Bytes> {
    let body = Limited::new(body, ANSWER_BYTES_MAX);
    let whole = body.collect().await.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
    Ok(whole.to_bytes())
}
