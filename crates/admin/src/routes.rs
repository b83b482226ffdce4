//! The table of routes, and the router made from it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use control::{Actor, Control, Needs};

use crate::answer::{Answer, Problem};
use crate::guard::{AdminState, Door};
use crate::{advice, blocks, existing, handlers, inventory, observe, revisions};

/// The largest body with an OpenAPI document on its way into a repository.
const DOCUMENT_BYTES_MAX: usize = 32 << 20;
/// The largest list of existing keys, 100,000 digests with what is said of them.
const IMPORT_BYTES_MAX: usize = 64 << 20;
const IMPORT: &str = "/v1/existing-keys/import";
const REPLAY: &str = "/v1/policy/replay";
/// The largest other body.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What a handler reads.
pub(crate) struct Input {
    pub(crate) control: Arc<Control>,
    pub(crate) actor: Option<Actor>,
    /// The path's parameter, where it has one.
    pub(crate) name: String,
    pub(crate) query: String,
    /// The JSON text of the body; empty where there is none.
    pub(crate) body: Bytes,
}

pub(crate) type Handler = fn(Input) -> Answer;

/// One route.
#[derive(Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// With at most one parameter, `{name}`.
    pub path: &'static str,
    /// The role that a token must have at least; `None` where none is needed. The use case judges it once more.
    pub needs: Option<Needs>,
    pub(crate) handler: Handler,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {} ({:?})", self.method, self.path, self.needs)
    }
}

const fn route(method: &'static str, path: &'static str, needs: Option<Needs>, handler: Handler) -> Route {
    Route { method, path, needs, handler }
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    route("GET", "/livez", None, observe::live),
    route("GET", "/readyz", None, observe::ready),
    route("GET", "/healthz", None, observe::live),
    route("GET", "/metrics", None, observe::metrics),
    route("GET", "/problems/{name}", None, observe::problem),
    route("POST", "/v1/bootstrap", None, handlers::bootstrap),
    route("GET", "/v1/status", Some(Needs::Viewer), handlers::status),
    route("GET", "/v1/apis", Some(Needs::Viewer), handlers::apis),
    route("POST", "/v1/apis", Some(Needs::Owner), handlers::add_api),
    route("GET", "/v1/apis/{name}", Some(Needs::Viewer), handlers::api),
    route("POST", "/v1/apis/{name}/regroup", Some(Needs::Owner), handlers::regroup),
    route("POST", "/v1/apis/{name}/observe", Some(Needs::Owner), handlers::observe_api),
    route("GET", "/v1/teams", Some(Needs::Viewer), handlers::teams),
    route("POST", "/v1/teams", Some(Needs::Owner), handlers::create_team),
    route("GET", "/v1/teams/{name}", Some(Needs::Viewer), handlers::team),
    route("GET", "/v1/issuers", Some(Needs::Viewer), handlers::issuers),
    route("GET", "/v1/issuers/{name}", Some(Needs::Viewer), handlers::issuer),
    route("GET", "/v1/applications", Some(Needs::Viewer), handlers::applications),
    route("POST", "/v1/applications", Some(Needs::Owner), handlers::create_application),
    route("GET", "/v1/applications/{name}", Some(Needs::Viewer), handlers::application),
    route("POST", "/v1/applications/{name}/disable", Some(Needs::Owner), handlers::disable_application),
    route("POST", "/v1/applications/{name}/enable", Some(Needs::Owner), handlers::enable_application),
    route("GET", "/v1/keys", Some(Needs::Viewer), handlers::keys),
    route("POST", "/v1/keys", Some(Needs::Owner), handlers::create_keys),
    route("GET", "/v1/keys/{name}", Some(Needs::Viewer), handlers::key),
    route("POST", "/v1/keys/{name}/revoke", Some(Needs::Analyst), handlers::revoke_key),
    route("POST", "/v1/keys/{name}/rotate", Some(Needs::Owner), handlers::rotate_key),
    route("GET", "/v1/blocks", Some(Needs::Viewer), blocks::list),
    route("POST", "/v1/blocks", Some(Needs::Owner), blocks::add),
    route("POST", "/v1/blocks/repair", Some(Needs::Admin), blocks::repair),
    route("GET", "/v1/blocks/{name}", Some(Needs::Viewer), blocks::show),
    route("POST", "/v1/blocks/{name}/remove", Some(Needs::Owner), blocks::remove),
    route("POST", "/v1/keys/{name}/quarantine", Some(Needs::Analyst), handlers::quarantine_key),
    route("POST", "/v1/keys/{name}/release", Some(Needs::Owner), handlers::release_key),
    route("GET", "/v1/existing-keys", Some(Needs::Viewer), existing::seen),
    route("POST", IMPORT, Some(Needs::Owner), existing::import),
    route("POST", "/v1/existing-keys/{name}/promote", Some(Needs::Owner), existing::promote),
    route("GET", "/v1/secrets", Some(Needs::Viewer), existing::secrets),
    route("POST", "/v1/secrets", Some(Needs::Owner), existing::set_secret),
    route("POST", "/v1/secrets/{name}/rotate", Some(Needs::Owner), existing::rotate_secret),
    route("POST", "/v1/secrets/{name}/remove", Some(Needs::Owner), existing::remove_secret),
    route("GET", "/v1/administrators", Some(Needs::Admin), handlers::administrators),
    route("POST", "/v1/administrators", Some(Needs::Admin), handlers::create_administrator),
    route("POST", "/v1/administrators/{name}/revoke", Some(Needs::Admin), handlers::revoke_administrator),
    route("GET", "/v1/decisions", Some(Needs::Analyst), handlers::decisions),
    route("GET", "/v1/decisions/{name}", Some(Needs::Analyst), handlers::decision),
    route("GET", "/v1/explain/{name}", Some(Needs::Analyst), handlers::explain_decision),
    route("POST", "/v1/explain", Some(Needs::Analyst), handlers::explain_call),
    route("GET", "/v1/inventory", Some(Needs::Viewer), inventory::list),
    route("POST", "/v1/inventory/adopt", Some(Needs::Owner), inventory::adopt),
    route("POST", "/v1/inventory/ignore", Some(Needs::Owner), inventory::ignore),
    route("POST", "/v1/inventory/unignore", Some(Needs::Owner), inventory::unignore),
    route("GET", "/v1/inventory/places", Some(Needs::Viewer), inventory::places),
    route("POST", "/v1/inventory/places", Some(Needs::Owner), inventory::say),
    route("GET", "/v1/key-advice", Some(Needs::Viewer), advice::advise_keys),
    route("POST", "/v1/keys/{name}/narrow", Some(Needs::Owner), advice::narrow_key),
    route("POST", "/v1/keys/{name}/extend", Some(Needs::Owner), existing::extend),
    route("GET", "/v1/policy/matrix", Some(Needs::Analyst), advice::matrix),
    route("GET", "/v1/usage", Some(Needs::Viewer), advice::usage),
    route("POST", "/v1/policy/suggest", Some(Needs::Analyst), advice::suggest),
    route("POST", "/v1/policy/cases", Some(Needs::Analyst), advice::record_cases),
    route("POST", REPLAY, Some(Needs::Analyst), advice::replay),
    route("GET", "/v1/revisions", Some(Needs::Viewer), revisions::list),
    route("POST", "/v1/revisions", Some(Needs::Owner), revisions::publish),
    route("GET", "/v1/revisions/{name}", Some(Needs::Viewer), revisions::show),
    route("GET", "/v1/revisions/{name}/diff", Some(Needs::Viewer), revisions::diff),
    route("POST", "/v1/revisions/{name}/rollback", Some(Needs::Owner), revisions::rollback),
    route("GET", "/v1/policies/{name}", Some(Needs::Analyst), revisions::policy),
    route("GET", "/v1/who-can", Some(Needs::Analyst), revisions::who_can),
    route("GET", "/v1/what-can", Some(Needs::Analyst), revisions::what_can),
    route("POST", "/v1/log/erase", Some(Needs::Admin), handlers::erase),
];

/// The router of a listener, which speaks TLS where the files say so.
pub fn router(control: Arc<Control>, address: std::net::SocketAddr) -> Router {
    let tls = control.admin_tls();
    build(AdminState { control, door: Door::Listener { address, tls } })
}

/// The router that commands call in their own process while no gateway runs.
pub fn offline_router(control: Arc<Control>, actor: Actor) -> Router {
    build(AdminState { control, door: Door::Offline(actor) })
}

fn build(state: AdminState) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.method {
            "POST" => MethodFilter::POST,
            _ => MethodFilter::GET,
        };
        let route = *route;
        let handler = move |State(state): State<AdminState>,
                            path: Option<Path<String>>,
                            RawQuery(query): RawQuery,
                            request: Request|
              -> Pin<Box<dyn Future<Output = Response> + Send>> {
            let name = path.map(|Path(name)| name).unwrap_or_default();
            let query = query.unwrap_or_default();
            Box::pin(async move {
                handle(route, state, name, query, request).await.unwrap_or_else(Problem::into_response)
            })
        };
        router = router.route(route.path, on(filter, handler));
    }
    router
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "absent", "there is no such route").into_response()
        })
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "the route does not have this method")
                .into_response()
        })
        .layer(middleware::from_fn_with_state(state.clone(), check_origin))
        .with_state(state)
}

async fn check_origin(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    match state.check_origin(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Token and role are judged before a byte of the body is read, so that nobody who may not do it makes us hold or
/// judge it.
async fn handle(route: Route, state: AdminState, name: String, query: String, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let (actor, headers, state) = aside(move || {
        let actor = match route.needs {
            None => None,
            Some(needs) => {
                let actor = state.authenticate(&headers)?;
                state.control.demand(&actor, needs)?;
                Some(actor)
            }
        };
        Ok((actor, headers, state))
    })
    .await?;
    let limit = match route.path {
        "/v1/apis" => DOCUMENT_BYTES_MAX,
        IMPORT => IMPORT_BYTES_MAX,
        REPLAY => DOCUMENT_BYTES_MAX,
        _ => BODY_BYTES_MAX,
    };
    let body = axum::body::to_bytes(body, limit).await.map_err(|_| {
        let detail = format!("the body is over {limit} bytes, or broke off");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body", detail)
    })?;
    let body = if route.method == Method::POST.as_str() {
        check_media_type(&headers, &body)?;
        body
    } else {
        Bytes::new()
    };
    let input = Input { control: state.control, actor, name, query, body };
    aside(move || (route.handler)(input)).await
}

/// Use cases read files and the store; probes and metrics must not wait for them.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request failed");
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

/// A body must say that it is JSON: a form of another site's page cannot (security case 96).
fn check_media_type(headers: &HeaderMap, body: &Bytes) -> Result<(), Problem> {
    if body.is_empty() {
        return Ok(());
    }
    let media =
        headers.get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if media.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            "the body must be application/json",
        ));
    }
    Ok(())
}
