//! Infers an inventory from files of the discovery benchmark (`requests.jsonl`) and prints one JSON object per operation.
//!
//! `--noise` prints what was found to be no operation instead.

use std::io::{BufRead, BufReader, BufWriter, Write};

use inventory::{Inventory, Settings};
use serde::Deserialize;
use traffic::Exchange;

#[derive(Deserialize)]
struct Line<'a> {
    ts: &'a str,
    host: &'a str,
    method: &'a str,
    #[serde(borrow)]
    path: std::borrow::Cow<'a, str>,
    status: u16,
    bytes: u64,
    #[serde(borrow)]
    ip: std::borrow::Cow<'a, str>,
    ctype: &'a str,
    sub: &'a str,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut inventory = Inventory::new(Settings::default());
    let mut noise = false;
    for argument in std::env::args().skip(1) {
        if argument == "--noise" {
            noise = true;
            continue;
        }
        let mut reader = BufReader::with_capacity(1 << 20, std::fs::File::open(argument)?);
        let mut text = String::new();
        while reader.read_line(&mut text)? > 0 {
            let line: Line<'_> = serde_json::from_str(&text)?;
            inventory.observe(&Exchange {
                at: line.ts.replace('.', "").parse().ok(),
                host: Some(line.host),
                method: line.method,
                path: &line.path,
                status: Some(line.status),
                bytes_out: Some(line.bytes),
                response_type: (!line.ctype.is_empty()).then_some(line.ctype),
                client: Some(&line.ip),
                caller: (line.sub != "-").then_some(line.sub),
                ..Exchange::default()
            });
            text.clear();
        }
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    if noise {
        for report in inventory.noise() {
            writeln!(out, "{}\t{}\t{}\t{:?}", report.host, report.kind.name(), report.count, report.samples)?;
        }
        return Ok(());
    }
    for operation in inventory.operations() {
        let reasons: Vec<String> = operation.reasons.iter().map(ToString::to_string).collect();
        let line = serde_json::json!({
            "host": operation.host, "method": operation.method, "path": operation.path, "count": operation.count,
            "confidence": operation.confidence, "reasons": reasons, "examples": operation.examples,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}
