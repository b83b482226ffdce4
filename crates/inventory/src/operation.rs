//! What the inventory says.

use std::fmt;

use crate::classes::DataClass;

/// The form of a parameter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// IP or MAC address.
    Address,
    /// `true` or `false`.
    Boolean,
    /// A short code of letters and digits.
    Code,
    /// Numbers parted by commas, such as latitude and longitude.
    Coordinates,
    /// ISO 3166-1 alpha-2.
    Country,
    /// ISO 4217.
    Currency,
    /// `PREFIX:0000001`.
    Curie,
    /// A day.
    Date,
    /// A moment (RFC 3339).
    DateTime,
    /// A host name.
    Domain,
    /// An address of electronic mail.
    Email,
    /// A name with an ending.
    FileName,
    /// Hexadecimal digits of a length that no other form has.
    Hexadecimal,
    /// 32, 40, 64, 96 or 128 hexadecimal digits.
    Hash,
    /// Digits.
    Integer,
    /// A KSUID.
    Ksuid,
    /// A language, with or without region (BCP 47).
    Locale,
    /// A year and a month.
    Month,
    /// A decimal number.
    Number,
    /// 24 hexadecimal digits.
    ObjectId,
    /// E.164.
    Phone,
    /// An id behind a short word, such as `cus_4fj2...`.
    PrefixedId,
    /// A cloud region.
    Region,
    /// Anything else.
    Text,
    /// Letters and digits that no person chose.
    Token,
    /// A ULID.
    Ulid,
    /// A UUID with dashes.
    Uuid,
    /// A version such as `1.2.3` or `v2`.
    Version,
}

impl ValueKind {
    /// All of them.
    const ALL: [Self; 28] = [
        Self::Address,
        Self::Boolean,
        Self::Code,
        Self::Coordinates,
        Self::Country,
        Self::Currency,
        Self::Curie,
        Self::Date,
        Self::DateTime,
        Self::Domain,
        Self::Email,
        Self::FileName,
        Self::Hexadecimal,
        Self::Hash,
        Self::Integer,
        Self::Ksuid,
        Self::Locale,
        Self::Month,
        Self::Number,
        Self::ObjectId,
        Self::Phone,
        Self::PrefixedId,
        Self::Region,
        Self::Text,
        Self::Token,
        Self::Ulid,
        Self::Uuid,
        Self::Version,
    ];

    /// The form of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Boolean => "boolean",
            Self::Code => "code",
            Self::Coordinates => "coordinates",
            Self::Country => "country",
            Self::Currency => "currency",
            Self::Curie => "curie",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Domain => "domain",
            Self::Email => "email",
            Self::FileName => "file-name",
            Self::Hexadecimal => "hexadecimal",
            Self::Hash => "hash",
            Self::Integer => "integer",
            Self::Ksuid => "ksuid",
            Self::Locale => "locale",
            Self::Month => "month",
            Self::Number => "number",
            Self::ObjectId => "object-id",
            Self::Phone => "phone",
            Self::PrefixedId => "prefixed-id",
            Self::Region => "region",
            Self::Text => "text",
            Self::Token => "token",
            Self::Ulid => "ulid",
            Self::Uuid => "uuid",
            Self::Version => "version",
        }
    }
}

/// One parameter of a template, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name between the braces; distinct within a template.
    pub name: String,
    /// The form of the values seen.
    pub kind: ValueKind,
}

/// How often a status was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusCount {
    /// The status; zero where the source does not say.
    pub status: u16,
    /// How often.
    pub count: u64,
}

/// Who called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Callers {
    /// How many distinct callers: exact below 16, else an estimate with a standard error of about a quarter.
    pub estimate: u64,
    /// Some of them: names by the source's account, else addresses.
    pub sample: Vec<String>,
    /// Requests whose caller the source named, of [`Operation::count`].
    pub named: u64,
}

/// One ground for the confidence in an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The segment it is about, counted from 0; none for the whole.
    pub segment: Option<usize>,
    /// In words.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.segment {
            Some(segment) => write!(formatter, "segment {}: {}", segment.saturating_add(1), self.text),
            None => formatter.write_str(&self.text),
        }
    }
}

/// Where in an exchange data was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataPlace {
    /// In the path. The field is the segment before it.
    Path,
    /// In the query.
    Query,
    /// In the request's body.
    Request,
    /// In the answer's body.
    Response,
}

impl DataPlace {
    /// The name in outputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Request => "request",
            Self::Response => "response",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Path, Self::Query, Self::Request, Self::Response]
            .into_iter()
            .find(|place| place.name() == name)
    }
}

/// A class of data that a field held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataField {
    /// The class.
    pub class: DataClass,
    /// Where.
    pub place: DataPlace,
    /// The field, such as `customer.addresses[].phone`; empty for a body that has none.
    pub field: String,
    /// In how many exchanges.
    pub count: u64,
}

/// A method and a path template that answered at least once with success.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The host; empty where the source has none.
    pub host: String,
    /// The method.
    pub method: &'static str,
    /// The template, such as `/users/{userId}/orders`; literal parts are percent-encoded where a path needs it.
    pub path: String,
    /// The parameters of `path`, in its order.
    pub parameters: Vec<Parameter>,
    /// All requests that belong to it, refused and failed ones included.
    pub count: u64,
    /// Those of them that were answered with success (2xx, 304).
    pub succeeded: u64,
    /// How often each status was answered, ascending by status.
    pub statuses: Vec<StatusCount>,
    /// Milliseconds since 1970 in UTC of the first success.
    pub first_seen: Option<i64>,
    /// Milliseconds since 1970 in UTC of the last success.
    pub last_seen: Option<i64>,
    /// Who called with success.
    pub callers: Callers,
    /// How sure it is that this template exists, from 0 to 1.
    pub confidence: f64,
    /// Why, the weightiest doubts first.
    pub reasons: Vec<Reason>,
    /// Paths that were seen, at most `Limits::examples`.
    pub examples: Vec<String>,
    /// Media types answered, at most four.
    pub content_types: Vec<String>,
    /// 2xx answers to requests of which the source shows that they carried no credential.
    pub open_successes: u64,
    /// 2xx answers to requests whose credential had been verified.
    pub verified_successes: u64,
    /// 2xx answers to requests of which neither is known.
    pub untold_successes: u64,
    /// Successes that were seen from the caller's side.
    pub client_side: u64,
    /// Answers with a `Deprecation` header.
    pub deprecated: u64,
    /// The earliest `Sunset` that was answered, in milliseconds since 1970 in UTC.
    pub sunset: Option<i64>,
    /// Whether `http.route` gave the template.
    pub from_route: bool,
    /// Of `statuses` those that the source itself answered, such as the refusals of a gateway, and not the service.
    pub own_statuses: Vec<StatusCount>,
    /// Media types of requests that were answered with success, at most four. Empty where the source does not tell them, too.
    pub request_types: Vec<String>,
    /// Names of query parameters of requests that succeeded, with how many had them; ascending. What reads like a value is `{}`.
    pub query: Vec<(String, u64)>,
    /// Classes of data in bodies, ascending. Empty where no body was seen, too.
    pub data: Vec<DataField>,
}

impl Operation {
    /// What traffic proves of credentials, never what the presence of a field suggests: `open`, `verified only` or `not tested`.
    #[must_use]
    pub const fn auth(&self) -> &'static str {
        if 0 < self.open_successes {
            "open"
        } else if 0 < self.verified_successes && self.untold_successes == 0 {
            "verified only"
        } else {
            "not tested"
        }
    }
}
