//! TLS of the admin API: reached from other machines only so, and verified by every command.

use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{Authority, Cli, Gateway, Leaf, until};

use super::tls_world::{answer_of, write_pair};
use super::world::Place;

const NAME: &str = "admin.example";

fn with_admin_tls(place: &Place, authority: &Authority) {
    write_pair(place, "admin", &authority.issue(&Leaf::server(&[NAME])));
    place.write("tls/admin-ca.pem", &authority.pem);
    place.append(
        "sallyport.yaml",
        "admin_tls:\n  certificates: [{ cert_file: tls/admin.pem, key_file: tls/admin.key }]\n  ca_file: tls/admin-ca.pem\n",
    );
}

fn up(place: &Place, admin: &str) -> Gateway {
    // From its own folder, as a service is started; the commands of a test have another.
    let mut command = Cli::new(Path::new("."), place.folder.path()).command();
    command.current_dir(place.dir());
    command.args(["--json", "up", "--listen", "127.0.0.1:0", "--admin-listen", admin, "--workers", "1"]);
    Gateway::start(command, &place.folder.path().join("gateway.log"))
}

#[test]
fn the_admin_api_can_be_reached_from_elsewhere_over_tls_alone() {
    let place = Place::new();
    let beyond = ["up", "--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"];
    let refused = place.cli.try_run(&beyond);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("write `admin_tls`"), "{refused:?}");
    let authority = Authority::new("administration");
    with_admin_tls(&place, &authority);
    let gateway = up(&place, "0.0.0.0:0");
    let url = gateway.first["admin"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert!(place.read(".state/admin.json").contains(&url));
    // Commands find it, verify it by the file that is configured, and get a token; from wherever they are run.
    assert_eq!(place.cli.run(&["status"]).code, 0);
    let found: serde_json::Value = serde_json::from_str(&place.read(".state/admin.json")).unwrap();
    assert!(found["ca_file"].as_str().unwrap().starts_with('/'), "{found}");
    let port = gateway.admin.port();
    let curl = |host: &str, more: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--http1.1", "--max-time", "50", "--noproxy", "*", "--cacert"]);
        command.arg(place.dir().join("tls/admin-ca.pem"));
        command.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]).args(more);
        answer_of({
            command.arg(format!("https://{host}:{port}/readyz")).stdin(Stdio::null());
            command
        })
    };
    assert_eq!(curl(NAME, &[]).summary, "200");
    // Another name is not proved; and, asked for without proof, is not this listener's.
    assert_eq!(curl("rebound.example", &[]).summary, "curl 60");
    assert_eq!(curl("rebound.example", &["-k"]).summary, "403");
    assert_eq!(curl(NAME, &["-H", &format!("Origin: https://{NAME}:{port}")]).summary, "200");
    for origin in [format!("http://{NAME}:{port}"), "https://rebound.example".to_owned()] {
        assert_eq!(curl(NAME, &["-H", &format!("Origin: {origin}")]).summary, "403", "{origin}");
    }
    // In the clear nobody is answered.
    let plain = answer_of({
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--max-time", "50", "--noproxy", "*"]);
        command.arg(format!("http://127.0.0.1:{port}/readyz")).stdin(Stdio::null());
        command
    });
    assert!(plain.summary.starts_with("curl "), "{plain:?}");
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn commands_send_no_token_to_whom_they_cannot_verify() {
    let place = Place::new();
    let authority = Authority::new("administration");
    with_admin_tls(&place, &authority);
    let gateway = up(&place, "127.0.0.1:0");
    place.cli.run(&["status"]);
    let token = place.dir().join(".state/token").display().to_string();
    place.write("tls/others.pem", &Authority::new("others").pem);
    let (right, wrong) = (place.dir().join("tls/admin-ca.pem"), place.dir().join("tls/others.pem"));
    let port = gateway.admin.port();
    // By the address, which the certificate does not bear; by another authority; by those of the system.
    let by_address = format!("https://127.0.0.1:{port}");
    for (url, authority) in [(&by_address, Some(&right)), (&by_address, Some(&wrong)), (&by_address, None)] {
        let mut arguments = vec!["--admin", url, "--token-file", &token];
        let authority = authority.map(|path| path.display().to_string());
        if let Some(authority) = &authority {
            arguments.extend(["--admin-ca", authority]);
        }
        arguments.push("status");
        let ran = place.cli.try_run(&arguments);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains("does not prove that it is"), "{ran:?}");
    }
    let wrong = wrong.display().to_string();
    let ran = place.cli.try_run(&["--admin-ca", &wrong, "status"]);
    assert!(ran.code == 2 && ran.stderr.contains("does not prove"), "{ran:?}");
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn the_certificate_of_the_admin_api_is_renewed_and_its_tls_settled_at_the_start() {
    let place = Place::new();
    let authority = Authority::new("administration");
    with_admin_tls(&place, &authority);
    let gateway = up(&place, "127.0.0.1:0");
    let serial = || {
        let address = gateway.admin.to_string();
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &address, "-servername", NAME])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.split("-----BEGIN CERTIFICATE-----")
            .nth(1)
            .map(|rest| rest.split("-----END").next().unwrap().to_owned())
    };
    let before = serial().unwrap();
    // A half of the pair changes nothing; the whole pair is shown.
    let next = authority.issue(&Leaf::server(&[NAME]));
    place.write("tls/admin.pem", &next.certificate);
    until("the mismatch to be told", || {
        place.cli.run(&["status"]);
        place.folder.read("gateway.log").contains("does not fit").then_some(())
    });
    assert_eq!(serial().unwrap(), before);
    write_pair(&place, "admin", &next);
    until("the new certificate", || (serial().unwrap() != before).then_some(()));
    place.cli.run(&["status"]);
    // Whether a listener speaks TLS is settled at its start, and it is said what to do.
    let text = place.read("sallyport.yaml");
    place.write("sallyport.yaml", text.split("admin_tls:").next().unwrap());
    until("the restart to be asked for", || {
        place.folder.read("gateway.log").contains("`admin_tls` is gone").then_some(())
    });
    assert!(serial().is_some());
    assert_eq!(gateway.stop(), Some(0));
}

#[test]
fn tls_that_is_added_while_the_gateway_runs_is_told_to_need_a_restart() {
    let place = Place::new();
    let gateway = place.up();
    with_admin_tls(&place, &Authority::new("administration"));
    until("the restart to be asked for", || {
        place.folder.read("gateway.log").contains("`admin_tls` is new").then_some(())
    });
    let told = testkit::Call::new(gateway.admin, &gateway.admin.to_string(), "GET /readyz").send().json();
    assert!(told["reasons"].to_string().contains("restart the gateway"), "{told}");
    assert_eq!(gateway.stop(), Some(0));
    // The next start has it.
    let gateway = place.up();
    assert!(gateway.first["admin"].as_str().unwrap().starts_with("https://"));
    place.cli.run(&["status"]);
    assert_eq!(gateway.stop(), Some(0));
}

/// Connections that say nothing keep nobody out, however many there are.
#[test]
fn silent_connections_do_not_keep_administrators_out() {
    let place = Place::new();
    with_admin_tls(&place, &Authority::new("administration"));
    let gateway = up(&place, "127.0.0.1:0");
    let silent: Vec<_> = (0..200).map(|_| std::net::TcpStream::connect(gateway.admin).unwrap()).collect();
    place.cli.run(&["status"]);
    drop(silent);
    assert_eq!(gateway.stop(), Some(0));
}
