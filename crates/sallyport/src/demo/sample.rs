//! The sample API: a real HTTP server that knows nothing of Sallyport, with the usual sins of a real one.
//!
//! It serves what `files/openapi.yaml` declares and one operation that nobody declared
//! (`GET /internal/stats`). `GET /v1/reports/daily` is deprecated and still called; `POST /v1/refunds` is declared
//! and never called.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves until `stop` changes.
pub(super) async fn serve(listener: TcpListener, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let ended = async move {
        // An error means that the sender is gone, which is an end as well.
        drop(stop.changed().await);
    };
    axum::serve(listener, router()).with_graceful_shutdown(ended).await
}

fn router() -> axum::Router {
    axum::Router::new()
        .route("/v1/health", get(async || Json(json!({"up": true}))))
        .route("/v1/products", get(async || Json(json!([product("tea"), product("mug")]))))
        .route("/v1/products/{sku}", get(async |Path(sku): Path<String>| Json(product(&sku))))
        .route("/v1/orders", get(async || Json(json!([order("7"), order("8")]))).post(create_order))
        .route("/v1/orders/{id}", get(order_by_id).patch(order_by_id).delete(delete_order).post(cancel_order))
        .route("/v1/customers/{id}", get(async |Path(id): Path<String>| Json(json!({"customer": id}))))
        .route("/v1/customers/{id}/orders", get(customer_orders))
        .route("/v1/invoices/{file}", get(invoice))
        .route("/v1/reports/daily", get(async || Json(json!({"orders": 2, "total": 31.0}))))
        .route("/v1/events", get(events))
        .route("/v1/refunds", post(async || (StatusCode::ACCEPTED, Json(json!({"refund": 1})))))
        .route("/internal/stats", get(async || Json(json!({"heap_bytes": 1_048_576}))))
}

fn product(sku: &str) -> Value {
    json!({"sku": sku, "price": 4.5})
}

fn order(id: &str) -> Value {
    json!({"order": id, "customer": "42", "items": [{"sku": "tea", "count": 2}], "state": "open"})
}

/// Shows in its answer who the gateway says is calling, as a service behind it would learn it.
async fn order_by_id(Path(id): Path<String>, headers: HeaderMap) -> Json<Value> {
    let mut answer = order(&id);
    let known = headers.contains_key("sallyport-assertion");
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("caller_asserted".to_owned(), Value::Bool(known));
    }
    Json(answer)
}

async fn create_order() -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(order("9")))
}

async fn delete_order() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn cancel_order(Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    match id.strip_suffix(":cancel") {
        Some(id) => Ok(Json(json!({"order": id, "state": "cancelled"}))),
        None => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

async fn customer_orders(Path(id): Path<String>) -> Json<Value> {
    Json(json!({"customer": id, "orders": [order("7")]}))
}

async fn invoice(Path(file): Path<String>) -> Result<Json<Value>, StatusCode> {
    match file.strip_suffix(".json") {
        Some(id) => Ok(Json(json!({"invoice": id, "total": 9.0}))),
        None => Err(StatusCode::NOT_FOUND),
    }
}

async fn events() -> Sse<impl futures_core::Stream<Item = Result<Event, Infallible>>> {
    let ticks = tokio::time::interval(Duration::from_secs(1));
    Sse::new(Ticks { ticks, sent: 0 })
}

/// One event a second, ten in all.
struct Ticks {
    ticks: tokio::time::Interval,
    sent: u8,
}

impl futures_core::Stream for Ticks {
    type Item = Result<Event, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.sent == 10 {
            return std::task::Poll::Ready(None);
        }
        std::task::ready!(self.ticks.poll_tick(context));
        self.sent += 1;
        std::task::Poll::Ready(Some(Ok(Event::default()
            .event("order")
            .data(format!("{{\"order\":{}}}", self.sent)))))
    }
}
