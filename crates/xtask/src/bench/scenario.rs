//! What is measured: which requests go in, and what the peer beside the gateway does with the same ones.

use std::fmt;
use std::str::FromStr;

use super::directory::{Directory, Grant};
use super::load::Request;
use super::nginx::BODY_BYTES;

/// How many different requests are sent in turn.
const PREPARED: usize = 1_000;

/// A browser's head, as one sends it to its own site.
const BROWSER: &str = "\
Connection: keep-alive\r\n\
sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
sec-ch-ua-platform: \"Linux\"\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
Accept: application/json, text/plain, */*\r\n\
Origin: https://shop.example.com\r\n\
Sec-Fetch-Site: same-site\r\n\
Sec-Fetch-Mode: cors\r\n\
Sec-Fetch-Dest: empty\r\n\
Referer: https://shop.example.com/orders/overview?page=2\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
Cookie: session=5f0d8b2c9e7a41d3b6f2; theme=dark; consent=v2.necessary.analytics; _ga=GA1.1.1234567890.1761000000\r\n\
Cache-Control: no-cache\r\n\
Pragma: no-cache\r\n";

const PLAIN: &str = "User-Agent: bench/1\r\nAccept: application/json\r\n";

/// One row of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    /// Anonymous calls that a policy permits.
    PassThrough,
    /// The same with a browser's head.
    PassThroughBrowserHead,
    /// A key of many, an operation of many, policies, a limit that never fires, both entries of the record.
    WholePath,
}

impl Scenario {
    pub(crate) const ALL: &[Self] = &[Self::PassThrough, Self::PassThroughBrowserHead, Self::WholePath];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PassThrough => "pass-through",
            Self::PassThroughBrowserHead => "pass-through-browser-head",
            Self::WholePath => "whole-path",
        }
    }

    /// Instructions and system calls that must be reached, and instructions that are aimed at.
    pub(super) fn targets(self) -> (f64, f64, f64) {
        match self {
            Self::PassThrough => (15_000.0, 4.5, 11_000.0),
            Self::PassThroughBrowserHead => (23_000.0, 4.5, 16_000.0),
            Self::WholePath => (28_000.0, 4.5, 20_000.0),
        }
    }

    /// The requests that are sent in turn. All of them are allowed.
    pub(crate) fn requests(self, directory: &Directory) -> Vec<Request> {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        (0..PREPARED)
            .map(|number| {
                let Grant { host, path, key } = directory.grant(&mut |limit| random.below(limit));
                let path = path.replace("{id}", &format!("{}", 100_000 + number));
                let key = key.map_or_else(String::new, |key| format!("X-Api-Key: {key}\r\n"));
                let fields = match self {
                    Self::PassThrough | Self::WholePath => PLAIN,
                    Self::PassThroughBrowserHead => BROWSER,
                };
                let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}{key}\r\n");
                Request { bytes: text.into_bytes(), status: 200, length: Some(BODY_BYTES) }
            })
            .collect()
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no scenario.
#[derive(Debug)]
pub(crate) struct UnknownScenario(String);

impl fmt::Display for UnknownScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Scenario::ALL.iter().map(|scenario| scenario.name()).collect();
        write!(f, "no scenario `{}`; there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownScenario {}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|scenario| scenario.name() == text);
        found.ok_or_else(|| UnknownScenario(text.into()))
    }
}

/// Numbers that look random and are the same in every run (xorshift).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.0 >> 16) % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse::<Scenario>().unwrap(), *scenario);
        }
        assert!("whole".parse::<Scenario>().is_err());
    }

    #[test]
    fn every_request_is_a_whole_head() {
        let directory = Directory::of_nothing();
        for scenario in Scenario::ALL {
            for request in scenario.requests(&directory) {
                let text = String::from_utf8(request.bytes).unwrap();
                assert!(text.starts_with("GET /") && text.ends_with("\r\n\r\n"), "{text}");
                assert_eq!(text.matches("\r\n\r\n").count(), 1, "{text}");
                assert!(!text.replace("\r\n", "").contains('\n'), "{text}");
            }
        }
    }
}
