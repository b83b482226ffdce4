//! JSON lines: an object a line.

use std::borrow::Cow;

use model::Secret;
use serde::Deserialize;

use super::{Fault, Texts};

/// One line. A field that is unknown or stands twice is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    app: Option<String>,
}

const FIX: &str = r#"write {"name": "…", "key": "…"}, with any of "team", "scopes": ["…"], "expires" and "app", on one line"#;

/// The texts of a line.
pub(super) fn texts(line: &str) -> Result<Texts, Fault> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| (fault(&error), FIX))?;
    let key = match line.key {
        Cow::Borrowed(text) => Secret::new(text.as_bytes()),
        Cow::Owned(text) => Secret::wiping(text.into_bytes()),
    };
    Ok(Texts {
        name: line.name.trim().to_owned(),
        key,
        team: line.team.unwrap_or_default(),
        scopes: line.scopes,
        expires: line.expires.unwrap_or_default(),
        app: line.app.unwrap_or_default(),
    })
}

/// What is wrong and in which column. The reader's own words may quote a value, which may be a key.
fn fault(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "the object has another form",
        serde_json::error::Category::Eof | serde_json::error::Category::Io => "the object is not complete",
        serde_json::error::Category::Syntax => "the line is not JSON",
    };
    format!("{what}, column {}", error.column())
}
