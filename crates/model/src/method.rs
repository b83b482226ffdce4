//! Request methods. Only those that a catalogue can declare are told apart; the rest is `Unlisted` and denied.

use std::fmt;

/// A method by its exact token (RFC 9110 section 9.1: methods are case-sensitive).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
    Trace,
    /// Any other token, `get` included. No operation has it.
    Unlisted,
}

/// What a method does to the API, which decides its built-in group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerbClass {
    Read,
    Write,
}

impl Method {
    /// Every method that an operation can have.
    pub const LISTED: [Self; 8] =
        [Self::Delete, Self::Get, Self::Head, Self::Options, Self::Patch, Self::Post, Self::Put, Self::Trace];

    /// Reads a method token; every token has an answer.
    #[must_use]
    pub fn of_token(token: &[u8]) -> Self {
        match token {
            b"DELETE" => Self::Delete,
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"TRACE" => Self::Trace,
            _ => Self::Unlisted,
        }
    }

    /// The token, or `(unlisted)`, which is no token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Trace => "TRACE",
            Self::Unlisted => "(unlisted)",
        }
    }

    /// GET, HEAD and OPTIONS read; everything else writes.
    #[must_use]
    pub const fn verb_class(self) -> VerbClass {
        match self {
            Self::Get | Self::Head | Self::Options => VerbClass::Read,
            Self::Delete | Self::Patch | Self::Post | Self::Put | Self::Trace | Self::Unlisted => {
                VerbClass::Write
            }
        }
    }
}

impl VerbClass {
    /// The suffix of the built-in group.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_case_sensitive() {
        for method in Method::LISTED {
            assert_eq!(Method::of_token(method.as_str().as_bytes()), method);
            assert_eq!(Method::of_token(method.as_str().to_lowercase().as_bytes()), Method::Unlisted);
        }
        assert_eq!(Method::of_token(b"(unlisted)"), Method::Unlisted);
    }
}
