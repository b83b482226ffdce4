//! Synthetic callers: what the demo's applications do all day, over real connections.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Keys;

/// The longest answer that is read; event streams are not called.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// One call to the gateway.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) gateway: SocketAddr,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) key: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct CallAnswer {
    pub(super) status: u16,
    pub(super) decision_id: String,
    pub(super) body: Bytes,
}

impl Call {
    /// The call as a person would type it.
    pub(super) fn curl(&self) -> String {
        let method = if self.method == "GET" { String::new() } else { format!("-X {} ", self.method) };
        let key = self.key.as_ref().map(|key| format!("-H 'X-Api-Key: {key}' ")).unwrap_or_default();
        format!("curl -i {method}{key}{}", self.url())
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.gateway, self.path)
    }
}

/// Sends a call over a connection of its own.
pub(super) async fn send(call: &Call) -> anyhow::Result<CallAnswer> {
    let sent = tokio::time::timeout(ANSWER_WAIT, exchange(call));
    sent.await.with_context(|| format!("{} {} was not answered in time", call.method, call.path))?
}

async fn exchange(call: &Call) -> anyhow::Result<CallAnswer> {
    let stream = TcpStream::connect(call.gateway).await.context("cannot reach the gateway")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut request =
        Request::builder().method(call.method).uri(&call.path).header("host", call.gateway.to_string());
    if let Some(key) = &call.key {
        request = request.header("x-api-key", key);
    }
    let request = request.body(Body::empty())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let decision_id = response.headers().get("sallyport-decision-id").and_then(|id| id.to_str().ok());
        let decision_id = decision_id.unwrap_or_default().to_owned();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?.to_bytes();
        Ok(CallAnswer { status, decision_id, body })
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        answered = &mut exchange => answered,
        _ = &mut connection => exchange.await,
    }
}

/// A caller that repeats its calls.
#[derive(Debug)]
pub(super) struct Caller {
    pause: Duration,
    calls: Vec<Call>,
}

impl Caller {
    /// Calls until `stopped` changes. A refusal is an answer like any other.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        for call in self.calls.iter().cycle() {
            tokio::select! {
                _ = stopped.changed() => return,
                sent = send(call) => {
                    if let Err(error) = sent {
                        tracing::debug!(%error, "a synthetic call failed");
                    }
                }
            }
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(self.pause) => {}
            }
        }
    }
}

/// The callers of the demo.
pub(super) fn all(gateway: SocketAddr, keys: &Keys) -> Vec<Caller> {
    let calls = |key: Option<&str>, calls: &[(&'static str, &str)]| {
        let key = key.map(str::to_owned);
        calls
            .iter()
            .map(|&(method, path)| Call { gateway, method, path: path.to_owned(), key: key.clone() })
            .collect()
    };
    let shop = [
        ("GET", "/v1/products"),
        ("GET", "/v1/products/tea"),
        ("GET", "/v1/customers/42/orders"),
        ("GET", "/v1/orders/7"),
        ("POST", "/v1/orders"),
        ("GET", "/v1/customers/43/orders"),
    ];
    let warehouse = [
        ("GET", "/v1/orders"),
        ("PATCH", "/v1/orders/7"),
        // Deprecated, and still called every day.
        ("GET", "/v1/reports/daily"),
        ("GET", "/v1/invoices/2026-17.json"),
        ("POST", "/v1/orders/8:cancel"),
        // Nobody declared it.
        ("GET", "/internal/stats"),
    ];
    let nobody = [("GET", "/v1/health"), ("GET", "/v1/orders"), ("GET", "/v1/health")];
    vec![
        Caller { pause: Duration::from_millis(90), calls: calls(Some(&keys.shop), &shop) },
        Caller { pause: Duration::from_millis(140), calls: calls(Some(&keys.warehouse), &warehouse) },
        Caller { pause: Duration::from_millis(400), calls: calls(None, &nobody) },
    ]
}
