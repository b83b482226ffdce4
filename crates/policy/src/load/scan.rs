//! A look at the text of a policy file before Cedar parses it.
//!
//! Parsers and walkers of expressions recurse. This bounds how deep they can get, so that no file can exhaust a
//! stack, and it tells where policies begin, which Cedar does not.

/// The deepest nesting of brackets in a policy.
pub(super) const NESTING_MAX: usize = 48;
/// The most operators, accesses and `if`s in one policy: a chain of them nests as deep as it is long.
pub(super) const OPERATORS_MAX: usize = 1_500;
/// The longest policy, in bytes.
pub(super) const POLICY_BYTES_MAX: usize = 256 * 1024;

/// Why a file is not given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    Nesting,
    Operators,
    PolicyBytes,
}

/// The first place at which a policy is more than is looked at.
pub(super) fn find_excess(text: &str) -> Option<(usize, TooMuch)> {
    let mut scanner = Scanner { bytes: text.as_bytes(), place: 0 };
    let mut depth = 0_usize;
    let mut operators = 0_usize;
    let mut begin = 0_usize;
    while let Some(token) = scanner.token() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::End => {
                operators = 0;
                begin = scanner.place;
            }
            Kind::Operator => operators += 1,
            Kind::Other => {}
        }
        if NESTING_MAX < depth {
            return Some((token.place, TooMuch::Nesting));
        }
        if OPERATORS_MAX < operators {
            return Some((token.place, TooMuch::Operators));
        }
        if POLICY_BYTES_MAX < scanner.place - begin {
            return Some((begin, TooMuch::PolicyBytes));
        }
    }
    None
}

/// The first offset at or after `from` that is neither white space nor in a comment.
pub(super) fn skip_trivia(text: &str, from: usize) -> usize {
    let mut place = from;
    loop {
        let rest = text.get(place..).unwrap_or("");
        let trimmed = rest.trim_start();
        place += rest.len() - trimmed.len();
        match trimmed.strip_prefix("//") {
            None => return place,
            Some(comment) => place += 2 + comment.find('\n').unwrap_or(comment.len()),
        }
    }
}

enum Kind {
    Close,
    End,
    Open,
    Operator,
    Other,
}

struct Token {
    kind: Kind,
    place: usize,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Scanner<'_> {
    fn token(&mut self) -> Option<Token> {
        let place = self.place;
        let byte = *self.bytes.get(place)?;
        self.place += 1;
        let kind = match byte {
            b'"' => {
                self.skip_string();
                Kind::Other
            }
            b'/' if self.bytes.get(self.place) == Some(&b'/') => {
                while self.bytes.get(self.place).is_some_and(|&byte| byte != b'\n') {
                    self.place += 1;
                }
                Kind::Other
            }
            b'(' | b'[' | b'{' => Kind::Open,
            b')' | b']' | b'}' => Kind::Close,
            b';' => Kind::End,
            b'.' | b'&' | b'|' | b'+' | b'-' | b'*' | b'!' | b'<' | b'>' | b'=' | b'%' | b'/' => {
                Kind::Operator
            }
            letter if letter.is_ascii_alphabetic() || letter == b'_' => self.word(place),
            _ => Kind::Other,
        };
        Some(Token { kind, place })
    }

    fn skip_string(&mut self) {
        while let Some(&byte) = self.bytes.get(self.place) {
            self.place += 1;
            match byte {
                b'\\' => self.place += 1,
                b'"' => return,
                _ => {}
            }
        }
    }

    fn word(&mut self, begin: usize) -> Kind {
        let more = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        while self.bytes.get(self.place).is_some_and(more) {
            self.place += 1;
        }
        match self.bytes.get(begin..self.place) {
            Some(b"if" | b"then" | b"else" | b"has" | b"in" | b"is" | b"like" | b"when" | b"unless") => {
                Kind::Operator
            }
            Some(_) | None => Kind::Other,
        }
    }
}
