//! Path templates: `/orders/{id}`, `/jobs/{id}:cancel`, `/tiles/{lat},{lon}.png`, `/files/{path*}`.
//!
//! A template speaks of decoded segments, as requests do, so its literals are decoded once when they are read.
//! Every parameter is non-empty; only `{name*}`, which must be the whole last segment, reaches over a slash.
//! Whatever a request could not hold (dot segments, encoded separators, `;`, …) no template can ask for.

use std::fmt;

use model::target::PATH_SEGMENTS_MAX;

pub(crate) mod affix;

/// The most parameters of one template.
pub const PARAMETERS_MAX: usize = 16;
/// The longest template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 2_048;
/// The longest name of a parameter, in bytes.
pub const PARAMETER_NAME_BYTES_MAX: usize = 64;

/// Whether the last parameter spans segments although the text does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spanning {
    /// Only `{name*}` spans.
    AsWritten,
    /// The last segment, which must be one whole parameter, spans.
    LastParameter,
}

/// A path template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Template {
    segments: Box<[Segment]>,
}

/// One segment of a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Parameters with text around or between them.
    Affix(Affix),
    /// Decoded text; empty only as the last one, for a trailing slash.
    Literal(Box<str>),
    /// A whole segment.
    Parameter(Box<str>),
    /// One segment at least, and all that follow.
    Spanning(Box<str>),
}

/// `before {p1} between {p2} … after`: one text more than there are parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Affix {
    /// Decoded; only the first and the last may be empty, and not both where there is one parameter.
    pub(crate) texts: Box<[Box<str>]>,
    pub(crate) names: Box<[Box<str>]>,
}

/// Why a text is not a path template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("two parameters stand side by side, so nothing tells where one ends")]
    AdjacentParameters,
    #[error("a brace is not closed or not opened")]
    Brace,
    #[error("the path holds {character:?}, which no path of a request can hold")]
    Character { character: char },
    #[error("`.` and `..` are refused in requests, so no operation can have them")]
    DotSegment,
    #[error("the parameter `{name}` appears twice")]
    DuplicateParameter { name: String },
    #[error("the path has an empty segment; requests with `//` are refused")]
    EmptySegment,
    #[error("a percent sign must be followed by two hexadecimal digits")]
    InvalidEscape,
    #[error("the decoded path is not UTF-8")]
    InvalidUtf8,
    #[error("`{name}` is not the name of a parameter")]
    Name { name: String },
    #[error("a path begins with `/`")]
    NotAbsolute,
    #[error("a parameter that spans segments must be the whole last segment")]
    SpanningPlace,
    #[error("the path is {length} bytes long; the limit is {TEMPLATE_BYTES_MAX}")]
    TooLong { length: usize },
    #[error("the path has more than {PARAMETERS_MAX} parameters")]
    TooManyParameters,
    #[error("the path has more than {PATH_SEGMENTS_MAX} segments")]
    TooManySegments,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str, spanning: Spanning) -> Result<Self, TemplateError> {
        if TEMPLATE_BYTES_MAX < text.len() {
            return Err(TemplateError::TooLong { length: text.len() });
        }
        let inner = text.strip_prefix('/').ok_or(TemplateError::NotAbsolute)?;
        let written: Vec<&str> = split_segments(inner);
        if PATH_SEGMENTS_MAX < written.len() {
            return Err(TemplateError::TooManySegments);
        }
        let last = written.len().saturating_sub(1);
        let mut segments = Vec::with_capacity(written.len());
        for (place, segment) in written.into_iter().enumerate() {
            if segment.is_empty() && place != last {
                return Err(TemplateError::EmptySegment);
            }
            let segment = parse_segment(segment)?;
            if matches!(segment, Segment::Spanning(_)) && place != last {
                return Err(TemplateError::SpanningPlace);
            }
            segments.push(segment);
        }
        if spanning == Spanning::LastParameter {
            make_last_span(&mut segments)?;
        }
        let template = Self { segments: segments.into() };
        template.check_names()?;
        Ok(template)
    }

    /// Its segments; never none.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters in their order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(Segment::names).map(|name| &**name)
    }

    fn check_names(&self) -> Result<(), TemplateError> {
        let names: Vec<&str> = self.parameters().collect();
        if PARAMETERS_MAX < names.len() {
            return Err(TemplateError::TooManyParameters);
        }
        for (place, name) in names.iter().enumerate() {
            if names.iter().take(place).any(|before| before == name) {
                return Err(TemplateError::DuplicateParameter { name: (*name).to_owned() });
            }
        }
        Ok(())
    }
}

impl Segment {
    fn names(&self) -> &[Box<str>] {
        match self {
            Self::Affix(affix) => &affix.names,
            Self::Literal(_) => &[],
            Self::Parameter(name) | Self::Spanning(name) => std::slice::from_ref(name),
        }
    }
}

/// Splits at slashes outside of braces, so that a slash in a name is reported as such.
fn split_segments(inner: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    inner
        .split(|character| {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == '/' && depth == 0
        })
        .collect()
}

fn make_last_span(segments: &mut [Segment]) -> Result<(), TemplateError> {
    let Some(last) = segments.last_mut() else {
        return Err(TemplateError::SpanningPlace);
    };
    let name = match last {
        Segment::Parameter(name) | Segment::Spanning(name) => std::mem::take(name),
        Segment::Affix(_) | Segment::Literal(_) => return Err(TemplateError::SpanningPlace),
    };
    *last = Segment::Spanning(name);
    Ok(())
}

fn parse_segment(segment: &str) -> Result<Segment, TemplateError> {
    let mut texts: Vec<Box<str>> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut rest = segment;
    loop {
        let Some((text, after)) = rest.split_once('{') else {
            texts.push(parse_literal(rest)?);
            break;
        };
        let (name, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
        if text.is_empty() && !names.is_empty() {
            return Err(TemplateError::AdjacentParameters);
        }
        texts.push(parse_literal(text)?);
        names.push(name);
        rest = after;
    }
    match (names.as_slice(), texts.as_mut_slice()) {
        ([], [text]) => match &**text {
            "." | ".." => Err(TemplateError::DotSegment),
            _ => Ok(Segment::Literal(std::mem::take(text))),
        },
        ([name], [before, after]) if before.is_empty() && after.is_empty() => match name.strip_suffix('*') {
            Some(name) => Ok(Segment::Spanning(parse_name(name)?)),
            None => Ok(Segment::Parameter(parse_name(name)?)),
        },
        _ if names.iter().any(|name| name.ends_with('*')) => Err(TemplateError::SpanningPlace),
        _ => {
            let names = names.into_iter().map(parse_name).collect::<Result<_, _>>()?;
            Ok(Segment::Affix(Affix { texts: texts.into(), names }))
        }
    }
}

/// A name must survive inside `{…}`, in Cedar and in a table; what other template languages put first is refused.
fn parse_name(name: &str) -> Result<Box<str>, TemplateError> {
    let refused = || TemplateError::Name { name: name.to_owned() };
    let first = name.chars().next().ok_or_else(refused)?;
    let fits = |character: char| {
        character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '$' | '@' | '[' | ']' | ':')
    };
    let begins = first.is_alphanumeric() || matches!(first, '_' | '$' | '@');
    if !begins || PARAMETER_NAME_BYTES_MAX < name.len() || !name.chars().all(fits) {
        return Err(refused());
    }
    Ok(name.into())
}

/// Decodes a literal once and refuses what a request's segment can never hold after its own decoding.
pub(crate) fn parse_literal(text: &str) -> Result<Box<str>, TemplateError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => {
                decoded.push(decode_escape(*high, *low).ok_or(TemplateError::InvalidEscape)?);
                after
            }
            (b'%', _) => return Err(TemplateError::InvalidEscape),
            (plain, _) => {
                decoded.push(*plain);
                tail
            }
        };
    }
    let decoded = String::from_utf8(decoded).map_err(|_| TemplateError::InvalidUtf8)?;
    match decoded.chars().find(|&character| !is_literal(character)) {
        Some('{' | '}') => Err(TemplateError::Brace),
        Some(character) => Err(TemplateError::Character { character }),
        None => Ok(decoded.into()),
    }
}

fn is_literal(character: char) -> bool {
    !character.is_control() && !matches!(character, '/' | '\\' | '%' | ';' | '?' | '#' | '{' | '}')
}

fn decode_escape(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

/// The canonical text: decoded literals, `{name}`, `{name*}`. It reads back as the same template.
impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| write!(formatter, "/{segment}"))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Affix(affix) => {
                let mut names = affix.names.iter();
                for text in &affix.texts {
                    formatter.write_str(text)?;
                    if let Some(name) = names.next() {
                        write!(formatter, "{{{name}}}")?;
                    }
                }
                Ok(())
            }
            Self::Literal(text) => formatter.write_str(text),
            Self::Parameter(name) => write!(formatter, "{{{name}}}"),
            Self::Spanning(name) => write!(formatter, "{{{name}*}}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
