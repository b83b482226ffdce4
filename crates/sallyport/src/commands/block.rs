//! `block`: stop now, and what is stopped.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Verdict, escape, items, list, minute, print_one, show_list, text};
use crate::cli::BlockCommand;
use crate::client::Client;
use crate::output::Output;

pub(super) async fn run(client: &Client, command: &BlockCommand, output: Output) -> anyhow::Result<Verdict> {
    match command {
        BlockCommand::List => {
            let head = ["block", "stops", "until", "by", "reason"];
            return show_list(client, "/v1/blocks", output, &head, "nothing is blocked", row).await;
        }
        BlockCommand::Add { target, lasts, reason } => {
            let (kind, name) = target.named();
            let body = json!({ "kind": kind, "name": name, "for": lasts, "reason": reason });
            let block = client.ask(Method::POST, "/v1/blocks", Some(&body)).await?;
            print_one(output, &block, |block| {
                format!(
                    "block {} stops {} until {}",
                    text(block, "id"),
                    target_of(block),
                    minute(&text(block, "until"))
                )
            })?;
        }
        BlockCommand::Show { id } => {
            let block = client.ask(Method::GET, &format!("/v1/blocks/{}", escape(id)), None).await?;
            print_one(output, &block, |block| {
                format!(
                    "block   {}\nstops   {}\nfrom    {} by {}\nuntil   {}\nreason  {}",
                    text(block, "id"),
                    target_of(block),
                    minute(&text(block, "from")),
                    text(block, "by"),
                    minute(&text(block, "until")),
                    text(block, "reason")
                )
            })?;
        }
        BlockCommand::Remove { id, reason } => {
            let path = format!("/v1/blocks/{}/remove", escape(id));
            let body = json!({ "reason": reason });
            let block = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &block, removed)?;
        }
        BlockCommand::Repair { reason } => {
            let body = json!({ "reason": reason });
            let repaired = client.ask(Method::POST, "/v1/blocks/repair", Some(&body)).await?;
            print_one(output, &repaired, |repaired| {
                let removed = list(repaired, "removed", ", ");
                let removed = if removed.is_empty() { "nothing".to_owned() } else { removed };
                format!("{} blocks are in force; removed: {removed}", text(repaired, "kept"))
            })?;
        }
    }
    Ok(Verdict::Done)
}

/// What a removal leaves: another block may stop the same.
fn removed(block: &Value) -> String {
    let still = items(block, "still");
    let mut lines = vec![match still.len() {
        0 => format!(
            "block {} is removed; no other block is on {} itself",
            text(block, "id"),
            target_of(block)
        ),
        _ => format!(
            "block {} is removed; {} is stopped still, whole or in part:",
            text(block, "id"),
            target_of(block)
        ),
    }];
    lines.extend(still.iter().map(line));
    lines.join("\n")
}

fn target_of(block: &Value) -> String {
    format!("{} {}", text(block, "kind"), text(block, "name"))
}

fn row(block: &Value) -> Vec<String> {
    vec![
        text(block, "id"),
        target_of(block),
        minute(&text(block, "until")),
        text(block, "by"),
        text(block, "reason"),
    ]
}

/// A block as `status` tells it.
pub(super) fn line(block: &Value) -> String {
    format!(
        "blocked: {} until {}, by {}: {} (block {})",
        target_of(block),
        minute(&text(block, "until")),
        text(block, "by"),
        text(block, "reason"),
        text(block, "id")
    )
}
