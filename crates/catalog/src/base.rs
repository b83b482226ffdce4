//! The base path of an API: plain segments in front of every path of its document.

use std::fmt;

use crate::template::{Segment, Spanning, Template, TemplateError, parse_literal};

/// Where an API begins on its hosts: `/`, `/v1`, `/shop/v2`. Holds no parameters and ends without a slash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BasePath {
    segments: Box<[Box<str>]>,
}

/// Why a text is not a base path.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BasePathError {
    #[error("a base path must not hold parameters")]
    Parameter,
    #[error("the base path is not a path")]
    Path(#[source] TemplateError),
}

impl BasePath {
    /// The whole host.
    #[must_use]
    pub fn root() -> Self {
        Self { segments: Box::default() }
    }

    /// Reads a base path; an empty text and `/` mean the whole host, a slash at the end means nothing.
    pub fn parse(text: &str) -> Result<Self, BasePathError> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self::root());
        }
        let template = Template::parse(text, Spanning::AsWritten).map_err(BasePathError::Path)?;
        let literal = |segment: &Segment| match segment {
            Segment::Literal(text) if text.is_empty() => {
                Err(BasePathError::Path(TemplateError::EmptySegment))
            }
            Segment::Literal(text) => Ok(text.clone()),
            Segment::Affix(_) | Segment::Parameter(_) | Segment::Spanning(_) => Err(BasePathError::Parameter),
        };
        Ok(Self { segments: template.segments().iter().map(literal).collect::<Result<_, _>>()? })
    }

    /// Its segments, decoded; none for the whole host.
    #[must_use]
    pub fn segments(&self) -> &[Box<str>] {
        &self.segments
    }

    /// What of a path or template lies below it, with its leading slash; empty for the base path itself, none for a path elsewhere.
    /// Literal parts may be percent-encoded.
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.segments.iter().try_fold(path, |rest, segment| {
            let rest = rest.strip_prefix('/')?;
            let end = rest.find('/').unwrap_or(rest.len());
            let (written, rest) = rest.split_at_checked(end)?;
            let is_it = *written == **segment || parse_literal(written).is_ok_and(|text| text == *segment);
            is_it.then_some(rest)
        })
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return formatter.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| write!(formatter, "/{segment}"))
    }
}

impl fmt::Debug for BasePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BasePath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_base_paths() {
        for (text, expected) in [
            ("", Some("/")),
            ("/", Some("/")),
            ("/v1", Some("/v1")),
            ("/v1/", Some("/v1")),
            ("/shop/v2", Some("/shop/v2")),
            ("v1", None),
            ("//", None),
            ("/v1//", None),
            ("/v1/..", None),
            ("/{tenant}", None),
            ("/v1?x", None),
            ("http://a.example/v1", None),
        ] {
            let found = BasePath::parse(text).ok().map(|base| base.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_below_begins_at_a_segment() {
        for (base, path, expected) in [
            ("/", "/", Some("/")),
            ("/", "/orders", Some("/orders")),
            ("/v1", "/v1", Some("")),
            ("/v1", "/v1/", Some("/")),
            ("/v1", "/v1/orders/{id}", Some("/orders/{id}")),
            ("/v1", "/v10/orders", None),
            ("/v1", "/{version}/orders", None),
            ("/v1", "/", None),
            ("/v1", "v1/orders", None),
            ("/shop/v2", "/shop/v2/a", Some("/a")),
            ("/shop/v2", "/shop/v1/a", None),
            ("/shop/v2", "/shop", None),
            ("/caf%C3%A9", "/caf%C3%A9/menu", Some("/menu")),
            ("/caf%C3%A9", "/café/menu", Some("/menu")),
            ("/caf%C3%A9", "/caf%C3%A8/menu", None),
            ("/a", "/%61%2Fb", None),
        ] {
            let base = BasePath::parse(base).unwrap();
            assert_eq!(base.below(path), expected, "{base} {path}");
        }
    }
}
