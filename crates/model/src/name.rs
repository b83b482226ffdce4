//! Names that people give to things: APIs, teams, applications, persons, groups of operations.

use std::fmt;
use std::sync::Arc;

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest name of a group, which holds an API's name and a suffix.
pub const GROUP_BYTES_MAX: usize = 2 * NAME_BYTES_MAX + 1;

/// The longest name of a workload; short enough to stand in a record uncut.
pub const WORKLOAD_BYTES_MAX: usize = 512;
/// The longest name of an application that somebody else knows, [`ApplicationName::external`].
pub const EXTERNAL_BYTES_MAX: usize = 321;

/// Why a text is not a name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a {what} must not be empty")]
    Empty { what: &'static str },
    #[error("`{name}` is {} bytes long; a {what} has at most {max}", .name.len())]
    TooLong { what: &'static str, name: String, max: usize },
    #[error("`{name}` holds {character:?}; a {what} is made of {allowed}")]
    Character { what: &'static str, name: String, character: char, allowed: &'static str },
}

fn check(
    what: &'static str,
    text: &str,
    max: usize,
    allowed: &'static str,
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
) -> Result<(), NameError> {
    let mut characters = text.chars();
    let Some(head) = characters.next() else {
        return Err(NameError::Empty { what });
    };
    if max < text.len() {
        return Err(NameError::TooLong { what, name: text.to_owned(), max });
    }
    let wrong = (!first(head)).then_some(head).or_else(|| characters.find(|character| !rest(*character)));
    match wrong {
        None => Ok(()),
        Some(character) => Err(NameError::Character { what, name: text.to_owned(), character, allowed }),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr, $allowed:literal, $first:expr, $rest:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the name as people write it.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check($what, text, $max, $allowed, $first, $rest)?;
                Ok(Self(text.into()))
            }

            /// The name as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:?}", &*self.0)
            }
        }
    };
}

fn lower(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit()
}

fn alphanumeric(character: char) -> bool {
    character.is_ascii_alphanumeric()
}

name!(
    /// The name of an API; also its folder under `apis/` and the first part of its action ids.
    ApiName,
    "name of an API",
    NAME_BYTES_MAX,
    "a-z, 0-9, `-`, `_` and `.`, and begins with a letter or digit",
    lower,
    |character| lower(character) || matches!(character, '-' | '_' | '.')
);
name!(
    /// The name of a team.
    TeamName,
    "name of a team",
    NAME_BYTES_MAX,
    "letters, digits, `-`, `_` and `.`, and begins with a letter or digit",
    alphanumeric,
    |character| alphanumeric(character) || matches!(character, '-' | '_' | '.')
);
name!(
    /// The name of an application, the client that own keys belong to.
    ApplicationName,
    "name of an application",
    NAME_BYTES_MAX,
    "letters, digits, `-`, `_` and `.`, and begins with a letter or digit",
    alphanumeric,
    |character| alphanumeric(character) || matches!(character, '-' | '_' | '.')
);
name!(
    /// The name that `sallyport.yaml` gives to an issuer of access tokens.
    IssuerName,
    "name of an issuer",
    NAME_BYTES_MAX,
    "a-z, 0-9, `-`, `_` and `.`, and begins with a letter or digit",
    lower,
    |character| lower(character) || matches!(character, '-' | '_' | '.')
);
name!(
    /// The name of a workload as its certificate says it: a SPIFFE id, or a DNS name.
    WorkloadName,
    "name of a workload",
    WORKLOAD_BYTES_MAX,
    "visible ASCII characters without blanks",
    alphanumeric,
    |character| character.is_ascii_graphic()
);
name!(
    /// The name of a person who acts on Sallyport itself: an administrator, a member of a team.
    PersonName,
    "name of a person",
    GROUP_BYTES_MAX,
    "letters, digits, `-`, `_`, `.`, `@` and `+`",
    alphanumeric,
    |character| alphanumeric(character) || matches!(character, '-' | '_' | '.' | '@' | '+')
);
name!(
    /// The name under which an upstream's credential is kept sealed, one of its API's.
    SecretName,
    "name of a secret",
    NAME_BYTES_MAX,
    "a-z, 0-9, `-`, `_` and `.`, and begins with a letter or digit",
    lower,
    |character| lower(character) || matches!(character, '-' | '_' | '.')
);
name!(
    /// A group of operations: `orders`, `orders:read`, `orders:write`, or a further one of the API's own.
    GroupName,
    "name of a group",
    GROUP_BYTES_MAX,
    "an API's name, optionally followed by `:` and a-z, 0-9, `-`, `_` or `.`",
    lower,
    |character| lower(character) || matches!(character, '-' | '_' | '.' | ':')
);

/// What separates the two parts of an external name; no name of our own holds it.
const EXTERNAL_SEPARATOR: char = ':';

impl ApplicationName {
    /// The name of a client that somebody else knows: `NAMESPACE:ID`, where the namespace is an issuer of tokens or an
    /// API with keys of its own, and the id is theirs. It can never be that of an application of ours.
    ///
    /// The id is made of visible ASCII characters; the whole has [`EXTERNAL_BYTES_MAX`] bytes at most.
    pub fn external(namespace: &str, id: &str) -> Result<Self, NameError> {
        let text = format!("{namespace}{EXTERNAL_SEPARATOR}{id}");
        ApiName::parse(namespace)?;
        check(
            "name of an external client",
            id,
            EXTERNAL_BYTES_MAX.saturating_sub(namespace.len() + 1),
            "visible ASCII characters without blanks",
            |character| character.is_ascii_graphic(),
            |character| character.is_ascii_graphic(),
        )?;
        Ok(Self(text.into()))
    }

    /// Parses a name as policies and records hold it: of an application of ours, or an external one.
    pub fn parse_any(text: &str) -> Result<Self, NameError> {
        match text.split_once(EXTERNAL_SEPARATOR) {
            None => Self::parse(text),
            Some((namespace, id)) => Self::external(namespace, id),
        }
    }

    /// Who else gave the name, and what they call it; none of a name of ours.
    #[must_use]
    pub fn external_parts(&self) -> Option<(&str, &str)> {
        self.0.split_once(EXTERNAL_SEPARATOR)
    }

    /// Whether somebody else gave the name.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.0.contains(EXTERNAL_SEPARATOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_names_and_refuses_what_could_be_read_twice() {
        for (text, taken) in [
            ("orders", true),
            ("orders-v2", true),
            ("0rders", true),
            ("", false),
            ("-orders", false),
            ("Orders", false),
            ("orders:read", false),
            ("orders/..", false),
            ("..", false),
            ("orders\n", false),
            ("ordеrs", false), // a Cyrillic letter
        ] {
            assert_eq!(ApiName::parse(text).is_ok(), taken, "{text:?}");
        }
        assert!(ApiName::parse(&"a".repeat(NAME_BYTES_MAX)).is_ok());
        assert!(ApiName::parse(&"a".repeat(NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn an_external_name_is_never_one_of_ours() {
        for (namespace, id, taken) in [
            ("corp", "web", true),
            ("corp", "https://client.example/x?y=1", true),
            ("corp", "a:b", true),
            ("corp", "", false),
            ("corp", "a b", false),
            ("corp", "a\n", false),
            ("corp", "ü", false),
            ("", "web", false),
            ("Corp", "web", false),
            ("a:b", "web", false),
        ] {
            let name = ApplicationName::external(namespace, id);
            assert_eq!(name.is_ok(), taken, "{namespace:?} {id:?}");
            if let Ok(name) = name {
                assert!(ApplicationName::parse(name.as_str()).is_err() && name.is_external(), "{name}");
                assert_eq!(ApplicationName::parse_any(name.as_str()), Ok(name));
            }
        }
        let longest = "a".repeat(EXTERNAL_BYTES_MAX - "corp:".len());
        assert!(ApplicationName::external("corp", &longest).is_ok());
        assert!(ApplicationName::external("corp", &format!("{longest}a")).is_err());
        assert!(!ApplicationName::parse_any("shop").unwrap().is_external());
    }

    #[test]
    fn says_which_character_is_wrong() {
        let error = TeamName::parse("a team").unwrap_err().to_string();
        assert!(error.contains("' '"), "{error}");
    }
}
