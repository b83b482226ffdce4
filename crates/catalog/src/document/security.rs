//! What a document asks of who calls: `security`, of the document or of an operation, and the schemes that it names.
//!
//! Of interest are the scopes of access tokens alone. What lets anybody call, what any token meets and what is not
//! understood asks for nothing; the last with a note. A list stands for itself: where one part of it is not understood,
//! none of it counts, since the part that is left might ask for something else than the whole does.

use std::collections::{BTreeMap, BTreeSet};

use super::Note;
use super::reference::{Placed, child, follow, shown};
use crate::AskedScopes;
use crate::tree::Tree;

/// The most requirements of one list, and the most scopes of one requirement.
const REQUIREMENTS_MAX: usize = 64;
/// The longest scope, in bytes; longer ones are in no token that counts.
const SCOPE_BYTES_MAX: usize = 256;

/// A scheme, by what it makes of scopes.
#[derive(Debug)]
enum Scheme {
    /// Any bearer token.
    Bearer,
    /// Keys, passwords and certificates.
    Other,
    /// Access tokens with scopes; those that it declares, none where it declares none.
    Token(BTreeSet<String>),
}

/// What one requirement asks for.
enum Requirement {
    /// Nothing, or any token.
    Anything,
    /// Another credential than a token.
    Other,
    Scopes(BTreeSet<Box<str>>),
}

/// The lists of a document, each read once however many operations have it.
#[derive(Debug, Default)]
pub(super) struct Security {
    schemes: BTreeMap<String, Scheme>,
    /// By the pointer of the list.
    known: BTreeMap<String, AskedScopes>,
    /// Schemes of whose scopes it was said that they are not used.
    told: BTreeSet<String>,
    notes: Vec<Note>,
}

impl Security {
    /// Reads the schemes that stand under `place`.
    pub(super) fn of(root: &Tree, place: Option<Placed<'_>>) -> Self {
        let mut security = Self::default();
        let Some(place) = place else { return security };
        let Tree::Map(schemes) = place.value else {
            security.note(place.pointer, "is not a map of schemes");
            return security;
        };
        for (name, value) in schemes {
            let pointer = child(&place.pointer, name);
            let read = follow(root, Placed { value, pointer: pointer.clone() });
            let last = read.map(|chain| chain.last().map(|last| last.value).unwrap_or(value));
            match last.and_then(scheme) {
                Ok(scheme) => {
                    security.schemes.insert(name.clone(), scheme);
                }
                Err(reason) => security.note(pointer, reason),
            }
        }
        security
    }

    /// What a list asks for.
    pub(super) fn asked(&mut self, list: &Placed<'_>) -> AskedScopes {
        if let Some(known) = self.known.get(&list.pointer) {
            return known.clone();
        }
        let asked = self.list(list).unwrap_or_else(|(pointer, reason)| {
            self.note(pointer, format!("{reason}; the list is taken to ask for nothing"));
            AskedScopes::none()
        });
        self.known.insert(list.pointer.clone(), asked.clone());
        asked
    }

    /// What is to be said since this was asked last.
    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn note(&mut self, pointer: String, reason: impl Into<String>) {
        self.notes.push(Note { pointer, reason: reason.into() });
    }

    fn list(&mut self, list: &Placed<'_>) -> Result<AskedScopes, (String, String)> {
        let Tree::List(items) = list.value else {
            return Err((list.pointer.clone(), "is not a list of requirements".to_owned()));
        };
        if REQUIREMENTS_MAX < items.len() {
            return Err((list.pointer.clone(), format!("has more than {REQUIREMENTS_MAX} requirements")));
        }
        let mut sets: Vec<BTreeSet<Box<str>>> = Vec::new();
        let mut is_open = false;
        for (place, value) in items.iter().enumerate() {
            let pointer = format!("{}/{place}", list.pointer);
            match self.requirement(&Placed { value, pointer })? {
                Requirement::Anything => is_open = true,
                Requirement::Other => {}
                Requirement::Scopes(scopes) if sets.contains(&scopes) => {}
                Requirement::Scopes(scopes) => sets.push(scopes),
            }
        }
        Ok(if is_open { AskedScopes::none() } else { AskedScopes::one_of(sets) })
    }

    fn requirement(&mut self, requirement: &Placed<'_>) -> Result<Requirement, (String, String)> {
        let Tree::Map(schemes) = requirement.value else {
            return Err((requirement.pointer.clone(), "is not a requirement".to_owned()));
        };
        let mut scopes: BTreeSet<Box<str>> = BTreeSet::new();
        let mut is_of_token = schemes.is_empty();
        for (name, value) in schemes {
            let wrong = |reason: String| Err((child(&requirement.pointer, name), reason));
            let Some(scheme) = self.schemes.get(name) else {
                return wrong(format!("names `{}`, which is no scheme that can be used", shown(name)));
            };
            let listed = match texts(value) {
                Ok(listed) => listed,
                Err(reason) => return wrong(reason),
            };
            match scheme {
                Scheme::Token(declared) => {
                    let unknown =
                        listed.iter().find(|scope| !declared.is_empty() && !declared.contains(**scope));
                    if let Some(unknown) = unknown {
                        return wrong(format!(
                            "asks for the scope `{}`, which its scheme does not declare",
                            shown(unknown)
                        ));
                    }
                    is_of_token = true;
                    scopes.extend(listed.into_iter().map(Into::into));
                }
                Scheme::Bearer | Scheme::Other => {
                    is_of_token |= matches!(scheme, Scheme::Bearer);
                    if !listed.is_empty() && self.told.insert(name.clone()) {
                        let reason = "is neither oauth2 nor openIdConnect, so that its scopes are not used";
                        self.note(child(&requirement.pointer, name), reason);
                    }
                }
            }
        }
        Ok(match (scopes.is_empty(), is_of_token) {
            (false, _) => Requirement::Scopes(scopes),
            (true, true) => Requirement::Anything,
            (true, false) => Requirement::Other,
        })
    }
}

fn texts(value: &Tree) -> Result<Vec<&str>, String> {
    let Tree::List(items) = value else { return Err("is not a list of scopes".to_owned()) };
    if REQUIREMENTS_MAX < items.len() {
        return Err(format!("has more than {REQUIREMENTS_MAX} scopes"));
    }
    let is_fit = |text: &&str| (1..=SCOPE_BYTES_MAX).contains(&text.len());
    let fit: Option<Vec<&str>> = items.iter().map(|item| item.as_text().filter(is_fit)).collect();
    fit.ok_or_else(|| format!("holds a scope that is no text of 1 to {SCOPE_BYTES_MAX} bytes"))
}

fn scheme(value: &Tree) -> Result<Scheme, String> {
    let text = |key: &str| value.get(key).and_then(Tree::as_text);
    Ok(match text("type") {
        Some("oauth2") => {
            let mut declared = keys(value.get("scopes"));
            if let Some(Tree::Map(flows)) = value.get("flows") {
                declared.extend(flows.values().flat_map(|flow| keys(flow.get("scopes"))));
            }
            Scheme::Token(declared)
        }
        Some("openIdConnect") => Scheme::Token(BTreeSet::new()),
        Some("http") if text("scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) => {
            Scheme::Bearer
        }
        Some("apiKey" | "basic" | "http" | "mutualTLS") => Scheme::Other,
        Some(kind) => return Err(format!("`{}` is no type of scheme that is known", shown(kind))),
        None => return Err("is not a scheme: `type` is missing".to_owned()),
    })
}

fn keys(map: Option<&Tree>) -> BTreeSet<String> {
    match map {
        Some(Tree::Map(map)) => map.keys().cloned().collect(),
        Some(_) | None => BTreeSet::new(),
    }
}
