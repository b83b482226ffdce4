//! Tests of templates: what is read, what is refused, and segments with more than one reading.

use proptest::prelude::*;

use super::affix::{Pattern, Reading, read};
use super::*;

fn canonical(text: &str) -> Result<String, TemplateError> {
    Template::parse(text, Spanning::AsWritten).map(|template| template.to_string())
}

#[test]
fn reads_what_apis_declare() {
    for (text, parameters) in [
        ("/", &[][..]),
        ("/orders", &[]),
        ("/orders/", &[]),
        ("/orders/{id}", &["id"]),
        ("/orders/{order-id}/lines/{line_id}", &["order-id", "line_id"]),
        ("/jobs/{id}:cancel", &["id"]),
        ("/{id}.json", &["id"]),
        ("/v{version}/a", &["version"]),
        ("/tiles/{lat},{lon}.png", &["lat", "lon"]),
        ("/{a}-{b}-{c}", &["a", "b", "c"]),
        ("/files/{path*}", &["path"]),
        ("/{path*}", &["path"]),
        ("/caf\u{e9}/{id}", &["id"]),
        ("/a b", &[]),
        ("/...", &[]),
        ("/{name}.{extension}", &["name", "extension"]),
        ("/{base}...{head}", &["base", "head"]),
        ("/users/@{handle}", &["handle"]),
        ("/items({id})", &["id"]),
        ("/{filter[id]}", &["filter[id]"]),
    ] {
        let template = Template::parse(text, Spanning::AsWritten).unwrap();
        assert_eq!(template.to_string(), text);
        assert_eq!(template.parameters().collect::<Vec<_>>(), parameters, "{text}");
    }
}

#[test]
fn decodes_literals_once() {
    assert_eq!(canonical("/a%20b"), Ok("/a b".into()));
    assert_eq!(canonical("/caf%C3%A9"), Ok("/caf\u{e9}".into()));
    assert_eq!(canonical("/%61"), Ok("/a".into()));
}

#[test]
fn refuses_what_no_request_can_ask_for_or_what_has_two_readings() {
    use TemplateError as E;
    let name = |name: &str| E::Name { name: name.into() };
    let character = |character| E::Character { character };
    for (text, error) in [
        ("", E::NotAbsolute),
        ("orders", E::NotAbsolute),
        ("http://a.example/x", E::NotAbsolute),
        ("//a", E::EmptySegment),
        ("/a//b", E::EmptySegment),
        ("/a//", E::EmptySegment),
        ("/a/./b", E::DotSegment),
        ("/..", E::DotSegment),
        ("/%2e%2E", E::DotSegment),
        ("/a%2fb", character('/')),
        ("/a%5cb", character('\\')),
        ("/a\\b", character('\\')),
        ("/a;b", character(';')),
        ("/a?b=c", character('?')),
        ("/a#b", character('#')),
        ("/%2561", character('%')),
        ("/a%00", character('\0')),
        ("/a\n", character('\n')),
        ("/a%c2%85", character('\u{85}')),
        ("/%ff", E::InvalidUtf8),
        ("/%c0%ae", E::InvalidUtf8),
        ("/%", E::InvalidEscape),
        ("/%4", E::InvalidEscape),
        ("/%+1", E::InvalidEscape),
        ("/{a", E::Brace),
        ("/a}", E::Brace),
        ("/a}{b}", E::Brace),
        ("/%7Ba%7D", E::Brace),
        ("/{}", name("")),
        ("/{*}", name("")),
        ("/{a b}", name("a b")),
        ("/{a/b}", name("a/b")),
        ("/{+path}", name("+path")),
        ("/{path+}", name("path+")),
        ("/{?q}", name("?q")),
        ("/{a\"b}", name("a\"b")),
        ("/{{a}}", E::Brace),
        ("/{a}{b}", E::AdjacentParameters),
        ("/x{a}{b}y", E::AdjacentParameters),
        ("/{path*}/x", E::SpanningPlace),
        ("/{path*}/", E::SpanningPlace),
        ("/{path*}.json", E::SpanningPlace),
        ("/x{path*}", E::SpanningPlace),
        ("/{a}/{a}", E::DuplicateParameter { name: "a".into() }),
        ("/{a}-{a}", E::DuplicateParameter { name: "a".into() }),
    ] {
        assert_eq!(canonical(text), Err(error), "{text:?}");
    }
}

#[test]
fn holds_its_limits() {
    let parameters = |count: usize| (0..count).map(|n| format!("/{{p{n}}}")).collect::<String>();
    assert!(canonical(&parameters(PARAMETERS_MAX)).is_ok());
    assert_eq!(canonical(&parameters(PARAMETERS_MAX + 1)), Err(TemplateError::TooManyParameters));
    assert!(canonical(&"/a".repeat(PATH_SEGMENTS_MAX)).is_ok());
    assert_eq!(canonical(&"/a".repeat(PATH_SEGMENTS_MAX + 1)), Err(TemplateError::TooManySegments));
    let long = format!("/{}", "a".repeat(TEMPLATE_BYTES_MAX));
    assert_eq!(canonical(&long), Err(TemplateError::TooLong { length: TEMPLATE_BYTES_MAX + 1 }));
    let name = |length| format!("/{{{}}}", "a".repeat(length));
    assert!(canonical(&name(PARAMETER_NAME_BYTES_MAX)).is_ok());
    assert!(canonical(&name(PARAMETER_NAME_BYTES_MAX + 1)).is_err());
}

#[test]
fn spans_by_declaration_only_where_a_whole_segment_is_last() {
    let spanning = |text| Template::parse(text, Spanning::LastParameter).map(|template| template.to_string());
    assert_eq!(spanning("/files/{path}"), Ok("/files/{path*}".into()));
    assert_eq!(spanning("/files/{path*}"), Ok("/files/{path*}".into()));
    for text in ["/files", "/files/{path}/", "/files/{path}.json", "/{path}/x", "/"] {
        assert_eq!(spanning(text), Err(TemplateError::SpanningPlace), "{text}");
    }
}

fn reading(template: &str, segment: &str) -> Result<Vec<String>, Reading> {
    let Segment::Affix(affix) = parse_segment(template).unwrap() else {
        panic!("`{template}` is no affix pattern");
    };
    let mut values = Vec::new();
    let reading =
        read(&affix.texts, segment, |start, end| values.push(segment.get(start..end).unwrap().to_owned()));
    assert_eq!(Pattern::new(&affix.texts).fits(segment), reading != Reading::None, "{template} {segment}");
    if reading == Reading::One { Ok(values) } else { Err(reading) }
}

#[test]
fn splits_segments_that_have_one_reading() {
    for (template, segment, expected) in [
        ("{id}.json", "a.json", Ok(vec!["a"])),
        ("{id}.json", "a.json.json", Ok(vec!["a.json"])),
        ("{id}.json", ".json", Err(Reading::None)),
        ("{id}.json", "a.jso", Err(Reading::None)),
        ("{id}:cancel", "7:cancel", Ok(vec!["7"])),
        ("{id}:cancel", "7:cancel2", Err(Reading::None)),
        ("v{n}", "v1", Ok(vec!["1"])),
        ("v{n}", "v", Err(Reading::None)),
        ("v{n}", "V1", Err(Reading::None)),
        ("a{n}a", "a", Err(Reading::None)),
        ("a{n}a", "aa", Err(Reading::None)),
        ("a{n}a", "aaa", Ok(vec!["a"])),
        ("{lat},{lon}", "1,2", Ok(vec!["1", "2"])),
        ("{lat},{lon}", "1,2,3", Err(Reading::Ambiguous)),
        ("{lat},{lon}", ",2", Err(Reading::None)),
        ("{lat},{lon}", "1,", Err(Reading::None)),
        ("{lat},{lon}", ",,,", Ok(vec![",", ","])),
        ("{lat},{lon}", ",,", Err(Reading::None)),
        ("{lat},{lon}", ",,,,", Err(Reading::Ambiguous)),
        ("{a}-{b}-{c}", "1-2-3", Ok(vec!["1", "2", "3"])),
        ("{a}-{b}-{c}", "1-2", Err(Reading::None)),
        ("{a}-{b}-{c}", "1-2-3-4", Err(Reading::Ambiguous)),
        ("{a}\u{e9}{b}", "\u{e8}\u{e9}\u{ea}", Ok(vec!["\u{e8}", "\u{ea}"])),
    ] {
        let expected = expected.map(|values| values.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(reading(template, segment), expected, "{template} {segment}");
    }
}

#[test]
fn more_text_comes_before_less() {
    let pattern = |text: &str| match parse_segment(text).unwrap() {
        Segment::Affix(affix) => Pattern::new(&affix.texts),
        Segment::Literal(_) | Segment::Parameter(_) | Segment::Spanning(_) => panic!("{text}"),
    };
    let ordered = ["{a}.tar.gz", "{a}:stop", "{a}.gz", "{a},{b}.b", "{a},{b}"].map(pattern);
    assert!(ordered.is_sorted(), "{ordered:?}");
    for (one, other, overlap, within) in [
        ("{a}.tar.gz", "{a}.gz", true, true),
        ("{a}.gz", "{a}.tar.gz", true, false),
        ("{a}.json", "{a}.xml", false, false),
        ("a{x}", "{x}b", true, false),
        ("ab{x}", "ac{x}", false, false),
        ("{a},{b}", "{a};{b}".replace(';', "-").as_str(), true, false),
        ("x{a},{b}", "{a},{b}", true, true),
        ("{a}a", "a{a}a", true, false),
    ] {
        assert_eq!(pattern(one).overlaps(&pattern(other)), overlap, "{one} {other}");
        assert_eq!(pattern(one).is_within(&pattern(other)), within, "{one} {other}");
    }
}

/// All ways to split `segment` by `texts` into non-empty values.
pub(crate) fn all_readings(texts: &[Box<str>], segment: &str) -> usize {
    fn split(texts: &[Box<str>], rest: &str) -> usize {
        match texts {
            [] => 0,
            [last] => usize::from(rest.len() > last.len() && rest.ends_with(&**last)),
            [text, more @ ..] => rest
                .match_indices(|_: char| true)
                .skip(1)
                .filter_map(|(place, _)| rest.get(place..)?.strip_prefix(&**text))
                .map(|after| split(more, after))
                .sum(),
        }
    }
    let [before, more @ ..] = texts else { return 0 };
    segment.strip_prefix(&**before).map_or(0, |rest| split(more, rest))
}

proptest! {
    #[test]
    fn the_canonical_text_reads_back_as_the_same_template(text in "(/|a|\\{a\\}|\\{b\\}|\\{c\\*\\}|%20|%c3%a9|\\.|-| |%|\\{|\\}){0,12}") {
        if let Ok(template) = Template::parse(&format!("/{text}"), Spanning::AsWritten) {
            prop_assert_eq!(Template::parse(&template.to_string(), Spanning::AsWritten), Ok(template));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        crate::fuzz::template(text.as_bytes());
    }

    #[test]
    fn a_segment_is_split_exactly_where_there_is_one_way(
        texts in proptest::collection::vec("[ab]{1,2}", 2..5),
        open in any::<(bool, bool)>(),
        segment in "[abc]{0,9}",
    ) {
        let mut texts: Vec<Box<str>> = texts.into_iter().map(Into::into).collect();
        if open.0 { texts[0] = "".into(); }
        if open.1 { *texts.last_mut().unwrap() = "".into(); }
        let expected = match all_readings(&texts, &segment) {
            0 => Reading::None,
            1 => Reading::One,
            _ => Reading::Ambiguous,
        };
        prop_assert_eq!(read(&texts, &segment, |_, _| {}), expected);
        prop_assert_eq!(Pattern::new(&texts).fits(&segment), expected != Reading::None);
    }
}
