//! Finding the operation of a request.
//!
//! The host names a site, the longest base path on it a domain, and the domain's trie the path. At each segment
//! a literal child is tried first, then the patterns with text (more text first), then the parameter, then the
//! one that spans; where the rest of the path does not fit, the next is tried. The path decides alone: once it
//! is found, a method that is not declared on it ends the search, so no template ever gets a path that a more
//! special declaration describes. Paths are compared segment by segment, decoded, with case.
//!
//! INVARIANT: a trie is a tree, so a search visits each node once at most, and compiling refuses tries in which
//! a search could visit more than [`crate::compile::MATCH_VISITS_MAX`]. Nothing here allocates.

mod sites;
mod trie;

use model::{CanonicalRequest, Method};

pub(crate) use sites::{Domain, Site, Sites};
pub(crate) use trie::{Endpoint, Literals, Node, NodeId, Trie};

use crate::captures::{Place, Reach};
use crate::compile::{ApiIndex, Catalog, OperationIndex};
use crate::template::Segment;
use crate::template::affix::{self, Reading};
use crate::{Captures, MethodSet, Template};

/// What a request means to the catalogue. Only [`Match::Found`] can lead to an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Found(Found),
    /// The path is declared, the method on it is not. `allow` is empty where one of the operations on the path is
    /// hidden, and then the answer must look like that to an unknown operation, as that to the hidden one does.
    MethodNotDeclared {
        api: ApiIndex,
        allow: MethodSet,
    },
    /// No API answers to the host.
    UnknownHost,
    /// `api` does not declare the path. Of the APIs on the host it is the one with the longest base path that the
    /// path lies under; where it lies under none, the one with the shortest; among equals the first by name.
    UnknownOperation {
        api: ApiIndex,
    },
}

/// An operation that was found, and where its parameters stand in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub api: ApiIndex,
    pub operation: OperationIndex,
    pub captures: Captures,
}

impl Match {
    /// The API that the request belongs to.
    #[must_use]
    pub const fn api(&self) -> Option<ApiIndex> {
        match self {
            Self::Found(Found { api, .. })
            | Self::MethodNotDeclared { api, .. }
            | Self::UnknownOperation { api } => Some(*api),
            Self::UnknownHost => None,
        }
    }
}

impl Catalog {
    /// The methods that the APIs declare which a request can belong to by its host and the beginning of its path; not
    /// those of hidden operations alone.
    pub(crate) fn methods_near(&self, request: &CanonicalRequest) -> MethodSet {
        self.sites.find(request).map_or(MethodSet::EMPTY, |domain| domain.methods)
    }

    /// The API that the request would belong to if it named `host`, in lower case.
    #[must_use]
    pub fn api_at(&self, host: &str, request: &CanonicalRequest) -> Option<ApiIndex> {
        let domain = self.sites.find_at(host, request)?;
        Some(self.trie.find(domain.root, request).map_or(domain.owner, |endpoint| endpoint.api))
    }

    /// Finds the operation of a request. HEAD is GET's operation where the path has none of its own.
    #[must_use]
    pub fn find(&self, request: &CanonicalRequest) -> Match {
        let Some(domain) = self.sites.find(request) else {
            return Match::UnknownHost;
        };
        let Some(endpoint) = self.trie.find(domain.root, request) else {
            return Match::UnknownOperation { api: domain.owner };
        };
        let method = request.method();
        let of_get = if method == Method::Head { endpoint.operation(Method::Get) } else { None };
        let Some(operation) = endpoint.operation(method).or(of_get) else {
            return Match::MethodNotDeclared { api: endpoint.api, allow: endpoint.allow() };
        };
        let captures = self
            .operation(operation)
            .and_then(|found| found.captures.or_else(|| capture(&found.template, request)));
        match captures {
            Some(captures) => Match::Found(Found { api: endpoint.api, operation, captures }),
            // A segment can be split in two ways: the path belongs to this operation and yet means none.
            None => Match::UnknownOperation { api: endpoint.api },
        }
    }
}

/// Where the parameters of a template stand in every request that fits; `None` where that depends on the request.
pub(crate) fn fixed_captures(template: &Template) -> Option<Captures> {
    let mut captures = Captures::EMPTY;
    for (place, segment) in (0_u8..).zip(template.segments()) {
        match segment {
            Segment::Affix(_) => return None,
            Segment::Literal(_) => {}
            Segment::Parameter(_) => {
                captures.push(Place { segment: place, reach: Reach::Whole, start: 0, end: 0 })?;
            }
            Segment::Spanning(_) => {
                captures.push(Place { segment: place, reach: Reach::ToTheEnd, start: 0, end: 0 })?;
            }
        }
    }
    Some(captures)
}

/// Where the parameters of a template that fits stand in a request; `None` where that has two answers.
#[cold]
fn capture(template: &Template, request: &CanonicalRequest) -> Option<Captures> {
    let mut captures = Captures::EMPTY;
    for (place, segment) in (0_u8..).zip(template.segments()) {
        match segment {
            Segment::Affix(pattern) => {
                let text = request.segment(usize::from(place))?;
                let mut pushed = Some(());
                let reading = affix::read(&pattern.texts, text, |start, end| {
                    let next = within(place, start, end).and_then(|found| captures.push(found));
                    pushed = pushed.and(next);
                });
                match reading {
                    Reading::One => pushed?,
                    Reading::Ambiguous | Reading::None => return None,
                }
            }
            Segment::Literal(_) => {}
            Segment::Parameter(_) => {
                captures.push(Place { segment: place, reach: Reach::Whole, start: 0, end: 0 })?;
            }
            Segment::Spanning(_) => {
                captures.push(Place { segment: place, reach: Reach::ToTheEnd, start: 0, end: 0 })?;
            }
        }
    }
    Some(captures)
}

fn within(segment: u8, start: usize, end: usize) -> Option<Place> {
    let (start, end) = (u16::try_from(start).ok()?, u16::try_from(end).ok()?);
    Some(Place { segment, reach: Reach::Part, start, end })
}

#[cfg(test)]
pub(crate) mod tests;
