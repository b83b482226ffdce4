//! What one segment of a path looks like, without its context.

use crate::operation::ValueKind;
use crate::words;

/// How surely the form alone makes a segment a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Reads like a word or like words: the form says nothing.
    Word,
    /// A form that names have as well: an entry of a closed list, a version, a word with a number.
    Weak,
    /// A form that names practically never have.
    Strong,
}

/// The form of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) kind: ValueKind,
    pub(crate) strength: Strength,
}

const fn strong(kind: ValueKind) -> Form {
    Form { kind, strength: Strength::Strong }
}

const fn weak(kind: ValueKind) -> Form {
    Form { kind, strength: Strength::Weak }
}

const WORD: Form = Form { kind: ValueKind::Text, strength: Strength::Word };

/// The form of a decoded segment.
pub(crate) fn read(text: &str) -> Form {
    if text.is_empty() {
        return WORD;
    }
    crate::classes::hidden::kind(text)
        .map(strong)
        .or_else(|| number(text))
        .or_else(|| date(text))
        .or_else(|| hexadecimal(text))
        .or_else(|| punctuated(text))
        .or_else(|| listed(text))
        .or_else(|| opaque(text))
        .or_else(|| wordy(text))
        .unwrap_or(WORD)
}

/// `v1`, `v2beta1`, `1.0`, `v1.2`: names of versions, which may stand for an entity's version as well.
pub(crate) fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix(['v', 'V']);
    let body = rest.unwrap_or(text);
    let mut digits = 0_usize;
    let mut seen_letters = false;
    for part in body.split('.') {
        let stem = part.trim_end_matches(|character: char| character.is_ascii_digit());
        let plain = stem.is_empty() && !part.is_empty();
        let marked = ["alpha", "beta", "rc", "preview", "p"].iter().any(|mark| {
            stem.strip_suffix(mark)
                .is_some_and(|before| !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit()))
        });
        if !plain && !marked {
            return false;
        }
        seen_letters |= marked;
        digits = digits.max(part.bytes().filter(u8::is_ascii_digit).count());
    }
    digits > 0 && digits <= 4 && (rest.is_some() || text.contains('.') || seen_letters || digits <= 2)
}

fn number(text: &str) -> Option<Form> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || !unsigned.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    match unsigned.matches('.').count() {
        0 if is_day(unsigned) => Some(strong(ValueKind::Date)),
        0 => Some(strong(ValueKind::Integer)),
        1 if !unsigned.ends_with('.') => Some(strong(ValueKind::Number)),
        2 => Some(weak(ValueKind::Version)),
        3 => Some(strong(ValueKind::Address)),
        _ => None,
    }
}

/// `20250310`, as a date without separators.
fn is_day(text: &str) -> bool {
    text.len() == 8
        && (text.starts_with("19") || text.starts_with("20"))
        && text
            .get(4..6)
            .and_then(|month| month.parse::<u8>().ok())
            .is_some_and(|month| (1..=12).contains(&month))
        && text.get(6..8).and_then(|day| day.parse::<u8>().ok()).is_some_and(|day| (1..=31).contains(&day))
}

fn date(text: &str) -> Option<Form> {
    let year = text.get(..4)?;
    if !year.bytes().all(|byte| byte.is_ascii_digit()) || text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    let month: u8 = text.get(5..7)?.parse().ok()?;
    if !(1..=12).contains(&month) {
        return None;
    }
    match text.get(7..)? {
        "" => Some(strong(ValueKind::Month)),
        rest => {
            let day: u8 = rest.strip_prefix('-')?.get(..2)?.parse().ok()?;
            let after = rest.get(3..)?;
            if !(1..=31).contains(&day) {
                return None;
            }
            if after.is_empty() {
                return Some(strong(ValueKind::Date));
            }
            (after.starts_with(['T', ' ', 't']) && after.len() >= 6).then_some(strong(ValueKind::DateTime))
        }
    }
}

fn hexadecimal(text: &str) -> Option<Form> {
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    if parts == [8, 4, 4, 4, 12] && text.split('-').all(hex) {
        return Some(strong(ValueKind::Uuid));
    }
    if [':', '-'].iter().any(|mark| {
        let pairs: Vec<&str> = text.split(*mark).collect();
        pairs.len() == 6 && pairs.iter().all(|pair| pair.len() == 2 && hex(pair))
    }) {
        return Some(strong(ValueKind::Address));
    }
    if !hex(text) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        24 => Some(strong(ValueKind::ObjectId)),
        32 | 40 | 64 | 96 | 128 => Some(strong(ValueKind::Hash)),
        12.. => Some(strong(ValueKind::Hexadecimal)),
        _ => None,
    }
}

fn punctuated(text: &str) -> Option<Form> {
    if text.chars().any(|character| character.is_whitespace()) {
        return Some(strong(file_extension(text).map_or(ValueKind::Text, |_| ValueKind::FileName)));
    }
    if let Some((name, domain)) = text.split_once('@')
        && !name.is_empty()
        && domain.contains('.')
        && !domain.contains('@')
    {
        return Some(strong(ValueKind::Email));
    }
    if let Some(digits) = text.strip_prefix('+')
        && (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some(strong(ValueKind::Phone));
    }
    if let Some((prefix, local)) = text.split_once(':') {
        let upper =
            !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if upper && local.len() >= 3 && local.bytes().filter(u8::is_ascii_digit).count() * 2 > local.len() {
            return Some(strong(ValueKind::Curie));
        }
        if text.starts_with("urn:") || text.starts_with("arn:") || text.matches(':').count() > 1 {
            return Some(strong(ValueKind::Text));
        }
    }
    if text.contains(',') && text.split(',').all(|part| number(part).is_some()) {
        return Some(strong(ValueKind::Coordinates));
    }
    if text.contains(['+', '!', '\'', '"', '(', ')', '[', ']', '|', '<', '>', '%', '*', '\\', '^', '{', '}'])
        && text.len() > 1
    {
        return Some(strong(ValueKind::Text));
    }
    (!text.is_ascii()).then_some(strong(ValueKind::Text))
}

/// Endings of files that people name, by which a segment with a point is a file.
const EXTENSIONS: &[&str] = &[
    "7z", "avi", "bin", "bmp", "csv", "css", "doc", "docx", "eml", "eps", "exe", "gif", "gz", "htm", "html",
    "ico", "ics", "jpeg", "jpg", "js", "json", "kml", "kmz", "log", "m4a", "map", "md", "mov", "mp3", "mp4",
    "mvt", "odt", "ogg", "parquet", "pbf", "pdf", "php", "png", "ppt", "pptx", "ps", "rss", "rtf", "svg",
    "tar", "tgz", "tif", "tiff", "ts", "tsv", "ttf", "txt", "vcf", "wav", "webm", "webp", "woff", "woff2",
    "xhtml", "xls", "xlsx", "xml", "xsd", "yaml", "yml", "zip", "geojson", "atom", "gml", "m3u8", "asp",
    "aspx", "ashx", "asmx", "cfm", "cgi", "do", "jsf", "jsp", "jspx", "ndjson", "jsonld", "proto", "wsdl",
    "avif", "flac",
];

/// The stem and the ending of a name of a file.
pub(crate) fn file_extension(text: &str) -> Option<(&str, &str)> {
    let (stem, ending) = text.rsplit_once('.')?;
    if stem.is_empty() || !EXTENSIONS.contains(&ending.to_ascii_lowercase().as_str()) {
        return None;
    }
    match stem.strip_suffix(".tar") {
        Some(before) if !before.is_empty() => Some((before, text.get(before.len() + 1..)?)),
        Some(_) | None => Some((stem, ending)),
    }
}

fn listed(text: &str) -> Option<Form> {
    if file_extension(text).is_some() {
        return Some(weak(ValueKind::FileName));
    }
    if words::is_tagged_locale(text) {
        return Some(weak(ValueKind::Locale));
    }
    if words::is_region(text) {
        return Some(weak(ValueKind::Region));
    }
    if words::is_currency(text) && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(weak(ValueKind::Currency));
    }
    if words::is_country(text) && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(weak(ValueKind::Country));
    }
    if words::is_language(text) {
        return Some(weak(ValueKind::Locale));
    }
    if is_version(text) {
        return Some(weak(ValueKind::Version));
    }
    if is_domain(text) {
        return Some(weak(ValueKind::Domain));
    }
    matches!(text, "true" | "false").then_some(weak(ValueKind::Boolean))
}

fn is_domain(text: &str) -> bool {
    const ENDS: &[&str] = &[
        "ai", "app", "at", "be", "biz", "br", "ca", "ch", "cloud", "co", "com", "cn", "de", "dev", "edu",
        "es", "eu", "fr", "gov", "in", "info", "io", "it", "jp", "me", "net", "nl", "org", "pl", "ru", "se",
        "test", "uk", "us", "xyz",
    ];
    let Some((before, end)) = text.rsplit_once('.') else { return false };
    ENDS.contains(&end)
        && before.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

/// Text that no person made: base62, base64, ULID, KSUID, ids with a prefix.
fn opaque(text: &str) -> Option<Form> {
    let bytes = text.as_bytes();
    if !bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'~' | b'.'))
    {
        return None;
    }
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let upper = bytes.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let lower = bytes.iter().filter(|byte| byte.is_ascii_lowercase()).count();
    let joined = bytes.iter().all(u8::is_ascii_alphanumeric);
    if joined
        && text.len() == 26
        && lower == 0
        && digits >= 3
        && text.starts_with(|c: char| ('0'..='7').contains(&c))
    {
        return Some(strong(ValueKind::Ulid));
    }
    if joined && text.len() == 27 && digits > 0 && upper > 0 && lower > 0 {
        return Some(strong(ValueKind::Ksuid));
    }
    if let Some((prefix, rest)) = text.split_once(['_', '-'])
        && (1..=8).contains(&prefix.len())
        && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
        && rest.len() >= 8
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && is_random(rest)
    {
        return Some(strong(ValueKind::PrefixedId));
    }
    if text.len() >= 34
        && digits >= 8
        && joined
        && text.get(2..).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Some(strong(ValueKind::PrefixedId));
    }
    is_random(text).then_some(strong(ValueKind::Token))
}

/// Whether no way of writing words gives this text. Looks at how letters, capitals and digits follow each other.
fn is_random(text: &str) -> bool {
    if text.len() < 6 {
        return false;
    }
    if text.ends_with('=') && text.len() >= 8 {
        return true;
    }
    let runs = runs(text);
    let digits: usize = runs.iter().filter(|run| run.kind == Run::Digits).map(|run| run.length).sum();
    let capitals = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let small = text.bytes().any(|byte| byte.is_ascii_lowercase());
    // Digits between letters, more than once, do not occur in names.
    let inner = runs.windows(3).filter(|window| matches!(window, [a, b, c] if a.kind != Run::Digits && b.kind == Run::Digits && c.kind != Run::Digits && a.kind != Run::Mark && c.kind != Run::Mark)).count();
    if inner >= 2 || (inner >= 1 && text.len() >= 8 && (capitals || digits * 3 >= text.len())) {
        return true;
    }
    if capitals && small && words::likeness(text) < 0.0 {
        // In names, a capital opens a part of some letters.
        let parts = words::parts(text);
        let letters: usize = parts.iter().map(|part| part.len()).sum();
        let short = parts.iter().filter(|part| part.len() <= 2).count();
        if parts.len() >= 3 && short * 2 >= parts.len() && letters >= 5 {
            return true;
        }
        // Twenty letters and more in parts of three on average are nobody's words.
        if text.len() >= 20 && letters == text.len() && letters < parts.len().saturating_mul(4) {
            return true;
        }
        if digits > 0
            && !text.contains('.')
            && parts.len() >= 2
            && short > 0
            && text.len() >= 8
            && !text.ends_with(|c: char| c.is_ascii_digit())
        {
            return true;
        }
        return text.len() >= 16 && digits >= 2 && inner >= 1;
    }
    if capitals && !small {
        // Capitals and digits in one run are a code; `SHOUTING_WORDS_2` are not.
        let leading =
            runs.first().is_some_and(|run| run.kind == Run::Digits) || inner >= 1 || runs.len() >= 3;
        return digits > 0 && !text.contains(['_', '-', '.']) && leading;
    }
    let longest = text.split(['-', '_', '.']).map(str::len).max().unwrap_or(0);
    small && digits >= 2 && longest >= 10 && runs.len() >= 4 && inner >= 1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Digits,
    Letters,
    Mark,
}

struct Stretch {
    kind: Run,
    length: usize,
}

fn runs(text: &str) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    for byte in text.bytes() {
        let kind = if byte.is_ascii_digit() {
            Run::Digits
        } else if byte.is_ascii_alphabetic() {
            Run::Letters
        } else {
            Run::Mark
        };
        match found.last_mut() {
            Some(last) if last.kind == kind => last.length += 1,
            Some(_) | None => found.push(Stretch { kind, length: 1 }),
        }
    }
    found
}

/// Words with numbers and codes: `order-12`, `smith7`, `AB123`. Names have them too (`oauth2`, `s3`, `k8s`).
fn wordy(text: &str) -> Option<Form> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    if text.len() >= 5 && digits >= 3 {
        return Some(strong(ValueKind::Code));
    }
    Some(weak(ValueKind::Code))
}
