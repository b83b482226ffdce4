//! A list of keys that an API gave out before: CSV with a header line, or JSON lines.
//!
//! What always holds: either every line is read or every fault is told, with file, line and reason; no fault holds
//! any of a key; a key in clear is wiped from memory when what was read is dropped.

mod csv;
mod json;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use model::{ApplicationName, Secret, TeamName};

use crate::ConfigError;
use crate::place::{Faults, Place};

/// The most bytes of a list.
pub const LIST_BYTES_MAX: usize = 64 << 20;
/// The most bytes of one line.
const LINE_BYTES_MAX: usize = 8_192;
/// The most keys of a list.
pub const LIST_KEYS_MAX: usize = 100_000;
/// The longest label, in characters.
const LABEL_CHARACTERS_MAX: usize = 128;
/// The most scopes of one key.
const SCOPES_MAX: usize = 100;
/// What a digest is written with.
const DIGEST_PREFIX: &[u8] = b"sha256:";
/// The longest key in clear.
const CLEAR_BYTES_MAX: usize = 1_024;

/// One key of a list.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// From 1; the header line counts.
    pub line: u32,
    /// What its owner calls it.
    pub name: String,
    pub key: ListedSecret,
    /// The team of its application, where that is to be made.
    pub team: Option<TeamName>,
    /// Empty where the line says none.
    pub scopes: Vec<String>,
    /// A date, a time or a lifetime, as written.
    pub expires: Option<String>,
    pub app: Option<ApplicationName>,
}

/// The key itself, as the list holds it.
#[derive(Clone, Debug)]
pub enum ListedSecret {
    Clear(Secret),
    /// SHA-256 of the whole key.
    Sha256([u8; 32]),
}

/// The texts of one line, before they are judged. A key in clear is wiped when it is dropped.
#[derive(Debug)]
struct Texts {
    name: String,
    key: Secret,
    team: String,
    scopes: Vec<String>,
    expires: String,
    app: String,
}

/// Why a line is not read, and what to write instead. Never holds any of a key.
type Fault = (String, &'static str);

/// Reads a list; `file` is what errors call it.
pub fn read_key_list(file: &str, bytes: &[u8]) -> Result<Vec<ListedKey>, Vec<ConfigError>> {
    let (keys, errors) = read_key_lines(file, bytes);
    if errors.is_empty() { Ok(keys) } else { Err(errors) }
}

/// The keys of the lines that can be read, and what is wrong with the others: for telling every fault of a list at once.
#[must_use]
pub fn read_key_lines(file: &str, bytes: &[u8]) -> (Vec<ListedKey>, Vec<ConfigError>) {
    let mut faults = Faults::of(file);
    let keys = read(bytes, &mut faults);
    let (errors, _) = faults.into_parts();
    (keys, errors)
}

fn read(bytes: &[u8], faults: &mut Faults) -> Vec<ListedKey> {
    let mut keys = Vec::new();
    if LIST_BYTES_MAX < bytes.len() {
        faults.add(Place::WHOLE, "the list is over 64 MiB", "split it");
        return keys;
    }
    // What some spreadsheets put before UTF-8.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_json = bytes.trim_ascii_start().first() == Some(&b'{');
    let mut lines = (1_u32..).zip(bytes.split(|byte| *byte == b'\n')).filter_map(|(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        (!line.trim_ascii().is_empty()).then_some((number, line))
    });
    let mut columns = None;
    if !is_json {
        let Some((number, line)) = lines.next() else {
            faults.add(Place::WHOLE, "the list is empty", "write a header line and a key a line");
            return keys;
        };
        match text_of(line).and_then(csv::Columns::read) {
            Ok(read) => columns = Some(read),
            Err((reason, fix)) => {
                faults.add(at(number), reason, fix);
                return keys;
            }
        }
    }
    for (number, line) in lines {
        if LIST_KEYS_MAX <= keys.len() {
            faults.add(at(number), "the list has over 100000 keys", "split it");
            break;
        }
        let texts = text_of(line).and_then(|line| match &columns {
            None => json::texts(line),
            Some(columns) => columns.texts(line),
        });
        match texts.and_then(|texts| listed(number, texts)) {
            Ok(key) => keys.push(key),
            Err((reason, fix)) => faults.add(at(number), reason, fix),
        }
    }
    keys
}

const fn at(line: u32) -> Place {
    Place { line, column: 1 }
}

fn text_of(line: &[u8]) -> Result<&str, Fault> {
    if LINE_BYTES_MAX < line.len() {
        return Err(("the line is over 8192 bytes long".to_owned(), "a key has 1024 characters at most"));
    }
    match std::str::from_utf8(line) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text),
        Ok(_) | Err(_) => {
            Err(("the line is not UTF-8 without control characters".to_owned(), "write the list as UTF-8"))
        }
    }
}

/// Judges the texts of a line.
fn listed(line: u32, texts: Texts) -> Result<ListedKey, Fault> {
    let Texts { name, key, team, scopes, expires, app } = texts;
    if name.trim().is_empty() || name.chars().nth(LABEL_CHARACTERS_MAX).is_some() {
        return Err(("`name` has 1 to 128 characters".to_owned(), "write what you call the key"));
    }
    if SCOPES_MAX < scopes.len() {
        return Err(("the line lists over 100 scopes".to_owned(), "name a group instead of its operations"));
    }
    let team = optional(&team, TeamName::parse)
        .map_err(|error| (format!("`team`: {error}"), "write a team of teams.yaml"))?;
    let app = optional(&app, ApplicationName::parse)
        .map_err(|error| (format!("`app`: {error}"), "write the name of an application"))?;
    let expires = (!expires.is_empty()).then_some(expires);
    Ok(ListedKey { line, name, key: secret(key)?, team, scopes, expires, app })
}

fn optional<T, E>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<Option<T>, E> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// A key in clear, or the digest of one.
fn secret(key: Secret) -> Result<ListedSecret, Fault> {
    let Some(digest) = key.expose().strip_prefix(DIGEST_PREFIX) else {
        let visible = key.expose().iter().all(u8::is_ascii_graphic);
        return match key.expose().len() {
            1..=CLEAR_BYTES_MAX if visible => Ok(ListedSecret::Clear(key)),
            _ => Err((
                "`key` is 1 to 1024 visible ASCII characters".to_owned(),
                "write the whole key, or sha256: and its digest",
            )),
        };
    };
    digest_of(digest).map(ListedSecret::Sha256).ok_or_else(|| {
        let reason = "what follows `sha256:` is no digest".to_owned();
        (reason, "write the SHA-256 of the whole key as 64 hexadecimal digits, or in base64")
    })
}

/// A digest in hexadecimal digits, or in base64 of either alphabet, padded or not.
fn digest_of(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() == 64 {
        let mut digest = [0; 32];
        for (slot, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).ok().filter(|_| pair.iter().all(u8::is_ascii_hexdigit))?;
            *slot = u8::from_str_radix(digits, 16).ok()?;
        }
        return Some(digest);
    }
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let decoded = STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()?;
    decoded.try_into().ok()
}

#[cfg(test)]
mod tests;
