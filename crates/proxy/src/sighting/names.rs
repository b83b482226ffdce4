//! Names of query parameters, counted without their values.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Distinct names that a worker holds.
const NAMES_MAX: usize = 1_024;
/// Names that are counted of a kind of calls.
const COUNTED_MAX: usize = 32;
/// Parts of a query that are looked at.
const PARTS_MAX: usize = 64;
/// The longest name.
const NAME_BYTES_MAX: usize = 60;

/// Names by their hashes. Two with one hash count as one; who arranges that hides a name of their own.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<u64, Box<str>, FixedState>);

/// How many calls had which names, by hash.
#[derive(Debug, Default)]
pub(super) struct Counts(Vec<(u64, u32)>);

/// Calls that are handed over together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) calls: u32,
    pub(super) is_bare: bool,
}

impl Counts {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Names {
    /// Counts the names in a query. What has no `=` may be a value and is none.
    #[inline]
    pub(super) fn count(&mut self, query: &[u8], counts: &mut Counts) {
        each(query, |hash, name| match counts.0.iter_mut().find(|known| known.0 == hash) {
            Some(known) => known.1 = known.1.saturating_add(1),
            None => self.add(hash, name, counts),
        });
    }

    #[cold]
    fn add(&mut self, hash: u64, name: &[u8], counts: &mut Counts) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        let has_room = self.0.len() < NAMES_MAX || self.0.contains_key(&hash);
        if has_room && counts.0.len() < COUNTED_MAX && name.len() <= NAME_BYTES_MAX {
            self.0.entry(hash).or_insert_with(|| name.into());
            counts.0.push((hash, 1));
        }
    }

    /// Forgets all names where there was no room for more. No counts may be kept over it.
    pub(super) fn renew(&mut self) {
        if NAMES_MAX <= self.0.len() {
            self.0.clear();
        }
    }

    /// Calls in shares whose names add up to what was counted, as queries without values: `bare` calls, then `rest` others.
    pub(super) fn layers(&self, counts: &Counts, rest: u32, bare: u32) -> Vec<(Share, String)> {
        let mut names: Vec<(u32, &str)> = counts
            .0
            .iter()
            .filter_map(|(hash, count)| Some(((*count).min(rest.saturating_add(bare)), &**self.0.get(hash)?)))
            .collect();
        names.sort_unstable_by(|one, other| (other.0, one.1).cmp(&(one.0, other.1)));
        let joined = |names: &[(u32, &str)]| {
            names.iter().map(|(_, name)| format!("{name}=")).collect::<Vec<_>>().join("&")
        };
        let mut layers = Vec::new();
        if 0 < bare {
            // What more calls had than there are others, the bare ones had.
            let all: Vec<(u32, &str)> = names.iter().copied().filter(|(count, _)| rest < *count).collect();
            layers.push((Share { calls: bare, is_bare: true }, joined(&all)));
        }
        // From the names that few calls had to those that all had: each share has what is more frequent as well.
        let mut told = 0;
        for place in (0..=names.len()).rev() {
            let had =
                place.checked_sub(1).and_then(|last| names.get(last)).map_or(rest, |one| one.0.min(rest));
            if told < had {
                let named = names.get(..place).unwrap_or_default();
                layers.push((Share { calls: had - told, is_bare: false }, joined(named)));
                told = had;
            }
        }
        layers
    }
}

/// The names of a query as a query without values.
pub(super) fn of(query: &[u8]) -> String {
    let mut names = String::new();
    let mut count = 0;
    each(query, |_, name| {
        let Ok(name) = std::str::from_utf8(name) else { return };
        if count < COUNTED_MAX && name.len() <= NAME_BYTES_MAX {
            count += 1;
            if !names.is_empty() {
                names.push('&');
            }
            names.push_str(name);
            names.push('=');
        }
    });
    names
}

/// Gives each name with a hash of it, in one pass over the query.
#[inline]
fn each(query: &[u8], mut take: impl FnMut(u64, &[u8])) {
    let mut rest = query;
    for _ in 0..PARTS_MAX {
        // FNV-1a, since names are short and the bytes are looked at one by one anyway.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let end = rest.iter().position(|byte| {
            let ends = matches!(byte, b'=' | b'&');
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            ends
        });
        let Some((name, behind)) = end.and_then(|end| rest.split_at_checked(end)) else { return };
        if behind.first() == Some(&b'=') && !name.is_empty() {
            take(hash, name);
        }
        let Some(next) = behind.iter().position(|byte| *byte == b'&') else { return };
        rest = behind.get(next + 1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(queries: &[&str]) -> (Names, Counts) {
        let (mut names, mut counts) = (Names::default(), Counts::default());
        for query in queries {
            names.count(query.as_bytes(), &mut counts);
        }
        (names, counts)
    }

    #[test]
    fn shares_add_up_to_what_was_counted() {
        for (queries, bare, expected) in [
            (&["a=1&b=2", "a=3", ""][..], 0, "1 a=&b=; 1 a=; 1 "),
            (&["a=1", "a=2"], 0, "2 a="),
            (&["a=1", "a=2"], 1, "1! a=; 1 a="),
            (&["a=1", ""], 1, "1! ; 1 a="),
            (&["", ""], 0, "2 "),
            (&["", ""], 2, "2! "),
            (&["a=1&a=2&a=3"], 0, "1 a="),
            (&["b=1&a=1", "c=1", "c=1&b=7"], 0, "1 b=&c=&a=; 1 b=&c=; 1 "),
            (&["secret", "&=x&", "a&b=1&c", "%zz=1"], 0, "1 %zz=&b=; 3 "),
        ] {
            let (names, counts) = counted(queries);
            let rest = u32::try_from(queries.len()).unwrap() - bare;
            let layers = names.layers(&counts, rest, bare);
            let line = |(share, names): &(Share, String)| {
                format!("{}{} {names}", share.calls, if share.is_bare { "!" } else { "" })
            };
            assert_eq!(layers.iter().map(line).collect::<Vec<_>>().join("; "), expected, "{queries:?}");
        }
    }

    #[test]
    fn of_a_query_the_names_go_and_no_value() {
        for (query, expected) in [
            ("page=1&token=canary", "page=&token="),
            ("canary", ""),
            ("", ""),
            ("a=b=c&d", "a="),
            ("a=?&b", "a="),
        ] {
            assert_eq!(of(query.as_bytes()), expected, "{query}");
        }
        assert_eq!(of(b"\xff=1&a=1"), "a=");
    }

    #[test]
    fn what_callers_choose_is_bounded() {
        let long = "n".repeat(NAME_BYTES_MAX);
        assert_eq!(of(format!("{long}=1").as_bytes()), format!("{long}="));
        assert_eq!(of(format!("{long}n=1&a=1").as_bytes()), "a=");
        let many: String = (0..100).map(|number| format!("n{number}=&")).collect();
        let (mut names, mut counts) = counted(&[&many]);
        assert_eq!((counts.0.len(), names.0.len()), (COUNTED_MAX, COUNTED_MAX));
        assert_eq!(of(many.as_bytes()).matches('=').count(), COUNTED_MAX);
        for number in 0..2 * NAMES_MAX {
            names.count(format!("m{number}=").as_bytes(), &mut Counts::default());
        }
        assert_eq!(names.0.len(), NAMES_MAX);
        // A name that is known finds room in another kind, one that is new does not until all is handed over.
        counts.clear();
        names.count(b"n0=&new=", &mut counts);
        assert_eq!(names.layers(&counts, 1, 0).remove(0).1, "n0=");
        counts.clear();
        names.renew();
        names.count(b"n0=&new=", &mut counts);
        assert_eq!(names.layers(&counts, 1, 0).remove(0).1, "n0=&new=");
        let deep = format!("{}a=1", "&".repeat(PARTS_MAX));
        assert_eq!(of(deep.as_bytes()), "");
        assert_eq!(of(&deep.as_bytes()[1..]), "a=");
    }
}
