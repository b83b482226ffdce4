//! Methods that can be operations.

/// A method by its place in [`NAMES`]. Other words are noise: a service that answers them 2xx ignores the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Method(u8);

/// RFC 9110, RFC 5789 (`PATCH`), RFC 4918 (WebDAV), RFC 3253 (`REPORT`), RFC 3744 (`ACL`), RFC 5323 (`SEARCH`), and `QUERY`, which is still a draft.
const NAMES: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "ACL",
];

impl Method {
    pub(crate) const GET: Self = Self(0);
    pub(crate) const HEAD: Self = Self(1);
    pub(crate) const OPTIONS: Self = Self(6);

    /// The method of this name; names are case-sensitive (RFC 9110, section 9.1).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let place = NAMES.iter().position(|name| *name == text)?;
        u8::try_from(place).ok().map(Self)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("GET")
    }

    /// One bit a method, for sets.
    pub(crate) fn bit(self) -> u32 {
        1 << self.0
    }
}
