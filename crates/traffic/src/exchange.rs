//! One request and its answer, as far as a source tells of them.

/// Whether a credential went with a request, as the source shows it and not as a header's mere presence suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Credential {
    /// The source does not show credentials, so nothing follows from the absence of one.
    #[default]
    NotShown,
    /// The source shows all headers, and none of them, nor the query, carried a credential.
    Absent,
    /// One was sent; nobody says that it was checked.
    Sent,
    /// Whoever wrote the record had verified it; a name in a log alone does not show that.
    Verified,
}

/// On which side of the API the source stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Side {
    /// Before the service: a proxy's log, a server span, our own log.
    #[default]
    Server,
    /// Behind a caller: a browser's HAR, a client span. The host may be a third party's.
    Client,
}

/// The content of a message, where the source kept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// The media type as declared, parameters included; empty where none was.
    pub media_type: &'a str,
    /// The text. Base64 is decoded by the reader; bytes that are no text are left out.
    pub text: &'a str,
}

/// One request and its answer.
///
/// All text is as it was on the wire with two exceptions: escapes of the source's own format are undone, and bytes outside
/// of ASCII in a path or query are percent-encoded, so that the same request reads alike in every format. Nothing here is decoded,
/// normalised or judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exchange<'a> {
    /// When the request began or, where a format only has that, ended: milliseconds since 1970 in UTC.
    pub at: Option<i64>,
    /// The host as asked for, in lower case, without a port that the scheme implies. None where the source has no host.
    pub host: Option<&'a str>,
    /// The method, as written.
    pub method: &'a str,
    /// The path of the target with its leading slash, percent-encoding as sent, without query and fragment.
    pub path: &'a str,
    /// The query without its question mark. None where the target had no question mark.
    pub query: Option<&'a str>,
    /// The status answered. None where there was no answer or the source does not say.
    pub status: Option<u16>,
    /// Bytes received from the client.
    pub bytes_in: Option<u64>,
    /// Bytes sent to the client.
    pub bytes_out: Option<u64>,
    /// How long it took, in microseconds.
    pub duration: Option<u64>,
    /// The media type of the request's body.
    pub request_type: Option<&'a str>,
    /// The media type of the answer's body.
    pub response_type: Option<&'a str>,
    /// The address of the client as text: what the source takes for it, else its peer.
    pub client: Option<&'a str>,
    /// The `User-Agent`.
    pub agent: Option<&'a str>,
    /// Who called by the source's account: the user of a log, the subject of a token, the service of a span. A claim, unless the
    /// credential is [`Credential::Verified`].
    pub caller: Option<&'a str>,
    /// Whether the request carried a credential.
    pub credential: Credential,
    /// The template that the service itself matched: `http.route` of a span, a route's name in that form.
    pub route: Option<&'a str>,
    /// On which side the source stood.
    pub side: Side,
    /// The answer carried a `Deprecation` header (RFC 9745).
    pub deprecated: bool,
    /// The source itself answered, such as a gateway that refuses, and the service was not asked.
    pub own_answer: bool,
    /// The date of a `Sunset` header (RFC 8594): milliseconds since 1970 in UTC.
    pub sunset: Option<i64>,
    /// The request's body.
    pub request_body: Option<Body<'a>>,
    /// The answer's body.
    pub response_body: Option<Body<'a>>,
}
