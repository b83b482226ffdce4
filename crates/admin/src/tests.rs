//! Every route without and with the wrong credential; the list of routes comes from the router's own table.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use control::{Actor, Control, OpenOptions, Opened, Outside};
use http_body_util::BodyExt as _;
use model::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{ROUTES, router};

/// A repository of its own, removed at the end.
struct Fixture {
    folder: PathBuf,
    control: Arc<Control>,
    router: Router,
    address: SocketAddr,
}

fn clock() -> Timestamp {
    Timestamp::from_seconds(1_796_000_000)
}

fn random(bytes: &mut [u8]) -> Result<(), control::ControlError> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    for chunk in bytes.chunks_mut(4) {
        let next = NEXT.fetch_add(0x9e37_79b9, Ordering::Relaxed).wrapping_mul(0x85eb_ca6b).to_le_bytes();
        chunk.iter_mut().zip(next).for_each(|(slot, byte)| *slot = byte);
    }
    Ok(())
}

impl Fixture {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sallyport-admin-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sallyport.yaml"), "version: 1\n").unwrap();
        std::fs::write(folder.join("teams.yaml"), "version: 1\nteams:\n  partners: { members: [] }\n")
            .unwrap();
        let options =
            OpenOptions { folder: folder.clone(), state: folder.join(".state"), workers: NonZeroUsize::MIN };
        let master = control::master_key_of([7; 32]);
        let outside = Outside { clock: Arc::new(clock), random, master };
        let Opened { control, refused, .. } = Control::open(options, outside).unwrap();
        assert!(refused.is_none(), "{refused:?}");
        let control = Arc::new(control);
        let address: SocketAddr = "127.0.0.1:8181".parse().unwrap();
        let router = router(Arc::clone(&control), address);
        Self { folder, control, router, address }
    }

    fn token(&self, role: &str) -> String {
        let made = self.control.create_administrator(&Actor::gateway(), role, role, "").unwrap();
        made.token
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value, axum::http::HeaderMap) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, serde_json::from_slice(&bytes).unwrap_or(Value::Null), parts.headers)
    }

    fn request(&self, method: &str, path: &str, token: Option<&str>) -> Request<Body> {
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, self.address.to_string());
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/json");
            return request.body(Body::from("{}")).unwrap();
        }
        request.body(Body::empty()).unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

#[tokio::test]
async fn no_route_answers_without_a_valid_token() {
    let fixture = Fixture::new("tokens");
    fixture.token("admin");
    let key_of_the_data_plane = "sp_live_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb000000";
    for route in ROUTES {
        let path = route.path.replace("{name}", "x");
        for token in [None, Some(""), Some("wrong"), Some("spadm_0000"), Some(key_of_the_data_plane)] {
            let (status, body, headers) = fixture.send(fixture.request(route.method, &path, token)).await;
            match route.needs {
                Some(_) => {
                    assert_eq!(status, StatusCode::UNAUTHORIZED, "{route:?} {token:?}");
                    assert!(headers.contains_key(header::WWW_AUTHENTICATE), "{route:?}");
                    assert_eq!(body["status"], 401, "{route:?}");
                }
                None => assert!(!body.to_string().contains("spadm_"), "{route:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_viewer_may_look_and_change_nothing() {
    let fixture = Fixture::new("viewer");
    let viewer = fixture.token("viewer");
    for route in ROUTES.iter().filter(|route| route.needs.is_some() && route.method == "POST") {
        let path = route.path.replace("{name}", "x");
        let (status, ..) = fixture.send(fixture.request("POST", &path, Some(&viewer))).await;
        // The role is judged before the body, which does not fit here.
        assert_eq!(status, StatusCode::FORBIDDEN, "{route:?}");
    }
    let (status, ..) = fixture.send(fixture.request("GET", "/v1/teams", Some(&viewer))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, ..) = fixture.send(fixture.request("GET", "/v1/administrators", Some(&viewer))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_bootstrap_credential_works_once_and_makes_an_administrator() {
    let fixture = Fixture::new("bootstrap");
    let credential = fixture.control.offer_bootstrap().unwrap().unwrap();
    let exchange = |credential: &str| {
        Request::builder()
            .method("POST")
            .uri("/v1/bootstrap")
            .header(header::HOST, fixture.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json!({ "credential": credential, "name": "ann" }).to_string()))
            .unwrap()
    };
    let (status, ..) = fixture.send(exchange("spboot_wrong")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, body, _) = fixture.send(exchange(&credential)).await;
    assert_eq!((status, body["role"].as_str()), (StatusCode::CREATED, Some("admin")));
    let token = body["token"].as_str().unwrap();
    let (status, ..) = fixture.send(fixture.request("GET", "/v1/administrators", Some(token))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, ..) = fixture.send(exchange(&credential)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "it is single-use");
    assert!(
        fixture.control.offer_bootstrap().unwrap().is_none(),
        "none is offered once an administrator exists"
    );
}

#[tokio::test]
async fn pages_of_other_origins_and_rebound_names_are_refused() {
    let fixture = Fixture::new("origin");
    let token = fixture.token("admin");
    for (host, origin, status) in [
        ("127.0.0.1:8181", None, StatusCode::OK),
        ("localhost:8181", Some("http://localhost:8181"), StatusCode::OK),
        ("127.0.0.1:8181", Some("https://evil.example"), StatusCode::FORBIDDEN),
        ("127.0.0.1:8181", Some("null"), StatusCode::FORBIDDEN),
        ("evil.example:8181", None, StatusCode::FORBIDDEN),
    ] {
        let mut request = fixture.request("GET", "/v1/teams", Some(&token));
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(fixture.send(request).await.0, status, "{host} {origin:?}");
    }
}

#[tokio::test]
async fn a_form_of_another_page_is_no_request() {
    let fixture = Fixture::new("form");
    let token = fixture.token("admin");
    let mut request = fixture.request("POST", "/v1/teams", Some(&token));
    request.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(fixture.send(request).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_same_form() {
    let fixture = Fixture::new("absent");
    let token = fixture.token("admin");
    for path in ["/v1/keys/zzzzzzzzzzzz", "/v1/teams/none", "/v1/none", "/problems/none"] {
        let (status, body, _) = fixture.send(fixture.request("GET", path, Some(&token))).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(body["status"], 404, "{path}");
    }
    let (status, ..) = fixture.send(fixture.request("DELETE", "/v1/teams", Some(&token))).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let (status, body, _) = fixture.send(fixture.request("GET", "/problems/no_grant", None)).await;
    assert_eq!((status, body["status"].as_u64()), (StatusCode::OK, Some(403)));
}

#[tokio::test]
async fn a_body_has_one_reading_or_is_refused() {
    let fixture = Fixture::new("readings");
    let token = fixture.token("admin");
    for (body, expected) in [
        (r#"{"name":"guests","name":"partners"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name":"guests","nam":"partners"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"["guests"]"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#""guests""#, StatusCode::UNPROCESSABLE_ENTITY),
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name":"guests"} {}"#, StatusCode::BAD_REQUEST),
        (r#"{"name":"guests""#, StatusCode::BAD_REQUEST),
        (r#" {"name":"guests","reason":"they come on Monday"}"#, StatusCode::CREATED),
    ] {
        let mut request = fixture.request("POST", "/v1/teams", Some(&token));
        *request.body_mut() = Body::from(body);
        let (status, answer, _) = fixture.send(request).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
}

/// Every route that takes a reason refuses one of two lines before it looks for what is to be changed.
#[tokio::test]
async fn a_reason_is_one_line_wherever_it_is_given() {
    let fixture = Fixture::new("reasons");
    let token = fixture.token("admin");
    let text = include_str!("../../../docs/admin-openapi.yaml");
    let document: Value = serde_saphyr::from_str(text).unwrap();
    let mut asked = 0;
    for route in ROUTES.iter().filter(|route| route.method == "POST") {
        let described = document["paths"][route.path]["post"]["requestBody"].to_string();
        for (field, value) in [("reason", "a\nb"), ("reason", "a b")] {
            let mut request = fixture.request("POST", &route.path.replace("{name}", "x"), Some(&token));
            *request.body_mut() = Body::from(json!({ field: value }).to_string());
            let (status, answer, _) = fixture.send(request).await;
            let detail = answer["detail"].as_str().unwrap_or_default().to_owned();
            let refused = detail.contains("more than one line");
            assert!(!refused || (status == StatusCode::UNPROCESSABLE_ENTITY && value == "a\nb"), "{route:?}");
            // Where the reason is all that a body needs, nothing else can have refused it.
            if described.contains("reason") && !detail.contains("does not fit") && value == "a\nb" {
                assert!(refused, "{route:?}: {detail}");
                asked += 1;
            }
        }
    }
    assert!(5 < asked, "{asked}");
}

/// A body that never ends is refused by its token, and behind a right one by its size.
#[tokio::test]
async fn a_body_is_read_after_the_token_and_up_to_a_limit() {
    let fixture = Fixture::new("bodies");
    let token = fixture.token("admin");
    let post = |token: Option<&str>, body: Body| {
        let mut request = fixture.request("POST", "/v1/teams", token);
        *request.body_mut() = body;
        request
    };
    let long = || Body::from(vec![b' '; (64 << 10) + 1]);
    assert_eq!(fixture.send(post(None, long())).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(fixture.send(post(Some(&token), long())).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

/// The description in the repository is the router's.
#[test]
fn the_description_lists_exactly_these_routes() {
    let text = include_str!("../../../docs/admin-openapi.yaml");
    let document: Value = serde_saphyr::from_str(text).unwrap();
    let role = |operation: &Value| operation["x-role"].as_str().unwrap_or_default().to_owned();
    let described: BTreeSet<(String, String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), role(operation)))
        })
        .collect();
    let needed = |needs: Option<control::Needs>| needs.map_or("", control::Needs::as_str).to_owned();
    let routed: BTreeSet<(String, String, String)> = ROUTES
        .iter()
        .map(|route| (route.method.to_owned(), route.path.to_owned(), needed(route.needs)))
        .collect();
    assert_eq!(described, routed);
}
