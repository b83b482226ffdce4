//! Answers: JSON, or a problem in the same form that the data plane uses (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use control::{ControlError, ErrorKind};
use serde::Serialize;
use serde_json::{Value, json};

/// What a handler gives back.
pub(crate) type Answer = Result<Response, Problem>;

/// A refusal.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    next_step: String,
    errors: Vec<Value>,
}

/// JSON with this status; never cached, since it may hold secrets that are shown once.
pub(crate) fn ok(value: &impl Serialize) -> Answer {
    with_status(StatusCode::OK, value)
}

pub(crate) fn created(value: &impl Serialize) -> Answer {
    with_status(StatusCode::CREATED, value)
}

fn with_status(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer could not be written")
    })?;
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), next_step: String::new(), errors: Vec::new() }
    }

    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = step.into();
        self
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "an administrator's token is needed")
            .next("Send `Authorization: Bearer TOKEN`.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:sallyport:admin-problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Refused"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "next_step": self.next_step,
        });
        if let (false, Some(fields)) = (self.errors.is_empty(), body.as_object_mut()) {
            fields.insert("errors".to_owned(), Value::Array(self.errors));
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sallyport-admin\""),
            );
        }
        response
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let (status, code) = match error.kind() {
            ErrorKind::Absent => (StatusCode::NOT_FOUND, "absent"),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict"),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            ErrorKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            ErrorKind::Stopped => (StatusCode::INTERNAL_SERVER_ERROR, "stopped"),
            ErrorKind::Unauthenticated => return Self::unauthenticated(),
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %control::chain(&error), "an admin request failed");
        }
        let errors = match &error {
            ControlError::Files(errors) => errors.iter().map(control::error_json).collect(),
            _ => Vec::new(),
        };
        let (detail, next_step) = match &error {
            ControlError::Invalid { reason, fix } => (reason.clone(), fix.clone()),
            absent @ ControlError::Absent { what, .. } => (absent.to_string(), ways_to(what).to_owned()),
            other => (control::chain(other), String::new()),
        };
        Self { status, code, detail, next_step, errors }
    }
}

/// Where to look for what is not there under the name that was given.
fn ways_to(what: &str) -> &'static str {
    match what {
        "team" => {
            "`sallyport team list` shows those there are; `sallyport team create NAME`, or a line in `teams.yaml`, makes one"
        }
        "application" => {
            "`sallyport app list` shows those there are; `sallyport app create NAME --team TEAM` makes one"
        }
        "block" => "`sallyport block list` shows those that are in force, with their ids",
        "operation" => "`sallyport api show NAME` shows those that are declared",
        "issuer" => "`sallyport issuer list` shows those there are; `issuers` in `sallyport.yaml` makes one",
        "key" => "`sallyport key list` shows those there are, with their ids",
        "api" => "`sallyport api list` shows those there are; a folder under `apis/` makes one",
        "revision" => {
            "`sallyport revision list` shows those there are; one is kept as long as records that name it"
        }
        "decision" => {
            "the id stands in `Sallyport-Decision-Id` of the answer; past the retention of the log it is gone"
        }
        _ => "",
    }
}
