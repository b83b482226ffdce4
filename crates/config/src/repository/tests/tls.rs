//! What files say of TLS: upstreams, listeners, who shows a certificate, and the admin API.

use super::*;

#[test]
fn an_upstream_over_tls_names_whom_to_believe_and_what_to_show() {
    let tls = |lines: &str| {
        let text = format!("version: 1\nhosts: [a.example]\nowner: orders-team\nexposure: internal\n{lines}");
        loaded(&[("apis/orders/api.yaml", &text), ("apis/orders/openapi.yaml", "x")]).apis[0].clone()
    };
    let api = tls("upstream: https://b.example\n");
    assert_eq!((api.upstream.port, api.upstream.host_field().as_str()), (443, "b.example"));
    assert_eq!(api.upstream.url(), "https://b.example:443");
    assert_eq!(api.upstream_tls, Some(crate::UpstreamTls { ca_file: None, own: None }));
    let api = tls(
        "upstream: HTTPS://[::1]:80\nca_file: tls/ca.pem\nclient_cert_file: /a.pem\nclient_key_file: /a.key\n",
    );
    assert_eq!((api.upstream.address().as_str(), api.upstream.certificate_name()), ("[::1]:80", "::1"));
    let files = api.upstream_tls.unwrap();
    let own = files.own.unwrap();
    let place = |file: &crate::NamedFile| format!("{} {}:{}", file.path, file.line, file.column);
    let places = [&files.ca_file.unwrap(), &own.certificate, &own.key].map(place);
    assert_eq!(places, ["tls/ca.pem 6:10", "/a.pem 7:19", "/a.key 8:18"]);
    assert_eq!(tls("upstream: http://b.example:443\n").upstream.host_field(), "b.example:443");
}

#[test]
fn half_a_certificate_of_ones_own_is_refused() {
    for (field, other) in [("client_cert_file", "client_key_file"), ("client_key_file", "client_cert_file")] {
        let text = format!(
            "version: 1\nhosts: [a.example]\nowner: orders-team\nexposure: internal\nupstream: https://b.example\n{field}: x\n"
        );
        let found = refused(&[("apis/orders/api.yaml", &text), ("apis/orders/openapi.yaml", "x")]);
        assert!(found.contains("belong together"), "{field} without {other}: {found}");
    }
}

#[test]
fn judges_what_is_said_of_tls() {
    const PAIR: &str = "certificates: [{ cert_file: a.pem, key_file: a.key }]";
    for (tls, expected) in [
        ("{ }", "`certificates` is missing"),
        ("{ certificates: [] }", "`certificates` lists 1 to 256"),
        ("{ certificates: [{ cert_file: a.pem }] }", "`key_file` is missing"),
        ("{ certificates: [{ key_file: a.key }] }", "`cert_file` is missing"),
        ("{ certificates: [{ cert_file: '', key_file: a.key }] }", "a path has 1 to 4096 bytes"),
        ("{ certificates: [{ cert: a.pem, key_file: a.key }] }", "a certificate has no field `cert`"),
        (&format!("{{ {PAIR}, client_ca_file: c.pem }}"), "`client_ca_file` needs `client_certificates`"),
        (
            &format!("{{ {PAIR}, client_certificates: required }}"),
            "`client_certificates` needs `client_ca_file`",
        ),
        (&format!("{{ {PAIR}, client_ca_file: c.pem, client_certificates: maybe }}"), "cannot be `maybe`"),
        (&format!("{{ {PAIR}, client_crl_files: [a.crl] }}"), "`client_crl_files` means nothing"),
        (
            &format!(
                "{{ {PAIR}, client_ca_file: c.pem, client_certificates: required, client_crl_files: [] }}"
            ),
            "`client_crl_files` lists 1 to 64",
        ),
        (
            &format!("{{ {PAIR}, client_ca_file: c.pem, client_certificates: {{ role: door }} }}"),
            "`role` cannot be `door`",
        ),
        (
            &format!("{{ {PAIR}, client_ca_file: c.pem, client_certificates: {{ roles: transport }} }}"),
            "`client_certificates` has no field `roles`",
        ),
        (&format!("{{ {PAIR}, verify: false }}"), "`tls` has no field `verify`"),
    ] {
        let found = refused(&[("sallyport.yaml", &gateway(&format!("tls: {tls}")))]);
        assert!(found.contains(expected), "{tls} gave {found}");
    }
    let many = vec!["{ cert_file: a.pem, key_file: a.key }"; 257].join(", ");
    let found = refused(&[("sallyport.yaml", &gateway(&format!("tls: {{ certificates: [{many}] }}")))]);
    assert!(found.contains("`certificates` lists 1 to 256"), "{found}");
    for (more, expected) in [
        ("", "not asked"),
        (", client_ca_file: c.pem, client_certificates: optional", "Optional Caller 0"),
        (
            ", client_ca_file: c.pem, client_certificates: required, client_crl_files: [a.crl]",
            "Required Caller 1",
        ),
        (", client_ca_file: c.pem, client_certificates: { role: transport }", "Required Transport 0"),
        (
            ", client_ca_file: c.pem, client_certificates: { demand: optional, role: transport }",
            "Optional Transport 0",
        ),
    ] {
        let repository = loaded(&[("sallyport.yaml", &gateway(&format!("tls: {{ {PAIR}{more} }}")))]);
        let tls = repository.gateway.tls.unwrap();
        let shown = match tls.clients {
            ClientCertificates::NotAsked => "not asked".to_owned(),
            ClientCertificates::Asked(asked) => {
                format!("{:?} {:?} {}", asked.demand, asked.role, asked.lists.len())
            }
        };
        assert_eq!(shown, expected);
        assert_eq!(tls.certificates[0].certificate.path, "a.pem");
    }
    assert_eq!(loaded(&[("sallyport.yaml", &gateway(""))]).gateway.tls, None);
}

#[test]
fn workloads_are_of_teams_that_are_there() {
    let one = "workloads:\n  spiffe://example.org/ns/shop/*: orders-team\n  '*.shop.example': orders-team\n";
    let found = loaded(&[("sallyport.yaml", &gateway(one))]).gateway.workloads;
    let names: Vec<_> = found.iter().map(|of| format!("{} {}", of.names, of.team)).collect();
    assert_eq!(names, ["spiffe://example.org/ns/shop/* orders-team", "*.shop.example orders-team"]);
    for (text, expected) in [
        ("workloads: { a.example: nobody-team }", "there is no team `nobody-team`"),
        ("workloads: { '*': orders-team }", "has a star in a wrong place"),
        ("workloads: { a.example: orders-team, a.example: orders-team }", "is written twice"),
        ("workloads: [a.example]", "`workloads` must be a table"),
    ] {
        let found = refused(&[("sallyport.yaml", &gateway(text))]);
        assert!(found.contains(expected), "{text} gave {found}");
    }
}

#[test]
fn the_admin_api_has_certificates_of_its_own() {
    let text = "admin_tls: { certificates: [{ cert_file: a.pem, key_file: a.key }], ca_file: tls/ca.pem }";
    let tls = loaded(&[("sallyport.yaml", &gateway(text))]).gateway.admin_tls.unwrap();
    assert_eq!(tls.listener.certificates[0].certificate.path, "a.pem");
    assert_eq!(tls.listener.clients, ClientCertificates::NotAsked);
    assert_eq!(tls.ca_file.unwrap().path, "tls/ca.pem");
    assert_eq!(loaded(&[("sallyport.yaml", &gateway(""))]).gateway.admin_tls, None);
    for (text, expected) in [
        ("admin_tls: { }", "`certificates` is missing"),
        ("admin_tls: { certificates: [] }", "`certificates` lists 1 to 256"),
        (
            "admin_tls: { certificates: [{ cert_file: a.pem, key_file: a.key }], client_ca_file: c.pem }",
            "`admin_tls` has no field `client_ca_file`",
        ),
    ] {
        let found = refused(&[("sallyport.yaml", &gateway(text))]);
        assert!(found.contains(expected), "{text} gave {found}");
    }
}
