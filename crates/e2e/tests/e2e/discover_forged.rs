//! `sallyport discover` on logs into which somebody wrote what they liked.

use std::fmt::Write as _;
use std::process::Command;

use testkit::Folder;

use super::discover::{discover, line, log, notes};
use super::world::root;

/// A line of a log that has the `Host` field of the request in front.
fn at(host: &str, number: usize, target: &str, status: u16) -> String {
    format!("{host} {}", line(number, target, status))
}

#[test]
fn thousands_of_invented_hosts_push_out_no_real_one_and_it_is_told() {
    let folder = Folder::new(root(), "discover-hosts");
    let mut text = String::new();
    for number in 0..40 {
        for host in ["shop.example", "pay.example"] {
            text.push_str(&at(host, number, "/orders", 200));
        }
    }
    for number in 0..5_000 {
        text.push_str(&at(&format!("h{number}.invented.example"), number, "/orders", 404));
    }
    folder.write("access.log", &text);
    for output in ["table", "jsonl", "html"] {
        let found = discover(&folder, &["access.log", "--output", output], b"");
        assert_eq!(found.status.code(), Some(0), "{output}");
        let shown = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(shown.contains("shop.example") && shown.contains("pay.example"), "{output}: {shown}");
        let notes = notes(&found);
        let told = notes.lines().find(|line| line.starts_with("blind: Left out")).unwrap_or_default();
        // Two of the thousand hosts that are kept are real.
        assert!(
            told.contains("hosts with 4,002 requests, 0 of them answered with success"),
            "{output}: {notes}"
        );
        assert_eq!(shown.contains("Left out, since there are more hosts than are kept"), output == "html");
    }
}

#[test]
fn no_two_hosts_have_one_file_and_what_is_no_host_stops_nothing() {
    let folder = Folder::new(root(), "discover-names");
    let mut text = String::new();
    for host in ["..:443", ".:443", "shop.example:8443", "shop.example_8443", "shop.example"] {
        write!(text, "{}{}", at(host, 1, "/orders", 200), at(host, 2, "/carts", 200)).unwrap();
    }
    folder.write("access.log", &text);
    let made = discover(&folder, &["access.log", "--output", "openapi", "--output-dir", "docs"], b"");
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let mut files: Vec<String> = std::fs::read_dir(folder.path().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let expected = ["no-host", "shop.example", "shop.example_8443", "shop.example_8443-2"];
    let mut expected: Vec<String> = expected.iter().map(|name| format!("{name}.openapi.yaml")).collect();
    expected.sort();
    assert_eq!(files, expected);
    let made = Command::new(testkit::program())
        .args(["init", "company", "--from", "access.log", "--host", "any.example"])
        .args(["--upstream", "http://127.0.0.1:9"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let notes = notes(&made);
    assert!(notes.contains("left out: what was seen at `shop.example:8443`"), "{notes}");
    for name in ["any", "shop"] {
        assert!(folder.path().join(format!("company/apis/{name}/openapi.yaml")).exists(), "{name}");
    }
}

#[test]
fn every_part_of_a_packed_file_is_read() {
    let folder = Folder::new(root(), "discover-parts");
    folder.write("one.log", &log(300));
    for (program, end) in [("zstd", "zst"), ("gzip", "gz")] {
        let pack = Command::new(program).args(["-q", "-c", "one.log"]).current_dir(folder.path()).output();
        let one = pack.expect("installed by `cargo xtask ensure`").stdout;
        let name = format!("three.{end}");
        std::fs::write(folder.path().join(&name), [&one[..], &one, &one].concat()).unwrap();
        let found = discover(&folder, &[&name], b"");
        assert_eq!(found.status.code(), Some(0), "{found:?}");
        assert!(notes(&found).contains("903 lines, 903 requests"), "{name}: {}", notes(&found));
        std::fs::write(folder.path().join(&name), [&one[..], b"rubbish"].concat()).unwrap();
        let found = discover(&folder, &[&name], b"");
        assert!(notes(&found).contains("301 lines, 301 requests"), "{name}: {}", notes(&found));
        if program == "zstd" {
            assert_eq!(found.status.code(), Some(2), "{found:?}");
            assert!(notes(&found).contains("reading ended before its end"), "{}", notes(&found));
        }
    }
}
