//! `sallyport demo`: what its first line promises, and that nothing is left of it.

use std::process::Command;

use testkit::{Call, Connection, Folder, Gateway, until};

use super::world::root;

/// The demo with its temporary files in `folder`.
fn demo(folder: &Folder, arguments: &[&str]) -> Command {
    let temporary = folder.path().join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut command = Command::new(testkit::program());
    command.args(["--json", "demo"]).args(arguments);
    command
        .env("TMPDIR", temporary)
        .env("HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path().join("config"));
    command
}

/// Nothing is left of a demo but what this test wrote.
fn left_nothing(folder: &Folder) {
    let left: Vec<_> = folder.files().into_iter().filter(|path| !path.ends_with("demo.log")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn every_sample_gets_the_answer_that_was_promised_and_nothing_is_left() {
    let folder = Folder::new(root(), "demo");
    let mut demo = Gateway::start(demo(&folder, &["--duration", "5s"]), &folder.path().join("demo.log"));
    let first = demo.first.clone();
    for field in ["gateway", "admin", "admin_token", "upstream", "host", "data_dir"] {
        assert!(first[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {first}");
    }
    let samples = first["samples"].as_array().unwrap();
    let mut statuses = Vec::new();
    for sample in samples {
        let text = |name: &str| sample[name].as_str().unwrap().to_owned();
        let target = text("url");
        let target = target.strip_prefix(first["gateway"].as_str().unwrap()).unwrap();
        let mut call =
            Call::new(demo.address, first["host"].as_str().unwrap(), &format!("{} {target}", text("method")));
        for (name, value) in sample["headers"].as_object().unwrap() {
            call = call.field(name, value.as_str().unwrap());
        }
        let answer = call.send();
        assert_eq!(
            u64::from(answer.status),
            sample["expect_status"].as_u64().unwrap(),
            "{sample}: {answer:?}"
        );
        answer.decision();
        statuses.push(answer.status);
    }
    assert!(statuses.contains(&200) && statuses.contains(&401) && statuses.contains(&403), "{statuses:?}");
    let status = Call::new(demo.admin, &demo.admin.to_string(), "GET /v1/status")
        .field("Authorization", &format!("Bearer {}", first["admin_token"].as_str().unwrap()))
        .send();
    assert_eq!(status.status, 200);
    assert_eq!(demo.ended(), Some(0), "{}", demo.log());
    left_nothing(&folder);
}

#[test]
fn an_interrupt_ends_all_of_it() {
    let folder = Folder::new(root(), "demo");
    let mut demo = Gateway::start(demo(&folder, &[]), &folder.path().join("demo.log"));
    let upstream = demo.first["upstream"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    // A caller in the middle of a stream does not hold it up.
    let shop = demo.first["samples"][0]["headers"]["X-Api-Key"].as_str().unwrap().to_owned();
    let mut streaming = Connection::open(demo.address);
    streaming.send(&Call::new(demo.address, "any.example", "GET /v1/events").key(&shop).bytes());
    assert!(streaming.piece().is_some());
    demo.signal("INT");
    assert_eq!(demo.ended(), Some(0), "{}", demo.log());
    for address in [demo.address, demo.admin, upstream] {
        until("a closed port", || std::net::TcpStream::connect(address).is_err().then_some(()));
    }
    left_nothing(&folder);
}

#[test]
fn a_kept_demo_can_be_looked_at_and_started_again() {
    let folder = Folder::new(root(), "demo");
    let kept = folder.path().join("kept").display().to_string();
    for _ in 0..2 {
        let log = folder.path().join("demo.log");
        let mut demo = Gateway::start(demo(&folder, &["--data-dir", &kept, "--duration", "1s"]), &log);
        assert_eq!(demo.first["data_dir"], kept.as_str());
        assert_eq!(demo.ended(), Some(0), "{}", demo.log());
    }
    let cli = testkit::Cli::new(&folder.path().join("kept"), folder.path());
    assert_eq!(cli.run(&["audit", "verify"]).line()["ok"], true);
    assert!(!cli.run(&["key", "list"]).lines().is_empty());
}
