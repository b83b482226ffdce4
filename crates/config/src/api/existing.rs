//! Reads `existing_keys` and `exchange`: the keys that the API had before, and the credential that stands in for them.

use model::key_form::{
    KEY_FORM_BYTES_MAX, KEY_FORM_BYTES_MIN, KeyAlphabet, KeyForm, KeyPlace, KeyShape, OtherValues,
};
use model::{CredentialUse, SecretName};

use super::{Exchange, headers};
use crate::fields::{self, Fields};
use crate::place::Faults;
use crate::yaml::{Node, Value};

/// Forms of the keys of one API.
const FORMS_MAX: usize = 8;
/// The longest key where no length is written.
const LONGEST: u16 = 256;
/// The fewest characters behind the prefix where no length is written.
const SHORTEST_REST: usize = 16;
const NAME_BYTES_MAX: usize = 64;

const FORM_FIX: &str = "write `header: X-Api-Key` or `query: api_key`, and what the keys look like";

/// `credential`, `exchange` and `existing_keys`, and whether they go together.
pub(crate) fn read(
    fields: &Fields<'_>,
    faults: &mut Faults,
) -> Option<(CredentialUse, Option<Exchange>, Vec<KeyForm>)> {
    let credential = fields.or("credential", CredentialUse::Strip, faults, |node, faults| {
        fields::chosen(node, "credential", &["strip", "pass", "exchange"], faults, CredentialUse::parse)
    });
    let exchange = exchange(fields, credential, faults);
    let forms = fields.or("existing_keys", Vec::new(), faults, forms)?;
    check(&forms, credential?, fields.find("existing_keys"), faults);
    Some((credential?, exchange?, forms))
}

/// One form, or a list of them.
fn forms(node: &Node, faults: &mut Faults) -> Option<Vec<KeyForm>> {
    let forms = match &node.value {
        Value::List(_) => fields::each(node, "existing_keys", faults, form)?,
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Table(_) => vec![form(node, faults)?],
    };
    if FORMS_MAX < forms.len() {
        faults.add(node.place, "`existing_keys` lists over 8 forms", "keep those that clients send");
        return None;
    }
    Some(forms)
}

fn form(node: &Node, faults: &mut Faults) -> Option<KeyForm> {
    const FIELDS: &[&str] = &["alphabet", "header", "length", "only", "prefix", "query", "scheme"];
    let fields = Fields::of(node, "`existing_keys`", FIELDS, faults)?;
    let prefix = match fields.find("prefix") {
        None => Some(""),
        Some(node) => fields::text(node, "prefix", faults),
    };
    let place = place(node, &fields, prefix.unwrap_or_default(), faults);
    let prefix = prefix?;
    let alphabet = fields.or("alphabet", KeyAlphabet::Token, faults, |node, faults| {
        let names = &["alphanumeric", "base64url", "hex", "token"];
        fields::chosen(node, "alphabet", names, faults, KeyAlphabet::parse)
    });
    let shortest = u16::try_from(prefix.len().saturating_add(SHORTEST_REST)).unwrap_or(KEY_FORM_BYTES_MAX);
    let length = fields.or("length", (shortest, LONGEST), faults, length);
    let others = fields.or("only", OtherValues::Foreign, faults, |node, faults| {
        fields::switch(node, "only", OtherValues::Refused, OtherValues::Foreign, faults)
    });
    match KeyShape::new(prefix, length?, alphabet?) {
        Ok(shape) => Some(KeyForm { place: place?, shape, others: others? }),
        Err(error) => {
            let fix = format!(
                "write `prefix`, and `length` as 32 or as 20-64, {KEY_FORM_BYTES_MIN} to {KEY_FORM_BYTES_MAX}"
            );
            faults.add(node.place, format!("`existing_keys`: {error}"), fix);
            None
        }
    }
}

/// `32`, or a range as `20-64`.
fn length(node: &Node, faults: &mut Faults) -> Option<(u16, u16)> {
    let fix = "write `length` as 32 or as 20-64";
    let range = match &node.value {
        Value::Integer(length) => u16::try_from(*length).ok().map(|length| (length, length)),
        Value::Text(text) => text
            .split_once('-')
            .and_then(|(least, most)| Some((least.trim().parse().ok()?, most.trim().parse().ok()?))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Table(_) => None,
    };
    if range.is_none() {
        faults.add(node.place, "`length` is a number or a range of two", fix);
    }
    range
}

fn place(node: &Node, fields: &Fields<'_>, prefix: &str, faults: &mut Faults) -> Option<KeyPlace> {
    let scheme = fields.find("scheme");
    match (fields.find("header"), fields.find("query")) {
        (Some(header), None) => {
            let fix = "write a name such as X-Api-Key, or Authorization with a scheme";
            let name = fields::parsed(header, "header", fix, faults, key_header)?;
            let scheme = match scheme {
                Some(node) => {
                    Some(fields::parsed(node, "scheme", "write a word such as ApiKey", faults, scheme_word)?)
                }
                None => None,
            };
            match scheme.as_deref() {
                None if name == "authorization" => {
                    let reason = "`header: Authorization` needs a `scheme`";
                    faults.add(
                        header.place,
                        reason,
                        "write the word before the key, such as `scheme: ApiKey`",
                    );
                    return None;
                }
                // Access tokens stand there too, and nothing but the beginning tells them apart.
                Some(scheme) if scheme.eq_ignore_ascii_case("bearer") && prefix.is_empty() => {
                    let reason = "keys behind `Bearer` need a `prefix`, which tells them from access tokens";
                    faults.add(
                        header.place,
                        reason,
                        "write what every key begins with, such as `prefix: ak_`",
                    );
                    return None;
                }
                None | Some(_) => {}
            }
            Some(KeyPlace::Header { name: name.into(), scheme: scheme.map(Into::into) })
        }
        (None, Some(query)) => {
            if let Some(scheme) = scheme {
                faults.add(scheme.place, "a key in the query has no scheme", "remove `scheme`");
                return None;
            }
            let fix = "write the parameter's name, such as api_key";
            let name = fields::parsed(query, "query", fix, faults, parameter)?;
            Some(KeyPlace::Query { name: name.into() })
        }
        (Some(_), Some(query)) => {
            faults.add(query.place, "a key stands in a header or in the query, not in both", FORM_FIX);
            None
        }
        (None, None) => {
            faults.add(node.place, "`existing_keys` does not say where the keys stand", FORM_FIX);
            None
        }
    }
}

fn key_header(text: &str) -> Result<String, headers::HeaderNameError> {
    match headers::canonical(text)? {
        name if name == "authorization" => Ok(name),
        _ => headers::key_header(text),
    }
}

fn scheme_word(text: &str) -> Result<String, &'static str> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if text.is_empty() || NAME_BYTES_MAX < text.len() || !text.bytes().all(letter) {
        return Err("a scheme is one word of letters, digits and -._~+/");
    }
    Ok(text.to_owned())
}

fn parameter(text: &str) -> Result<String, &'static str> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.is_empty() || NAME_BYTES_MAX < text.len() || !text.bytes().all(letter) {
        return Err("a parameter's name is made of letters, digits and -._~");
    }
    Ok(text.to_owned())
}

/// `exchange`, and whether it goes with `credential`.
fn exchange(
    fields: &Fields<'_>,
    credential: Option<CredentialUse>,
    faults: &mut Faults,
) -> Option<Option<Exchange>> {
    let fix =
        "write `exchange: { secret: NAME }`, and keep its value with `sallyport secret set NAME --api API`";
    match (fields.find("exchange"), credential?) {
        (None, CredentialUse::Pass | CredentialUse::Strip) => Some(None),
        (Some(node), CredentialUse::Exchange) => read_exchange(node, faults).map(Some),
        (None, CredentialUse::Exchange) => {
            let place = fields.place("credential");
            faults.add(place, "`credential: exchange` needs `exchange`, which says for what", fix);
            None
        }
        (Some(node), CredentialUse::Pass | CredentialUse::Strip) => {
            faults.add(
                node.place,
                "`exchange` means nothing without `credential: exchange`",
                "write `credential: exchange`, or remove `exchange`",
            );
            None
        }
    }
}

fn read_exchange(node: &Node, faults: &mut Faults) -> Option<Exchange> {
    let fields = Fields::of(node, "`exchange`", &["header", "scheme", "secret"], faults)?;
    let fix = "write the name under which `sallyport secret set` keeps it";
    let secret = fields.need("secret", fix, faults);
    let secret = secret.and_then(|node| fields::parsed(node, "secret", fix, faults, SecretName::parse));
    let header = fields.or("header", "authorization".to_owned(), faults, |node, faults| {
        fields::parsed(node, "header", "write a name such as Authorization", faults, key_header)
    });
    let scheme = match fields.find("scheme") {
        None => Some(None),
        Some(node) => {
            fields::parsed(node, "scheme", "write a word such as Bearer", faults, scheme_word).map(Some)
        }
    };
    let (header, scheme) = (header?, scheme?);
    let scheme = match scheme {
        None if header == "authorization" => Some("Bearer".to_owned()),
        scheme => scheme,
    };
    Some(Exchange { header, scheme, secret: secret? })
}

/// Refuses forms that `credential` cannot keep its word about: the target is forwarded byte for byte.
fn check(forms: &[KeyForm], credential: CredentialUse, node: Option<&Node>, faults: &mut Faults) {
    let in_query = forms.iter().any(|form| matches!(form.place, KeyPlace::Query { .. }));
    match (credential, node) {
        (CredentialUse::Strip | CredentialUse::Exchange, Some(node)) if in_query => faults.add(
            node.place,
            "a key in the query reaches the upstream with the target, which is forwarded byte for byte; so it can \
             be neither stripped nor exchanged",
            "write `credential: pass`, or have clients send the key in a header",
        ),
        (CredentialUse::Exchange | CredentialUse::Pass | CredentialUse::Strip, _) => {}
    }
}
