//! What runs without a token: probes, metrics and the problem pages. None of it holds a secret or names a caller.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use model::DenyReason;
use serde_json::json;

use crate::answer::{Answer, Problem, ok};
use crate::routes::Input;

/// The process answers.
pub(crate) fn live(_input: Input) -> Answer {
    ok(&json!({ "live": true }))
}

/// Whether requests are decided: true with any revision, an empty one included, since denying is a working state.
pub(crate) fn ready(input: Input) -> Answer {
    let readiness = input.control.readiness();
    let mut response = ok(&readiness)?;
    if !readiness.ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// Prometheus' text format.
pub(crate) fn metrics(input: Input) -> Answer {
    let mut response = input.control.metrics().into_response();
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Ok(response)
}

/// What a problem's `type` means: `urn:sallyport:problem:SLUG`.
pub(crate) fn problem(input: Input) -> Answer {
    let known = DenyReason::ALL.iter().map(|reason| reason.problem());
    let failures = model::UpstreamFailure::ALL.iter().map(|failure| failure.problem());
    match known.chain(failures).find(|problem| problem.slug == input.name) {
        None => Err(Problem::new(StatusCode::NOT_FOUND, "absent", "there is no such problem type")),
        Some(problem) => ok(&json!({
            "type": format!("urn:sallyport:problem:{}", problem.slug),
            "status": problem.status,
            "title": problem.title,
            "next_step": problem.next_step,
        })),
    }
}
