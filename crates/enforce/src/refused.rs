//! A refusal as it goes to the client.

use std::borrow::Cow;
use std::time::Duration;

use catalog::{CorsCredentials, MethodSet};
use model::{CanonicalRequest, DecisionId, DenyReason, Head, Mfa, Refusal, UpstreamFailure};

use crate::limit::Budgets;
use crate::{Challenge, Evidence, limit, problem, resource};

/// The challenge of every 401: how a caller shows who it is (RFC 6750 section 3). It names no API, so that it is
/// the same for every path and host.
const CHALLENGE: &str = "Bearer realm=\"sallyport\"";
/// The same where a credential was shown and is refused.
const CHALLENGE_INVALID: &str = "Bearer realm=\"sallyport\", error=\"invalid_token\"";
/// The same where a better sign-in is asked for (RFC 9470 section 3); what is asked for follows.
const CHALLENGE_STEP_UP: &str = "Bearer realm=\"sallyport\", error=\"insufficient_user_authentication\", \
     error_description=\"a stronger or fresher sign-in is needed\"";
/// The fields of a refusal that a browser lets scripts of a declared origin read.
const EXPOSED: &str = "Sallyport-Decision-Id, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy";

/// Whether the connection can be used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Where the next request would begin is in doubt.
    Close,
    Keep,
}

/// A refusal: status, body and the fields of its own.
#[derive(Debug)]
pub struct Refused {
    pub id: DecisionId,
    /// What the client is told, which may be less than what is recorded.
    pub refusal: Option<Refusal>,
    pub status: u16,
    /// `application/problem+json`.
    pub body: String,
    /// Without `Content-Type`, `Content-Length` and `Sallyport-Decision-Id`, which every answer has.
    pub fields: Vec<(&'static str, Cow<'static, str>)>,
    pub close: Closing,
    request: Option<CanonicalRequest>,
}

/// The answer to a refusal that came up outside of [`crate::judge()`]: of a body, of a connection, of a full log.
#[must_use]
pub fn refused(id: DecisionId, refusal: &Refusal) -> Refused {
    let problem = refusal.reason().problem();
    let mut fields: Vec<(&'static str, Cow<'static, str>)> =
        vec![("Cache-Control", Cow::Borrowed("no-store"))];
    if problem.status == 401 {
        let challenge = match refusal.reason() {
            DenyReason::NoCredential => CHALLENGE,
            DenyReason::StepUp => CHALLENGE_STEP_UP,
            _ => CHALLENGE_INVALID,
        };
        fields.push(("WWW-Authenticate", Cow::Borrowed(challenge)));
    }
    if problem.status == 503 {
        fields.push(("Retry-After", Cow::Borrowed("5")));
    }
    let close = match refusal.reason() {
        DenyReason::Draining
        | DenyReason::HeadTooLarge
        | DenyReason::RequestTimeout
        | DenyReason::UnsupportedVersion => Closing::Close,
        _ => Closing::Keep,
    };
    Refused {
        id,
        refusal: Some(*refusal),
        status: problem.status,
        body: problem::write(problem, refusal.detail(), id),
        fields,
        close,
        request: None,
    }
}

/// The answer where the upstream failed after the request was allowed.
#[must_use]
pub fn failed(id: DecisionId, failure: UpstreamFailure) -> Refused {
    let problem = failure.problem();
    Refused {
        id,
        refusal: None,
        status: problem.status,
        body: problem::write(problem, problem.title, id),
        fields: vec![("Cache-Control", Cow::Borrowed("no-store"))],
        close: Closing::Keep,
        request: None,
    }
}

impl Refused {
    /// The request, for the record; absent where none was admitted.
    #[must_use]
    pub const fn request(&self) -> Option<&CanonicalRequest> {
        self.request.as_ref()
    }

    /// Gives the buffers of the request back.
    #[must_use]
    pub fn into_head(self) -> Option<Head> {
        self.request.map(CanonicalRequest::into_head)
    }

    pub(crate) fn with_request(mut self, request: CanonicalRequest) -> Self {
        self.request = Some(request);
        self
    }

    /// `Allow` (RFC 9110 section 15.5.6).
    pub(crate) fn with_allow(mut self, methods: MethodSet) -> Self {
        self.fields.push(("Allow", Cow::Owned(methods.to_string())));
        self
    }

    /// Says which sign-in would do (RFC 9470 section 3). `acr_values` are plain, as configurations are read.
    pub(crate) fn with_challenge(self, challenge: &Challenge, acr_values: &[Box<str>]) -> Self {
        let mut more = String::new();
        if challenge.mfa == Mfa::Used && !acr_values.is_empty() {
            more.push_str(&format!(", acr_values=\"{}\"", acr_values.join(" ")));
        }
        if let Some(age) = challenge.max_age {
            more.push_str(&format!(", max_age=\"{age}\""));
        }
        self.challenging(&more)
    }

    /// Says where the API's protected-resource metadata is (RFC 9728 section 5.1), with every challenge of an API that
    /// accepts access tokens.
    pub(crate) fn telling_resource(self, evidence: &Evidence, request: &CanonicalRequest) -> Self {
        match evidence.rules().and_then(|rules| resource::metadata_address(rules, request)) {
            Some(address) => self.challenging(&format!(", resource_metadata=\"{address}\"")),
            None => self,
        }
    }

    /// Adds parameters to the challenge, if there is one.
    fn challenging(mut self, more: &str) -> Self {
        for (name, value) in &mut self.fields {
            if *name == "WWW-Authenticate" {
                *value = Cow::Owned(format!("{value}{more}"));
            }
        }
        self
    }

    /// Lets a script of an origin that the API declares read the answer (Fetch standard, section 3.2). `request` is the
    /// one that `evidence` is about.
    #[must_use]
    pub fn for_browser(mut self, evidence: &Evidence, request: &CanonicalRequest) -> Self {
        let Some((origin, credentials)) = evidence.declared_origin(request) else {
            return self;
        };
        self.fields.push(("Access-Control-Allow-Origin", Cow::Owned(origin.to_owned())));
        match credentials {
            CorsCredentials::Allow => {
                self.fields.push(("Access-Control-Allow-Credentials", Cow::Borrowed("true")));
            }
            CorsCredentials::Omit => {}
        }
        self.fields.push(("Access-Control-Expose-Headers", Cow::Borrowed(EXPOSED)));
        self.fields.push(("Vary", Cow::Borrowed("Origin")));
        self
    }

    /// What is left of the caller's limits: `RateLimit` and `RateLimit-Policy`.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Option<&Budgets>) -> Self {
        let fields = budgets.into_iter().flat_map(Budgets::fields);
        self.fields.extend(fields.map(|(name, value)| (name, Cow::Owned(value))));
        self
    }

    /// `Retry-After` (RFC 9110 section 10.2.3).
    pub(crate) fn with_wait(mut self, wait: Duration) -> Self {
        self.fields.push(("Retry-After", Cow::Owned(limit::whole_seconds(wait).to_string())));
        self
    }
}
