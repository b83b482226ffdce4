//! The guide, run as it stands there: the shell blocks of a page in their order, in one shell, with a real upstream. What
//! a block of text after them says must be in what they printed, line for line and in that order.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use testkit::{Folder, Upstream, program};

use super::world::root;

/// What ends the output of a block.
const MARK: &str = "=== end of a block";
/// Stands for whatever a line has between.
const GAP: char = '…';

/// Commands, and lines that they must have printed.
struct Block {
    commands: String,
    printed: Vec<String>,
}

fn page(name: &str) -> Vec<Block> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("```") {
        let (kind, after) = after.split_once('\n').unwrap();
        let (block, after) = after.split_once("```").unwrap();
        rest = after;
        match kind {
            "sh" => blocks.push(Block { commands: block.to_owned(), printed: Vec::new() }),
            "text" => blocks.last_mut().unwrap().printed.extend(block.lines().map(str::to_owned)),
            other => panic!("a block of the guide is `{other}`"),
        }
    }
    blocks
}

/// A place where only this process listens: a loopback address made of its number.
fn own_address() -> Ipv4Addr {
    let [.., a, b, c] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 1 + a % 254, b, c.max(2))
}

/// What a log of the API held before there was a gateway.
fn access_log() -> String {
    let line = |number: usize, target: &str| {
        format!(
            "203.0.113.{} - - [26/Nov/2026:10:{:02}:00 +0000] \"{target} HTTP/1.1\" 200 120 \"-\" \"client/1\"\n",
            number % 9,
            number % 60
        )
    };
    let orders = (0..40).map(|number| line(number, &format!("GET /orders/{}", 1_000 + 7 * number)));
    let lists = (0..40).map(|number| line(number, "GET /orders"));
    let made = (0..5).map(|number| line(number, "POST /orders"));
    orders.chain(lists).chain(made).collect()
}

/// Runs blocks in one shell. After that of `init` the addresses that the gateway listens on become this process's own.
fn run(folder: &Folder, upstream: &Upstream, blocks: &[Block]) -> Vec<String> {
    let address = own_address();
    let mut script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n".to_owned();
    for block in blocks {
        script.push_str(&block.commands);
        if block.commands.contains("sallyport init") {
            script.push_str(&format!("sed -i 's/: 127.0.0.1:/: {address}:/' company/sallyport.yaml\n"));
        }
        script.push_str(&format!("echo '{MARK}'\n"));
    }
    let folders = std::env::join_paths(
        std::iter::once(program().parent().unwrap().to_owned())
            .chain(std::env::split_paths(&testkit::environment("PATH").unwrap())),
    );
    let ran = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder.path())
        .env("PATH", folders.unwrap())
        .env("HOME", folder.path())
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .env("UPSTREAM", format!("http://{}", upstream.address))
        .env("GATE", format!("http://{address}:8080"))
        .env_remove("SALLYPORT_DIR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let log = std::fs::read_to_string(folder.path().join("gateway.log")).unwrap_or_default();
    assert!(ran.status.success(), "{text}\n{log}");
    text.split(MARK).map(str::to_owned).collect()
}

fn assert_printed(block: &Block, output: &str) {
    let mut rest = output;
    for line in &block.printed {
        let mut parts = line.split(GAP);
        let first = parts.next().unwrap();
        let Some((_, mut after)) = rest.split_once(first) else {
            panic!("`{line}` is not printed by\n{}but\n{output}", block.commands);
        };
        for part in parts {
            let (on_the_line, _) = after.split_once('\n').unwrap_or((after, ""));
            assert!(
                on_the_line.contains(part),
                "`{line}` is not printed by\n{}but\n{output}",
                block.commands
            );
            after = after.split_once(part).unwrap().1;
        }
        rest = after;
    }
}

#[test]
fn the_way_from_a_log_to_enforcement_is_as_the_guide_says() {
    let folder = Folder::new(root(), "guide");
    folder.write("access.log", &access_log());
    let upstream = Upstream::start();
    let mut blocks = page("from-a-log-to-enforcement.md");
    assert!(10 <= blocks.len(), "the page has lost its commands");
    // The second page is about a refusal of the same gateway.
    let refused = "KEY=$WEB\nDECISION=$(curl --silent -H 'Host: shop.example.com' -H \"X-Api-Key: $KEY\" -X POST \"$GATE/orders\" \
        | sed 's/.*\"decision_id\":\"\\([^\"]*\\)\".*/\\1/')\n";
    blocks.push(Block { commands: refused.to_owned(), printed: Vec::new() });
    blocks.extend(page("when-you-are-denied.md"));
    let outputs = run(&folder, &upstream, &blocks);
    for (block, output) in blocks.iter().zip(&outputs) {
        assert_printed(block, output);
    }
    assert_eq!(outputs.len(), blocks.len() + 1);
    // What was refused never reached the API: the curious call alone did, while it was observed.
    let posts = upstream.requests().iter().filter(|request| request.line().starts_with("POST")).count();
    assert_eq!(posts, 1);
}
