//! Words that interfaces are made of, and closed lists of codes.
//!
//! `words.txt` says in how many of 672 publishers' OpenAPI documents a word is part of a literal path segment, for words with three or more. The
//! documents are those of the APIs.guru collection (facts, CC0) without every publisher of the discovery benchmark, so that the benchmark
//! measures words it did not lend.

use std::sync::LazyLock;

use hashbrown::HashMap;

static WORDS: LazyLock<HashMap<&'static str, u16, foldhash::fast::FixedState>> = LazyLock::new(|| {
    include_str!("words.txt")
        .lines()
        .filter_map(|line| {
            let (word, count) = line.split_once(' ')?;
            Some((word, count.parse().ok()?))
        })
        .collect()
});

/// The parts of a name: `chat.postMessage` is `chat`, `post`, `message`. Digits and punctuation part words and are left out.
pub(crate) fn parts(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut characters = text.chars().peekable();
    let mut before_lower = false;
    while let Some(character) = characters.next() {
        if !character.is_alphabetic() {
            if !current.is_empty() {
                found.push(std::mem::take(&mut current));
            }
            before_lower = false;
            continue;
        }
        let upper = character.is_uppercase();
        let next_lower = characters.peek().is_some_and(|next| next.is_lowercase());
        if upper && !current.is_empty() && (before_lower || (next_lower && current.chars().count() > 1)) {
            found.push(std::mem::take(&mut current));
        }
        current.extend(character.to_lowercase());
        before_lower = !upper;
    }
    if !current.is_empty() {
        found.push(current);
    }
    found
}

/// How much `text` reads like a name that interfaces use, from -1 (no part is known) to 1 (each part is common).
pub(crate) fn likeness(text: &str) -> f64 {
    let parts = parts(text);
    let mut sum = 0.0;
    let mut weight = 0.0;
    for part in &parts {
        let share =
            match WORDS.get(part.as_str()).or_else(|| singular(part).and_then(|one| WORDS.get(one.as_str())))
            {
                Some(count) if *count >= 30 => 1.0,
                Some(count) if *count >= 10 => 0.8,
                Some(count) if *count >= 5 => 0.5,
                Some(_) => 0.25,
                None if part.chars().count() <= 2 => 0.0,
                None if is_compound(part) => 0.3,
                None => -1.0,
            };
        sum += share;
        weight += 1.0;
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Whether a word is made of two or three known ones: `issuetypescheme`.
fn is_compound(word: &str) -> bool {
    fn known(part: &str) -> bool {
        part.len() >= 3 && WORDS.get(part).is_some_and(|count| *count >= 5)
    }
    fn made(word: &str, parts: u8) -> bool {
        known(word)
            || (parts > 1
                && word.char_indices().any(|(at, _)| {
                    let (head, tail) = word.split_at(at);
                    known(head) && made(tail, parts.saturating_sub(1))
                }))
    }
    word.len() <= 40 && made(word, 3)
}

/// Whether the last part of a name is an English plural.
pub(crate) fn is_plural(text: &str) -> bool {
    parts(text).last().is_some_and(|part| part != "series" && singular(part).is_some())
}

/// The singular of an English plural, where the ending shows one.
pub(crate) fn singular(word: &str) -> Option<String> {
    const IRREGULAR: &[(&str, &str)] = &[
        ("people", "person"),
        ("children", "child"),
        ("indices", "index"),
        ("vertices", "vertex"),
        ("matrices", "matrix"),
        ("statuses", "status"),
        ("addresses", "address"),
        ("aliases", "alias"),
        ("buses", "bus"),
        ("movies", "movie"),
        ("series", "series"),
        ("caches", "cache"),
    ];
    let lower = word.to_lowercase();
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == lower) {
        return Some((*one).into());
    }
    if lower.len() < 4 || lower.ends_with("ss") || lower.ends_with("us") || lower.ends_with("is") {
        return None;
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return Some(format!("{stem}y"));
    }
    for ending in ["sses", "shes", "ches", "xes", "zes"] {
        if lower.ends_with(ending) {
            return word.strip_suffix("es").map(Into::into);
        }
    }
    word.strip_suffix('s').map(Into::into)
}

/// First words of names that do something rather than hold something.
const VERBS: &[&str] = &[
    "accept",
    "activate",
    "add",
    "apply",
    "approve",
    "archive",
    "assign",
    "attach",
    "authorize",
    "batch",
    "bulk",
    "calculate",
    "cancel",
    "check",
    "clear",
    "clone",
    "close",
    "complete",
    "confirm",
    "copy",
    "count",
    "create",
    "deactivate",
    "delete",
    "describe",
    "detach",
    "disable",
    "download",
    "duplicate",
    "enable",
    "end",
    "execute",
    "export",
    "fetch",
    "find",
    "generate",
    "get",
    "import",
    "invite",
    "list",
    "lock",
    "login",
    "logout",
    "lookup",
    "mark",
    "merge",
    "move",
    "open",
    "pause",
    "ping",
    "post",
    "preview",
    "process",
    "publish",
    "purge",
    "put",
    "query",
    "read",
    "rebuild",
    "refresh",
    "refund",
    "register",
    "reject",
    "release",
    "remove",
    "rename",
    "renew",
    "reopen",
    "replace",
    "report",
    "request",
    "reset",
    "resize",
    "resolve",
    "restart",
    "restore",
    "resume",
    "retry",
    "revoke",
    "rotate",
    "run",
    "save",
    "schedule",
    "search",
    "send",
    "set",
    "share",
    "sign",
    "start",
    "stop",
    "submit",
    "subscribe",
    "suspend",
    "swap",
    "sync",
    "test",
    "transfer",
    "trigger",
    "unlock",
    "unsubscribe",
    "update",
    "upload",
    "validate",
    "verify",
    "void",
    "watch",
];

pub(crate) fn is_verb(word: &str) -> bool {
    VERBS.binary_search(&word).is_ok()
}

/// Segments that stand for the caller or for the whole beside ids, so they are names among values.
pub(crate) fn is_self(text: &str) -> bool {
    matches!(
        text,
        "me" | "self"
            | "current"
            | "mine"
            | "@me"
            | "~"
            | "-"
            | "all"
            | "latest"
            | "default"
            | "new"
            | "healthz"
            | "readyz"
            | "livez"
            | "metrics"
    )
}

/// Sets of words that stand for each other, by place of the set: a choice of the caller wherever two of one set are siblings.
const CHOICES: &[&[&str]] = &[
    &["hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "annual", "minutely"],
    &["hour", "day", "week", "month", "quarter", "year", "minute", "second"],
    &[
        "dev",
        "development",
        "test",
        "testing",
        "qa",
        "staging",
        "stage",
        "prod",
        "production",
        "sandbox",
        "preprod",
        "uat",
    ],
    &[
        "json", "xml", "csv", "yaml", "html", "pdf", "txt", "geojson", "kml", "tsv", "xlsx", "svg", "png",
        "jpg",
    ],
    &["asc", "desc", "ascending", "descending"],
    &["get", "put", "post", "delete", "head", "options", "patch", "trace", "connect"],
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    &["small", "medium", "large", "xlarge", "thumbnail", "thumb", "original", "tiny", "huge"],
    &["red", "green", "blue", "yellow", "black", "white", "orange", "purple"],
    &["desktop", "mobile", "tablet"],
    &["low", "normal", "high", "critical", "urgent"],
    &["debug", "info", "warn", "warning", "error", "fatal"],
];

/// The set of [`CHOICES`] that a word is of. Names of methods are choices in capitals only.
pub(crate) fn choice(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let place = CHOICES.iter().position(|set| set.contains(&lower.as_str()))?;
    (place != 5 || text.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(place)
}

/// Languages (ISO 639-1).
const LANGUAGES: &str = "aa ab af ak am ar as az ba be bg bn bo br bs ca ce co cs cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd \
    gl gn gu ha he hi hr ht hu hy ia id ig is it ja jv ka kk kl km kn ko ku ky la lb ln lo lt lv mg mi mk ml mn mr ms mt my nb ne nl nn no ny oc om or pa pl ps \
    pt qu rm ro ru rw sa sc sd se si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt ug uk ur uz ve vi wo xh yi yo za zh zu";

/// Countries (ISO 3166-1 alpha-2).
const COUNTRIES: &str = "AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI \
    FJ FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MK ML MM MN MO MR MT MU \
    MV MW MX MY MZ NA NE NG NI NL NO NP NZ OM PA PE PG PH PK PL PR PS PT PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TW TZ UA UG US UY UZ VA VC VE \
    VN VU WS YE ZA ZM ZW";

/// Currencies (ISO 4217) that are traded or in wide use.
const CURRENCIES: &str = "AED ARS AUD BDT BGN BHD BRL BTC CAD CHF CLP CNY COP CZK DKK EGP ETH EUR GBP GEL HKD HRK HUF IDR ILS INR ISK JOD JPY KES KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB \
    SAR SEK SGD THB TRY TWD UAH USD UYU VND XAU ZAR";

fn listed(list: &str, text: &str) -> bool {
    list.split_ascii_whitespace().any(|entry| entry == text)
}

pub(crate) fn is_language(text: &str) -> bool {
    text.len() == 2 && listed(LANGUAGES, text)
}

pub(crate) fn is_country(text: &str) -> bool {
    text.len() == 2 && listed(COUNTRIES, &text.to_ascii_uppercase())
}

pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && listed(CURRENCIES, &text.to_ascii_uppercase())
}

/// `en-US`, `pt_BR`, `zh-Hans`, `zh-Hant-TW`: a language with a script or a region (BCP 47).
pub(crate) fn is_tagged_locale(text: &str) -> bool {
    if !matches!(text.as_bytes().get(2), Some(b'-' | b'_')) {
        return false;
    }
    let mut parts = text.split(['-', '_']);
    let Some(language) = parts.next() else { return false };
    let rest: Vec<&str> = parts.collect();
    !rest.is_empty()
        && rest.len() <= 2
        && is_language(language)
        && rest
            .iter()
            .all(|part| is_country(part) || matches!(*part, "Hans" | "Hant" | "Latn" | "Cyrl" | "419"))
}

/// Cloud regions: `us-east-1`, `europe-west4`, `westeurope`, `nyc3`.
pub(crate) fn is_region(text: &str) -> bool {
    const PLACES: &[&str] = &[
        "af",
        "ap",
        "asia",
        "australia",
        "ca",
        "cn",
        "eu",
        "europe",
        "il",
        "me",
        "mx",
        "northamerica",
        "sa",
        "southamerica",
        "us",
    ];
    const SIDES: &[&str] = &[
        "central",
        "east",
        "north",
        "northcentral",
        "northeast",
        "northwest",
        "south",
        "southcentral",
        "southeast",
        "southwest",
        "west",
        "gov",
    ];
    const AZURE: &[&str] = &[
        "australiaeast",
        "brazilsouth",
        "canadacentral",
        "centralindia",
        "centralus",
        "eastasia",
        "eastus",
        "eastus2",
        "francecentral",
        "germanywestcentral",
        "japaneast",
        "koreacentral",
        "northeurope",
        "norwayeast",
        "southeastasia",
        "swedencentral",
        "switzerlandnorth",
        "uksouth",
        "ukwest",
        "westeurope",
        "westus",
        "westus2",
        "westus3",
    ];
    const CITIES: &[&str] = &["ams", "blr", "fra", "lon", "nyc", "sfo", "sgp", "syd", "tor"];
    let stem = text.trim_end_matches(|character: char| character.is_ascii_digit());
    if AZURE.contains(&text) || (CITIES.contains(&stem) && stem.len() < text.len()) {
        return true;
    }
    let mut parts = stem.trim_end_matches('-').splitn(2, '-');
    let (Some(place), Some(side)) = (parts.next(), parts.next()) else { return false };
    stem.len() < text.len() && PLACES.contains(&place) && side.split('-').all(|part| SIDES.contains(&part))
}
