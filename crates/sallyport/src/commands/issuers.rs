//! `issuer`: whose access tokens count, and the state of their keys.

use axum::http::Method;
use serde_json::Value;

use super::{Verdict, escape, list, minute, print_one, show_list, text};
use crate::cli::IssuerCommand;
use crate::client::Client;
use crate::output::Output;

pub(super) async fn run(client: &Client, command: &IssuerCommand, output: Output) -> anyhow::Result<Verdict> {
    match command {
        IssuerCommand::List => {
            let head = ["issuer", "keys", "version", "age", "apis", "last error"];
            show_list(client, "/v1/issuers", output, &head, "no issuers", |issuer| {
                vec![
                    text(issuer, "issuer"),
                    text(issuer, "keys"),
                    text(issuer, "version"),
                    age(issuer),
                    list(issuer, "apis", ", "),
                    text(issuer, "last_error"),
                ]
            })
            .await
        }
        IssuerCommand::Show { name } => {
            let issuer = client.ask(Method::GET, &format!("/v1/issuers/{}", escape(name)), None).await?;
            print_one(output, &issuer, describe)?;
            Ok(Verdict::Done)
        }
    }
}

fn describe(issuer: &Value) -> String {
    format!(
        "issuer         {}\niss            {}\nkeys from      {}\nkeys           {}, version {}\nkey ids        {}\nconfirmed      {} ({})\ntrusted until  {}\nlast error     {}\napis           {}",
        text(issuer, "issuer"),
        text(issuer, "identifier"),
        text(issuer, "source"),
        text(issuer, "keys"),
        text(issuer, "version"),
        list(issuer, "kids", ", "),
        minute(&text(issuer, "confirmed")),
        age(issuer),
        minute(&text(issuer, "trusted_until")),
        text(issuer, "last_error"),
        list(issuer, "apis", ", "),
    )
}

fn age(issuer: &Value) -> String {
    match issuer.get("age_seconds").and_then(Value::as_u64) {
        None => "never".to_owned(),
        Some(seconds) => format!("{seconds} s ago"),
    }
}
