//! Keys and tokens that their form gives away.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Prefixes of issuers, and how many characters of a key follow at least. Facts from the issuers' own documentation.
const PREFIXES: [(&str, usize); 42] = [
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("rk_test_", 16),
    ("whsec_", 24),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghu_", 36),
    ("ghs_", 36),
    ("ghr_", 36),
    ("github_pat_", 50),
    ("glpat-", 20),
    ("gldt-", 20),
    ("xoxb-", 20),
    ("xoxa-", 20),
    ("xoxp-", 20),
    ("xoxr-", 20),
    ("xoxs-", 20),
    ("xapp-", 20),
    ("AIza", 35),
    ("ya29.", 20),
    ("GOCSPX-", 24),
    ("SG.", 40),
    ("npm_", 36),
    ("pypi-AgE", 40),
    ("shpat_", 32),
    ("shpss_", 32),
    ("shpca_", 32),
    ("hf_", 30),
    ("dop_v1_", 60),
    ("sq0atp-", 20),
    ("sq0csp-", 40),
    ("sk-ant-", 40),
    ("sk-proj-", 40),
    ("sk-or-", 40),
    ("lin_api_", 30),
    ("secret_", 40),
    ("key-", 32),
    ("EAACEdEose0cBA", 20),
    ("AGE-SECRET-KEY-1", 50),
    ("sp_live_", 30),
    ("sp_test_", 30),
];

/// Whether there is anything in a field of a credential: not nothing, and no mask in its place.
pub(super) fn is_something(value: &str) -> bool {
    let value = value.trim();
    let is_mask = value.chars().all(|one| matches!(one, '*' | '•' | 'x' | 'X' | '.' | '-' | '#' | '●'));
    let words = [
        "null",
        "none",
        "true",
        "false",
        "undefined",
        "redacted",
        "[redacted]",
        "hidden",
        "n/a",
        "[filtered]",
    ];
    !value.is_empty() && !is_mask && !words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether a value holds a key or token.
pub(super) fn has_token(value: &str) -> bool {
    if has_private_key(value) || has_login(value) || value.contains("hooks.slack.com/services/T") {
        return true;
    }
    let is_part = |one: char| one.is_ascii_alphanumeric() || "_-.~+/=".contains(one);
    let mut words = value.split(|one: char| !is_part(one)).filter(|word| word.len() >= 16).peekable();
    let mut bearer = value.split_ascii_whitespace();
    let follows_bearer = bearer.any(|word| word.eq_ignore_ascii_case("bearer"))
        && bearer
            .next()
            .is_some_and(|word| word.len() >= 16 && is_random(word.trim_end_matches(['.', ',', ';'])));
    follows_bearer || words.any(|word| is_prefixed(word) || is_aws(word) || is_jwt(word))
}

/// Whether a text may begin as keys and tokens do, told fast: by its first three bytes as a number.
pub(super) fn may_be_token(text: &str) -> bool {
    beginning(text.as_bytes()).is_some_and(|own| BEGINNINGS.contains(&own))
}

fn beginning(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|[one, two, three]| u32::from_be_bytes([0, *one, *two, *three]))
}

/// The beginnings of [`PREFIXES`], of JWTs and of AWS's keys.
static BEGINNINGS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let all = PREFIXES.iter().map(|(prefix, _)| prefix.as_bytes()).chain([&b"eyJ"[..], b"AKIA", b"ASIA"]);
    let mut found: Vec<u32> = all.filter_map(beginning).collect();
    found.sort_unstable();
    found.dedup();
    found
});

fn has_private_key(value: &str) -> bool {
    value.split("-----BEGIN ").skip(1).any(|rest| {
        let title = rest.split("-----").next().unwrap_or_default();
        title.len() < 40 && title.ends_with("PRIVATE KEY")
    })
}

/// `scheme://user:password@host`.
fn has_login(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority = rest
            .split(|one: char| one.is_whitespace() || "/?#\"'<>".contains(one))
            .next()
            .unwrap_or_default();
        let login = authority.rsplit_once('@').map(|(login, _)| login);
        login.and_then(|login| login.split_once(':')).is_some_and(|(_, password)| {
            password.len() >= 4 && is_something(password) && !password.starts_with(['$', '{', '<'])
        })
    })
}

fn is_prefixed(word: &str) -> bool {
    let rest = PREFIXES.iter().find_map(|(prefix, least)| {
        word.strip_prefix(prefix).filter(|rest| rest.trim_end_matches('.').len() >= *least)
    });
    rest.is_some_and(is_random)
}

/// An access key id of Amazon Web Services: four letters and sixteen of base32.
fn is_aws(word: &str) -> bool {
    let word = word.trim_end_matches(['.', '=', '/']);
    let begins = ["AKIA", "ASIA"].iter().any(|prefix| word.starts_with(prefix));
    begins
        && word.len() == 20
        && word.bytes().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit())
        && {
            let rest = word.get(4..).unwrap_or_default();
            distinct(rest) >= 6
        }
}

/// Three parts of base64url of which the first is an object with `alg` (RFC 7515, section 7.1).
fn is_jwt(word: &str) -> bool {
    let mut parts = word.trim_end_matches('.').split('.');
    let (Some(head), Some(body), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    if !head.starts_with("ey") || body.len() < 2 || head.len() > 2_000 {
        return false;
    }
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(head.trim_end_matches('=')).unwrap_or_default();
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&decoded).ok();
    object.is_some_and(|object| object.contains_key("alg"))
}

/// Whether nobody wrote it by hand: many distinct characters, digits and letters, and no long run of one.
fn is_random(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    distinct(text) >= 8 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

fn distinct(text: &str) -> usize {
    let mut seen = [false; 128];
    for byte in text.bytes() {
        if let Some(slot) = seen.get_mut(usize::from(byte)) {
            *slot = true;
        }
    }
    seen.iter().filter(|one| **one).count()
}
