//! Calls that show what the gateway does, each with the status that it must get.

use std::net::SocketAddr;

use serde_json::Value;

use super::Keys;
use super::caller::{self, Call};

/// One call and what must come of it.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) call: Call,
    pub(super) expect_status: u16,
}

/// A sample that was sent.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    pub(super) sample: &'a Sample,
    pub(super) status: u16,
    pub(super) decision_id: String,
    /// The problem body of a refusal.
    pub(super) problem: Value,
}

impl Sample {
    pub(super) async fn send(&self) -> anyhow::Result<Answered<'_>> {
        let answer = caller::send(&self.call).await?;
        Ok(Answered {
            sample: self,
            status: answer.status,
            decision_id: answer.decision_id,
            problem: serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        })
    }
}

/// All samples; the first is allowed, the second denied.
pub(super) fn all(gateway: SocketAddr, keys: &Keys) -> Vec<Sample> {
    let call = |method: &'static str, path: &str, key: Option<&str>| Call {
        gateway,
        method,
        path: path.to_owned(),
        key: key.map(str::to_owned),
    };
    let sample = |name, title, call, expect_status| Sample { name, title, call, expect_status };
    let (shop, warehouse) = (Some(keys.shop.as_str()), Some(keys.warehouse.as_str()));
    // Four characters are missing, as when a selection ends too soon.
    let altered = keys.shop.get(..keys.shop.len().saturating_sub(4)).unwrap_or_default().to_owned();
    vec![
        sample(
            "own-customer",
            "The shop reads its own customer's orders",
            call("GET", "/v1/customers/42/orders", shop),
            200,
        ),
        sample(
            "other-customer",
            "The same shop asks for another customer's orders",
            call("GET", "/v1/customers/43/orders", shop),
            403,
        ),
        sample("product", "The shop reads a product", call("GET", "/v1/products/tea", shop), 200),
        sample("warehouse", "The warehouse reads every order", call("GET", "/v1/orders", warehouse), 200),
        sample("health", "A probe without a key", call("GET", "/v1/health", None), 200),
        sample("no-key", "Orders without a key", call("GET", "/v1/orders", None), 401),
        sample(
            "wrong-key",
            "A key that was not copied whole",
            call("GET", "/v1/orders", Some(&altered)),
            401,
        ),
        sample("guard", "The warehouse deletes an order", call("DELETE", "/v1/orders/7", warehouse), 403),
        sample(
            "undocumented",
            "An operation that nobody declared",
            call("GET", "/internal/stats", warehouse),
            404,
        ),
        sample(
            "method",
            "A method that the path does not have",
            call("DELETE", "/v1/products/tea", warehouse),
            405,
        ),
        sample(
            "dot-segment",
            "A path that two programs would read differently",
            call("GET", "/v1/products/%2e%2e/orders", warehouse),
            400,
        ),
    ]
}
