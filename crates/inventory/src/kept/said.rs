//! What people say of places, in what is kept: calls that were counted under names which are values come under one parameter.

use crate::infer;
use crate::operation::{Operation, Parameter, ValueKind};
use crate::settings::{Force, Override};
use crate::states::canonical;
use crate::tree;

/// Brings an operation under the parameters that people said are at places of its path.
pub(super) fn apply(mut one: Operation, said: &[Override]) -> Operation {
    // What is nearer to the root first, since it tells of the places behind it.
    let mut parameters: Vec<&Override> =
        said.iter().filter(|one| one.force == Force::Parameter && !one.prefix.is_empty()).collect();
    parameters.sort_by_key(|one| one.prefix.matches('/').count());
    for place in parameters {
        let is_of_host = place.host.as_deref().is_none_or(|host| host == one.host);
        if is_of_host && let Some(at) = literal_at(&one.path, &place.prefix, said) {
            generalize(&mut one, at);
        }
    }
    one
}

/// Which segment of the path is a value by this override, where it stands as a name.
fn literal_at(path: &str, prefix: &str, said: &[Override]) -> Option<usize> {
    let path = canonical(path);
    let prefix = canonical(prefix);
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let wanted: Vec<&str> = prefix.trim_matches('/').split('/').collect();
    let (last, before) = wanted.split_last()?;
    let segment =
        segments.get(before.len()).filter(|segment| !segment.is_empty() && !segment.contains("{}"))?;
    let is_there = before.iter().zip(&segments).all(|(wanted, segment)| wanted == segment);
    let named = |one: &Override| {
        one.force == Force::Literal
            && canonical(&one.prefix) == format!("/{}", [before, &[*segment]].concat().join("/"))
    };
    let is_value = last == segment || (*last == "{}" && !said.iter().any(named));
    (is_there && is_value).then_some(before.len())
}

/// Puts a parameter in the place of a segment.
fn generalize(one: &mut Operation, at: usize) {
    let segments: Vec<&str> = one.path.split('/').skip(1).collect();
    let before = segments.iter().take(at).map(|segment| segment.matches('{').count()).sum::<usize>();
    let literal =
        segments.iter().take(at).rfind(|segment| !segment.contains('{')).copied().unwrap_or_default();
    let taken: Vec<String> = one.parameters.iter().map(|one| one.name.clone()).collect();
    let name = infer::parameter_name(&tree::decode(literal), taken);
    let hole = format!("{{{name}}}");
    let path: Vec<&str> = segments
        .iter()
        .enumerate()
        .map(|(place, segment)| if place == at { hole.as_str() } else { segment })
        .collect();
    one.path = format!("/{}", path.join("/"));
    // Of what a document declares the parameters are not listed.
    if before <= one.parameters.len() {
        one.parameters.insert(before, Parameter { name, kind: ValueKind::Text });
    }
    one.confidence = 1.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, said: &[(&str, Force)], expected: &str) {
        let said: Vec<Override> = said
            .iter()
            .map(|(place, force)| {
                let (host, prefix) = place.split_at(place.find('/').unwrap());
                let host = (!host.is_empty()).then(|| host.to_owned());
                Override { host, prefix: prefix.to_owned(), force: *force }
            })
            .collect();
        let mut live = crate::Live::new(crate::Kept::default(), crate::Settings::default());
        live.observe(&traffic::Alike::one(traffic::Exchange {
            host: Some("h"),
            method: "GET",
            path: "/a",
            status: Some(200),
            ..traffic::Exchange::default()
        }));
        let one = live.operations(&[]).remove(0);
        let holes = path.matches('{').count();
        let parameters =
            (0..holes).map(|number| Parameter { name: format!("p{number}"), kind: ValueKind::Text });
        let one = Operation { path: path.to_owned(), parameters: parameters.collect(), ..one };
        let found = apply(one, &said);
        assert_eq!(found.path, expected, "{path} {said:?}");
        assert_eq!(found.parameters.len(), expected.matches('{').count());
    }

    #[test]
    fn names_at_a_place_that_is_a_parameter_become_one() {
        use Force::{Literal, Parameter};
        for (path, said, expected) in [
            ("/tags/red", &[("/tags/{}", Parameter)][..], "/tags/{tag}"),
            ("/tags/red/items", &[("/tags/{}", Parameter)], "/tags/{tag}/items"),
            ("/tags/red/blue", &[("/tags/{}/{}", Parameter), ("/tags/{}", Parameter)], "/tags/{tag}/{tag2}"),
            ("/users/{p0}/red", &[("/users/{}/{}", Parameter)], "/users/{p0}/{user}"),
            ("/tags/red", &[("h/tags/{}", Parameter)], "/tags/{tag}"),
            ("/tags/red", &[("/tags/red", Parameter)], "/tags/{tag}"),
            ("/m%C3%B6bel/rot", &[("/möbel/{}", Parameter)], "/m%C3%B6bel/{möbel}"),
            // The nearest that stay: another place, host or name, what is a parameter, and what is said to be a name.
            ("/tags", &[("/tags/{}", Parameter)], "/tags"),
            ("/tags/red", &[("other/tags/{}", Parameter)], "/tags/red"),
            ("/tags/red", &[("/tags/blue", Parameter)], "/tags/red"),
            ("/tags/red", &[("/tag/{}", Parameter)], "/tags/red"),
            ("/tags/red/blue", &[("/tags/{}/{}", Parameter)], "/tags/red/blue"),
            ("/tags/{p0}", &[("/tags/{}", Parameter)], "/tags/{p0}"),
            ("/tags/{p0}.json", &[("/tags/{}", Parameter)], "/tags/{p0}.json"),
            ("/tags/red", &[("/tags/{}", Parameter), ("/tags/red", Literal)], "/tags/red"),
            ("/tags/red", &[("/tags/{}", Literal)], "/tags/red"),
        ] {
            check(path, said, expected);
        }
    }
}
