//! Where in a request the values of an operation's parameters stand.
//!
//! Positions, not texts: nothing is copied on a match. They are meaningful for the request they were found in.

use std::borrow::Cow;
use std::fmt;

use model::CanonicalRequest;

use crate::PARAMETERS_MAX;

/// The places of all parameters of one match, in the template's order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Captures {
    places: [Place; PARAMETERS_MAX],
    length: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u8,
    pub(crate) reach: Reach,
    /// Bytes of the decoded segment; looked at only for a part.
    pub(crate) start: u16,
    pub(crate) end: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A part of one segment.
    Part,
    /// From the segment to the end of the path.
    ToTheEnd,
    /// One whole segment.
    Whole,
}

/// The value of one parameter, decoded.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    request: &'a CanonicalRequest,
    place: Place,
}

impl Captures {
    pub(crate) const EMPTY: Self = Self {
        places: [Place { segment: 0, reach: Reach::Whole, start: 0, end: 0 }; PARAMETERS_MAX],
        length: 0,
    };

    /// Adds the next place. `None` when there are too many, which no template has.
    pub(crate) fn push(&mut self, place: Place) -> Option<()> {
        *self.places.get_mut(usize::from(self.length))? = place;
        self.length += 1;
        Some(())
    }

    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.length)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The value of the parameter at `place` of the template's order. `request` is the one that was matched.
    #[must_use]
    pub fn value<'a>(&self, request: &'a CanonicalRequest, place: usize) -> Option<Captured<'a>> {
        let place = *self.places.get(..self.len())?.get(place)?;
        Some(Captured { request, place })
    }

    /// All values in the template's order.
    pub fn values<'a>(&self, request: &'a CanonicalRequest) -> impl Iterator<Item = Captured<'a>> {
        self.places.into_iter().take(self.len()).map(move |place| Captured { request, place })
    }
}

impl fmt::Debug for Captures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.places.iter().take(self.len())).finish()
    }
}

impl<'a> Captured<'a> {
    /// The value where it lies within one segment; `None` where it spans several.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        let first = self.request.segment(usize::from(self.place.segment))?;
        match self.place.reach {
            Reach::Whole => Some(first),
            Reach::Part => first.get(usize::from(self.place.start)..usize::from(self.place.end)),
            Reach::ToTheEnd if usize::from(self.place.segment) + 1 == self.request.segments().len() => {
                Some(first)
            }
            Reach::ToTheEnd => None,
        }
    }

    /// The decoded segments it is made of: one, or for a spanning parameter all that it reaches over.
    pub fn segments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (within, spanned) = match self.place.reach {
            Reach::Part | Reach::Whole => (self.as_str(), None),
            Reach::ToTheEnd => (None, Some(self.request.segments().skip(usize::from(self.place.segment)))),
        };
        within.into_iter().chain(spanned.into_iter().flatten())
    }

    /// The value as text; borrowed where it lies within one segment, joined with `/` otherwise.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        self.as_str().map_or_else(|| Cow::Owned(self.to_string()), Cow::Borrowed)
    }
}

/// The decoded segments joined with `/`; none of them can hold one.
impl fmt::Display for Captured<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, segment) in self.segments().enumerate() {
            if 0 < place {
                formatter.write_str("/")?;
            }
            formatter.write_str(segment)?;
        }
        Ok(())
    }
}
