//! Tests of the document reader: three formats, half-usable documents, hostile ones.

mod security;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Document {
    read_document(text.as_bytes()).unwrap()
}

/// Operations as `METHOD /path name:Kind …`.
fn operations(document: &Document) -> Vec<String> {
    let line = |operation: &DeclaredOperation| {
        let parameters = operation.parameters.iter();
        let parameters =
            parameters.map(|parameter| format!(" {}:{}", parameter.name, parameter.kind.as_str()));
        format!("{} {}{}", operation.method, operation.path, parameters.collect::<String>())
    };
    document.operations.iter().map(line).collect()
}

fn notes(document: &Document) -> Vec<String> {
    document.notes.iter().map(|note| format!("{}: {}", note.pointer, note.reason)).collect()
}

#[test]
fn reads_swagger_2_0() {
    let document = read(
        r##"
swagger: "2.0"
info: {title: Old shop, version: "1"}
host: shop.example.com
basePath: /v1
parameters:
  Id: {in: path, name: id, type: integer, required: true}
paths:
  /orders/{id}:
    parameters: [{$ref: "#/parameters/Id"}]
    get:
      operationId: getOrder
      summary: One order
      responses: {200: {description: ok}}
    delete: {deprecated: true, parameters: [{in: path, name: id, type: string}], responses: {204: {description: gone}}}
  /flags/{on}:
    put:
      parameters:
      - {in: path, name: on, type: boolean}
      - {in: body, name: body, schema: {type: object}}
      - {in: formData, name: f, type: file}
      responses: {}
definitions:
  Order: {type: object, properties: {id: {type: integer}}}
"##,
    );
    assert_eq!(document.version, "2.0");
    assert_eq!(document.title, "Old shop");
    assert_eq!(document.base_paths, ["/v1"]);
    assert_eq!(
        operations(&document),
        ["PUT /flags/{on} on:Bool", "DELETE /orders/{id} id:String", "GET /orders/{id} id:Long"]
    );
    assert_eq!(notes(&document), [""; 0]);
    let get = &document.operations[2];
    assert_eq!(get.operation_id.as_deref(), Some("getOrder"));
    assert_eq!(get.summary.as_deref(), Some("One order"));
    assert_eq!(get.pointer, "/paths/~1orders~1{id}/get");
    assert_eq!(document.operations[1].lifecycle, Lifecycle::Deprecated);
    assert_eq!(get.lifecycle, Lifecycle::Active);
}

#[test]
fn reads_openapi_3() {
    let document = read(
        r##"{
        "openapi": "3.1.0",
        "info": {"title": "Shop"},
        "servers": [
            {"url": "https://{region}.example.com/{version}/", "variables": {"region": {"default": "eu"}, "version": {"default": "v2"}}},
            {"url": "/v2"}, {"url": "https://example.com"}, {"url": "http://[::1]:8080/a/b"}
        ],
        "paths": {
            "/orders/{id}:cancel": {"post": {"parameters": [{"$ref": "#/components/parameters/id"}]}},
            "/orders/{id}": {"$ref": "#/components/pathItems/order"},
            "/tiles/{x},{y}.png": {
                "parameters": [
                    {"in": "path", "name": "x", "schema": {"$ref": "#/components/schemas/Coordinate"}},
                    {"in": "path", "name": "y", "schema": {"type": ["integer", "null"]}}
                ],
                "get": {"parameters": [{"in": "query", "name": "q"}]}
            },
            "/files/{path*}": {"get": {"parameters": [{"in": "path", "name": "path*", "schema": {"type": "string"}}]}},
            "/either/{e}": {"get": {"parameters": [{"in": "path", "name": "e", "schema": {"type": ["integer", "string"]}}]}},
            "x-internal": {"get": {}}
        },
        "components": {
            "parameters": {"id": {"in": "path", "name": "id", "schema": {"type": "integer"}}},
            "pathItems": {"order": {"get": {"parameters": [{"$ref": "#/components/parameters/id"}]}}},
            "schemas": {"Coordinate": {"$ref": "#/components/schemas/Whole"}, "Whole": {"type": "integer"}}
        },
        "webhooks": {"paid": {"post": {}}}
    }"##,
    );
    assert_eq!(document.base_paths, ["/v2", "/", "/a/b"]);
    assert_eq!(
        operations(&document),
        [
            "GET /either/{e} e:String",
            "GET /files/{path*} path:String",
            "GET /orders/{id} id:Long",
            "POST /orders/{id}:cancel id:Long",
            "GET /tiles/{x},{y}.png x:Long y:Long",
        ]
    );
    assert_eq!(notes(&document), [""; 0]);
    assert_eq!(document.operations[2].pointer, "/components/pathItems/order/get");
}

#[test]
fn the_version_of_an_api_is_kept_as_it_is_written() {
    let version = |text: &str| read(text).api_version;
    for (written, expected) in [
        ("2.10", "2.10"),
        ("2.0", "2.0"),
        ("1.100", "1.100"),
        ("'2.10'", "2.10"),
        ("2", "2"),
        ("1.2.3", "1.2.3"),
        ("1e3", "1e3"),
        ("&v 2.10", "2.10"),
        ("", ""),
        ("~", ""),
        ("{}", ""),
        ("[2.10]", ""),
    ] {
        assert_eq!(
            version(&format!("openapi: 3.0.3\ninfo:\n  version: {written}\npaths: {{}}\n")),
            expected,
            "{written}"
        );
    }
    // Of JSON the number counts.
    assert_eq!(version(r#"{"openapi": "3.0.3", "info": {"version": 2.10}, "paths": {}}"#), "2.1");
    assert_eq!(version(r#"{"openapi": "3.0.3", "info": {"version": "2.10"}, "paths": {}}"#), "2.10");
}

#[test]
fn reads_the_media_types_that_are_taken_and_answered() {
    let types = |text: &str| {
        let one = read(text).operations.remove(0);
        (one.request_types.join(" "), one.answer_types.join(" "))
    };
    let (taken, answered) = types(
        r##"
openapi: 3.0.3
paths:
  /a:
    post:
      requestBody: {$ref: "#/components/requestBodies/B"}
      responses:
        200: {$ref: "#/components/responses/R"}
        201: {content: {"Text/CSV; header=present": {}}}
        default: {content: {"application/*": {}}}
        400: {content: {application/problem+json: {}}}
components:
  requestBodies: {B: {content: {application/json: {schema: {type: object}}}}}
  responses: {R: {description: x, content: {application/json: {}}}}
"##,
    );
    assert_eq!(
        (taken.as_str(), answered.as_str()),
        ("application/json", "application/* application/json text/csv")
    );
    let with = |operation: &str| types(&format!("openapi: 3.0.3\npaths:\n  /a:\n    get: {operation}\n"));
    for untold in [
        "{responses: {204: {description: gone}}}",
        "{responses: {200: {content: [a]}}}",
        "{responses: {200: {$ref: '#/components/responses/None'}}}",
        "{responses: [a], requestBody: text}",
        "{}",
    ] {
        assert_eq!(with(untold), (String::new(), String::new()), "{untold}");
    }
    let swagger = |operation: &str| {
        types(&format!(
            "swagger: '2.0'\nconsumes: [application/json]\nproduces: [text/xml, 7]\npaths:\n  /a:\n    put: {operation}\n"
        ))
    };
    assert_eq!(swagger("{}"), ("application/json".to_owned(), "text/xml".to_owned()));
    assert_eq!(swagger("{consumes: [], produces: [a/b]}"), (String::new(), "a/b".to_owned()));
}

/// What a document says that traffic is compared with: hosts, the version of the API, and of its operations queries and answers.
fn compared(text: &str) -> (Vec<String>, String, Vec<String>, Vec<String>) {
    let document = read(text);
    let operation = &document.operations[0];
    let query = operation.query.iter();
    let query = query.map(|one| format!("{}{}", one.name, if one.required { "!" } else { "" })).collect();
    (document.hosts, document.api_version, query, operation.answers.clone())
}

#[test]
fn reads_what_traffic_is_compared_with() {
    let (hosts, version, query, answers) = compared(
        r##"
openapi: 3.0.3
info: {title: T, version: '2.10'}
servers:
- {url: "https://{region}.EXAMPLE.com:8443/v1", variables: {region: {default: eu}}}
- {url: "https://eu.example.com:8443/v2?x"}
- {url: "//plain.example"}
- {url: "https://user@evil.example/"}
- {url: "https://{unset}.example/"}
- {url: "/relative"}
- {url: "http://[::1]:8080/a"}
paths:
  /a/{id}:
    parameters:
    - {in: query, name: page}
    - {in: query, name: both}
    - {in: header, name: x-a, required: true}
    get:
      parameters:
      - {in: query, name: both, required: true}
      - {$ref: "#/components/parameters/Q"}
      - {in: cookie, name: c}
      responses: {200: {}, 4XX: {}, default: {}}
components: {parameters: {Q: {in: query, name: q, required: false}}}
"##,
    );
    assert_eq!(hosts, ["eu.example.com:8443", "plain.example", "[::1]:8080"]);
    assert_eq!((version.as_str(), &query[..]), ("2.10", &["both!", "page", "q"].map(str::to_owned)[..]));
    assert_eq!(answers, ["200", "4XX", "default"]);
    let swagger = |host: &str| {
        format!("swagger: '2.0'\ninfo: {{ version: 3 }}\n{host}\npaths:\n  /a:\n    get: {{}}\n")
    };
    let (hosts, version, query, answers) = compared(&swagger("host: Shop.example:8080"));
    assert_eq!((hosts, version), (vec!["shop.example:8080".to_owned()], "3".to_owned()));
    assert!(query.is_empty() && answers.is_empty());
    for none in [
        "host: ''",
        "host: user@evil.example",
        "host: [a]",
        "servers: [{url: 'https://a.example'}]",
        "x-a: b",
    ] {
        assert_eq!(compared(&swagger(none)).0, [""; 0], "{none}");
    }
}

const HALF_USABLE: &str = r##"
openapi: 3.0.3
info: {}
servers: [{url: /a?b=c}, {url: "{x}"}, {description: none}]
paths:
  orders: {get: {}}
  /a//b: {get: {}}
  /q?x=y: {get: {}}
  /list: [get]
  /outside: {$ref: "./other.yaml#/x", get: {}}
  /nowhere: {$ref: "#/components/pathItems/none"}
  /circle: {$ref: "#/paths/~1circle"}
  /odd:
    fetch: {}
    servers: []
    get: not an operation
    put: {deprecated: maybe, servers: []}
  /p/{id}:
    get: {}
    put: {parameters: {in: path}}
    post:
      parameters:
      - {in: path, name: other}
      - {in: nowhere, name: id}
      - {name: id}
      - {in: path}
      - {$ref: 7}
      - {in: path, name: id, schema: {$ref: "#/components/schemas/none"}}
      - {in: path, name: id, schema: true}
"##;

#[test]
fn keeps_what_it_understands_and_reports_the_rest() {
    let document = read(HALF_USABLE);
    assert_eq!(
        operations(&document),
        [
            "PUT /odd",
            "GET /outside",
            "GET /p/{id} id:String",
            "POST /p/{id} id:String",
            "PUT /p/{id} id:String"
        ]
    );
    assert_eq!(
        notes(&document),
        [
            "/servers/0: `/a?b=c` is not used: the base path is not a path",
            "/servers/1: the variable `x` has no default",
            "/servers/2: the server has no `url`",
            "/paths/~1a~1~1b: the path cannot be used: the path has an empty segment; requests with `//` are refused",
            "/paths/~1circle: `#/paths/~1circle` does not end",
            "/paths/~1list: is not a map of operations",
            "/paths/~1nowhere: `#/components/pathItems/none` points to nothing that can be used",
            "/paths/~1odd/fetch: is neither a method nor anything else that is known",
            "/paths/~1odd/servers: is not used: every path lies under the API's base path",
            "/paths/~1odd/get: is not an operation",
            "/paths/~1odd/put/servers: is not used: every path lies under the API's base path",
            "/paths/~1odd/put/deprecated: is neither true nor false",
            "/paths/~1outside: `./other.yaml#/x` points out of the document, which is not followed",
            "/paths/~1p~1{id}/get: the parameter `id` is not declared; it is taken as a string",
            "/paths/~1p~1{id}/post/parameters/0: the path has no parameter `other`",
            "/paths/~1p~1{id}/post/parameters/1: nothing can be in `nowhere`",
            "/paths/~1p~1{id}/post/parameters/2: is not a parameter: `in` is missing",
            "/paths/~1p~1{id}/post/parameters/3: the parameter has no name",
            "/paths/~1p~1{id}/post/parameters/4: `$ref` is not a text",
            "/paths/~1p~1{id}/post/parameters/5: `#/components/schemas/none` points to nothing that can be used",
            "/paths/~1p~1{id}/put/parameters: is not a list of parameters",
            "/paths/~1p~1{id}/put: the parameter `id` is not declared; it is taken as a string",
            "/paths/~1q?x=y: the path cannot be used: the path holds '?', which no path of a request can hold",
            "/paths/orders: the path cannot be used: a path begins with `/`",
        ]
    );
}

#[test]
fn refuses_what_is_no_document() {
    for (text, expected) in [
        ("", "the document says neither"),
        ("just text", "the document says neither"),
        ("- a\n", "the document says neither"),
        ("openapi: [3]\n", "the document says neither"),
        ("swagger: '2.0'\nopenapi: 3.0.0\n", "the document says neither"),
        ("swagger: '1.2'\n", "version `1.2` is not supported"),
        ("openapi: 3.2.0\n", "version `3.2.0` is not supported"),
        ("openapi: 3.10.0\n", "version `3.10.0` is not supported"),
        ("openapi: 2.0.0\n", "version `2.0.0` is not supported"),
        ("openapi: 3.0.0\npaths: {}\npaths: {}\n", "the document is neither YAML nor JSON in one reading"),
        ("openapi: 3.0.0\n\tpaths: {}\n", "the document is neither YAML nor JSON in one reading"),
        ("{\"openapi\": \"3.0.0\"", "the document is neither YAML nor JSON in one reading"),
        ("\u{0}", "the document is neither YAML nor JSON in one reading"),
    ] {
        let error = read_document(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    for version in ["swagger: 2.0", "swagger: '2.0'", "openapi: 3.0.0", "openapi: 3.0", "openapi: 3.1.1"] {
        assert!(read_document(version.as_bytes()).is_ok(), "{version}");
    }
    assert!(read_document(b"\xff\xfe").is_err());
    let long = vec![b' '; DOCUMENT_BYTES_MAX + 1];
    assert!(matches!(read_document(&long), Err(ReadDocumentError::TooLong { .. })));
}

#[test]
fn what_a_document_can_make_us_hold_is_limited() {
    let many: String = (0..=read::NOTES_MAX + 5).map(|n| format!("  bad{n}: {{}}\n")).collect();
    let document = read(&format!("openapi: 3.0.0\npaths:\n{many}"));
    assert_eq!(document.notes.len(), read::NOTES_MAX + 1);
    assert_eq!(document.notes.last().unwrap().reason, "there are more notes than are kept");
    // Many paths that all refer to one list: the list is not read without end.
    let paths: String =
        (0..30_000).map(|n| format!("  /{n}: {{$ref: '#/components/pathItems/p'}}\n")).collect();
    let list = "{in: query, name: q}, ".repeat(2_000);
    let item = format!("{{parameters: [{list}], get: {{}}, put: {{}}, post: {{}}, patch: {{}}}}");
    let text = format!("openapi: 3.1.0\npaths:\n{paths}components: {{pathItems: {{p: {item}}}}}\n");
    let document = read(&text);
    assert_eq!(document.operations.len(), read::OPERATIONS_MAX);
    assert_eq!(document.notes.len(), read::NOTES_MAX + 1);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::document(&bytes);
    }

    #[test]
    fn any_likely_text_is_read_or_refused(parts in proptest::collection::vec(
        "(openapi: 3\\.0\\.0|security: \\[\\{a: \\[b\\]\\}\\]|securityDefinitions:|swagger: '2\\.0'|paths:|  /a/\\{b\\}:|    get:|      parameters:|      - in: path|        name: b|        schema: \\{type: integer\\}|\\$ref: '#/paths'|&a|\\*a|\\{|\\}|\\[|\\]|,|\"|'|- |: |<<: |!!binary |\\| |> |\\?|%)(\n| |)", 0..24)) {
        crate::fuzz::document(parts.concat().as_bytes());
    }
}
