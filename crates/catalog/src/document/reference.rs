//! Local references (`$ref`) and JSON pointers (RFC 6901).
//!
//! Only places in the same document are followed: a reference never makes us read a file or ask a network.

use crate::tree::Tree;

/// How many references may stand behind each other; a circle ends here too.
const REFERENCES_MAX: usize = 16;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<'a> {
    pub(super) value: &'a Tree,
    pub(super) pointer: String,
}

impl<'a> Placed<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key)?;
        Some(Self { value, pointer: child(&self.pointer, key) })
    }
}

/// The pointer of what stands under `key`.
pub(super) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A value and, behind it, what it refers to, what that refers to, and so on. The reason says what is wrong.
pub(super) fn follow<'a>(root: &'a Tree, start: Placed<'a>) -> Result<Vec<Placed<'a>>, String> {
    let mut chain = vec![start];
    while let Some(reference) = chain.last().and_then(|last| last.value.get("$ref")) {
        let Some(reference) = reference.as_text() else {
            return Err("`$ref` is not a text".to_owned());
        };
        if REFERENCES_MAX < chain.len() {
            return Err(format!("`{}` does not end", shown(reference)));
        }
        chain.push(look_up(root, reference)?);
    }
    Ok(chain)
}

fn look_up<'a>(root: &'a Tree, reference: &str) -> Result<Placed<'a>, String> {
    let Some(pointer) = reference.strip_prefix('#') else {
        return Err(format!("`{}` points out of the document, which is not followed", shown(reference)));
    };
    let missing = || format!("`{}` points to nothing that can be used", shown(reference));
    let pointer = decode(pointer).ok_or_else(missing)?;
    let mut value = root;
    if !pointer.is_empty() {
        let steps = pointer.strip_prefix('/').ok_or_else(missing)?;
        for step in steps.split('/') {
            let key = step.replace("~1", "/").replace("~0", "~");
            value = match value {
                Tree::List(list) => key.parse::<usize>().ok().and_then(|place| list.get(place)),
                Tree::Map(map) => map.get(&key),
                Tree::Bool(_) | Tree::Null | Tree::Number(_) | Tree::Skimmed | Tree::Text(_) => None,
            }
            .ok_or_else(missing)?;
        }
    }
    Ok(Placed { value, pointer })
}

/// A reference is a URI, so its fragment may be percent-encoded.
fn decode(fragment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    loop {
        rest = match rest {
            [] => return String::from_utf8(decoded).ok(),
            [b'%', high, low, after @ ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let byte = digit(high)? * 16 + digit(low)?;
                decoded.push(u8::try_from(byte).ok()?);
                after
            }
            [plain, after @ ..] => {
                decoded.push(*plain);
                after
            }
        };
    }
}

/// What a document says, fit for a message.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 120;
    let short: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() { short + "…" } else { short }
}
