//! A set of methods, as `Allow` and preflight answers list them.

use std::fmt;

use model::Method;

/// Methods that a path has. `Unlisted` is never in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodSet(u8);

impl MethodSet {
    /// No method.
    pub const EMPTY: Self = Self(0);

    /// Where a method stands among the listed ones; `None` for [`Method::Unlisted`].
    pub(crate) const fn place(method: Method) -> Option<usize> {
        match method {
            Method::Delete => Some(0),
            Method::Get => Some(1),
            Method::Head => Some(2),
            Method::Options => Some(3),
            Method::Patch => Some(4),
            Method::Post => Some(5),
            Method::Put => Some(6),
            Method::Trace => Some(7),
            Method::Unlisted => None,
        }
    }

    /// This set and `method`; an unlisted method changes nothing.
    #[must_use]
    pub const fn with(self, method: Method) -> Self {
        match Self::place(method) {
            Some(place) => Self(self.0 | (1 << place)),
            None => self,
        }
    }

    #[must_use]
    pub const fn contains(self, method: Method) -> bool {
        match Self::place(method) {
            Some(place) => self.0 & (1 << place) != 0,
            None => false,
        }
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::LISTED.into_iter().filter(move |method| self.contains(*method))
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        methods.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// As a field lists them: `GET, HEAD, POST`.
impl fmt::Display for MethodSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, method) in self.iter().enumerate() {
            if 0 < place {
                formatter.write_str(", ")?;
            }
            formatter.write_str(method.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_was_put_in_and_never_an_unlisted_method() {
        let set: MethodSet = [Method::Post, Method::Get, Method::Unlisted].into_iter().collect();
        assert_eq!(set.to_string(), "GET, POST");
        for method in Method::LISTED {
            assert_eq!(set.contains(method), matches!(method, Method::Get | Method::Post), "{method}");
        }
        assert!(!set.contains(Method::Unlisted));
        assert!(MethodSet::EMPTY.with(Method::Unlisted).is_empty());
    }
}
