//! From the host and the beginning of a path to the part of the trie that holds what is declared there.

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use model::CanonicalRequest;

use super::NodeId;
use crate::compile::ApiIndex;
use crate::{BasePath, MethodSet};

/// All hosts that something is declared on.
#[derive(Debug)]
pub(crate) struct Sites {
    /// For every host, where one API has them all; then `by_host` is empty.
    pub(crate) any: Option<Site>,
    pub(crate) by_host: HashMap<Box<str>, usize, FixedState>,
    /// Hosts with the same APIs share a site.
    pub(crate) sites: Vec<Site>,
}

/// What is declared on a host.
#[derive(Debug)]
pub(crate) struct Site {
    /// The last: the shortest base path, which also has the paths that lie under none.
    pub(crate) last: Domain,
    /// The others, longest base path first.
    pub(crate) longer: Box<[Domain]>,
}

/// The APIs of one host that have the same base path.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) base: BasePath,
    pub(crate) root: NodeId,
    /// Whose the paths are that nobody declares.
    pub(crate) owner: ApiIndex,
    /// Every method that may be told of, on any of its paths.
    pub(crate) methods: MethodSet,
}

impl Sites {
    pub(crate) fn empty() -> Self {
        Self { any: None, by_host: HashMap::with_hasher(FixedState::default()), sites: Vec::new() }
    }

    /// The domain of a request; `None` where nobody answers to the host.
    #[inline]
    pub(crate) fn find(&self, request: &CanonicalRequest) -> Option<&Domain> {
        self.find_at(request.host(), request)
    }

    /// The domain of the request's path on another host.
    #[inline]
    pub(crate) fn find_at(&self, host: &str, request: &CanonicalRequest) -> Option<&Domain> {
        let site = match &self.any {
            Some(site) => site,
            None => self.sites.get(*self.by_host.get(host)?)?,
        };
        let lies_under = |domain: &&Domain| {
            let base = domain.base.segments();
            base.len() <= request.segments().len()
                && base.iter().zip(request.segments()).all(|(base, segment)| **base == *segment)
        };
        Some(site.longer.iter().find(lies_under).unwrap_or(&site.last))
    }
}
