//! Why a request was refused, as a closed list, and how each reason reads on the wire.
//!
//! A reason is stable: its code stands in records and metrics, its problem type in answers and in the
//! documentation (`docs/problems/`). What differs from case to case is the refusal's `code` and `detail`,
//! which come from the one layer that refused and never hold what the client sent.

/// Why a request did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyReason {
    /// The API cannot be used: a reference in its declaration does not resolve.
    ApiUnavailable,
    /// A path parameter is not of its declared type.
    BadParameter,
    Blocked,
    BodyTooLarge,
    DisabledApplication,
    Draining,
    ExpectationUnsupported,
    ExpiredCredential,
    /// A guard (`forbid`) holds.
    Guard,
    HeadTooLarge,
    InvalidCredential,
    MalformedRequest,
    MethodNotDeclared,
    /// The TLS handshake asked for another API's host than the request does.
    Misdirected,
    MultipleCredentials,
    /// No credential was presented, and anonymous callers may not.
    NoCredential,
    NoGrant,
    NoRevision,
    /// The credential's own scopes do not cover the operation.
    OutOfScope,
    /// A policy could not be evaluated.
    PolicyFault,
    Quarantined,
    RateLimited,
    /// The decision could not be recorded and its API requires that.
    RecordUnavailable,
    RequestTimeout,
    RevokedCredential,
    StaleSnapshot,
    /// Who and what is blocked is not known.
    StopsUnreadable,
    /// Too many credentials of the caller's network were not valid.
    TooManyFailures,
    /// A grant would permit if the user had signed in with more factors or more recently (RFC 9470).
    StepUp,
    UnknownHost,
    UnknownOperation,
    UnsupportedUpgrade,
    UnsupportedVersion,
}

/// What a class of refusals looks like on the wire (RFC 9457).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The last part of the problem's `type`, and the name of its page.
    pub slug: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// What the caller can do about it.
    pub next_step: &'static str,
}

/// A refusal: the reason, and what exactly was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: DenyReason,
    code: &'static str,
    detail: &'static str,
}

impl Refusal {
    /// `code` is stable and stands in records; `detail` is a clause for the client and holds nothing it sent.
    #[must_use]
    pub const fn new(reason: DenyReason, code: &'static str, detail: &'static str) -> Self {
        Self { reason, code, detail }
    }

    /// A refusal that its reason says everything about.
    #[must_use]
    pub const fn of(reason: DenyReason) -> Self {
        Self { reason, code: reason.code(), detail: reason.problem().title }
    }

    #[must_use]
    pub const fn reason(&self) -> DenyReason {
        self.reason
    }

    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    #[must_use]
    pub const fn detail(&self) -> &'static str {
        self.detail
    }
}

macro_rules! reasons {
    ($($variant:ident = $number:literal, $code:literal, $status:literal, $title:literal, $next:literal;)+) => {
        impl DenyReason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable code in records, metrics and JSON.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code),+
                }
            }

            /// The number that entries hold; never given to another reason.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number),+
                }
            }

            /// Reads the number back.
            #[must_use]
            pub const fn of_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// How it reads on the wire.
            #[must_use]
            pub const fn problem(self) -> Problem {
                match self {
                    $(Self::$variant => Problem {
                        slug: $code,
                        status: $status,
                        title: $title,
                        next_step: $next,
                    }),+
                }
            }
        }
    };
}

reasons! {
    ApiUnavailable = 1, "api_unavailable", 503, "This API cannot be used at the moment",
        "Try again later; if it stays, tell the API's owner the decision id.";
    BadParameter = 2, "bad_parameter", 400, "A path parameter is not of its declared type",
        "Send the parameter as the API's document declares it.";
    Blocked = 3, "blocked", 403, "The caller is blocked",
        "Ask the security team, naming the decision id.";
    BodyTooLarge = 4, "body_too_large", 413, "The request body is larger than this API accepts",
        "Send a smaller body, or ask the API's owner to raise the limit.";
    DisabledApplication = 5, "disabled_application", 401, "The application is disabled",
        "Ask the application's team or the security team to enable it.";
    Draining = 6, "draining", 503, "The gateway is shutting down",
        "Try again; another instance will answer.";
    ExpectationUnsupported = 7, "expectation_unsupported", 417, "Only `Expect: 100-continue` is supported",
        "Send the request without the `Expect` field.";
    ExpiredCredential = 8, "expired_credential", 401, "The credential has expired",
        "Create or rotate the key, or get a new token, then call with the new one.";
    Guard = 9, "guard", 403, "A guard forbids this request",
        "No grant helps; ask the security team about the guard, naming the decision id.";
    HeadTooLarge = 10, "head_too_large", 431, "The request head is too large",
        "Send fewer or shorter header fields, or a shorter target.";
    InvalidCredential = 11, "invalid_credential", 401, "The credential is not valid",
        "Check the key for copying mistakes, or create a new one; a token: get a new one from its issuer.";
    MalformedRequest = 12, "malformed_request", 400, "The request is malformed or ambiguous",
        "Correct the request; see the detail.";
    MethodNotDeclared = 13, "method_not_declared", 405, "The API does not declare this method on this path",
        "Use one of the methods in `Allow`.";
    Misdirected = 45, "misdirected", 421, "This connection was made to another API's host",
        "Send the request on a connection of its own, whose TLS handshake asks for the request's host.";
    MultipleCredentials = 14, "multiple_credentials", 400, "More than one credential was presented",
        "Send exactly one credential.";
    NoCredential = 15, "no_credential", 401, "A credential is needed",
        "Send an API key, which begins with `sp_`, in `X-Api-Key` or the field that the API's owner chose for keys, or as `Authorization: Bearer KEY`.";
    NoGrant = 16, "no_grant", 403, "No grant allows this request",
        "Ask the API's owner for a grant, naming the decision id.";
    NoRevision = 17, "no_revision", 503, "The gateway has no valid policy yet",
        "Try again later; if it stays, tell the platform team.";
    OutOfScope = 18, "out_of_scope", 403, "The credential's scopes do not cover this operation",
        "Use a key whose scopes cover the operation.";
    PolicyFault = 19, "policy_fault", 403, "The policy could not be evaluated",
        "Tell the API's owner the decision id.";
    Quarantined = 20, "quarantined", 401, "The credential is quarantined",
        "Ask the security team, naming the decision id.";
    RateLimited = 21, "rate_limited", 429, "Too many requests",
        "Wait for as long as `Retry-After` says.";
    RecordUnavailable = 22, "record_unavailable", 503, "The request cannot be recorded, and this API requires that",
        "Try again later; if it stays, tell the platform team.";
    RequestTimeout = 23, "request_timeout", 408, "The request did not arrive in time",
        "Send the request again.";
    RevokedCredential = 24, "revoked_credential", 401, "The credential has been revoked",
        "Create a new key.";
    StaleSnapshot = 25, "stale_snapshot", 503, "The gateway's policy is out of date",
        "Try again later; if it stays, tell the platform team.";
    StepUp = 33, "step_up", 401, "A stronger or fresher sign-in is needed",
        "Have the user sign in again as `acr_values` and `max_age` in `WWW-Authenticate` say, then call with the new token.";
    UnknownHost = 26, "unknown_host", 404, "No API answers under this host",
        "Check the host name.";
    UnknownOperation = 27, "unknown_operation", 404, "The API declares no such operation",
        "Check path and method against the API's document.";
    UnsupportedUpgrade = 28, "unsupported_upgrade", 501, "Upgrades and CONNECT are not supported here",
        "Send a plain HTTP request.";
    UnsupportedVersion = 29, "unsupported_version", 505, "This HTTP version is not supported",
        "Use HTTP/1.1.";
    StopsUnreadable = 40, "stops_unreadable", 503, "The gateway cannot tell who is blocked",
        "Try again later; if it stays, tell the platform team.";
    TooManyFailures = 41, "too_many_failures", 429, "Too many credentials that are not valid",
        "Correct the credential, and wait for as long as `Retry-After` says.";
}

impl DenyReason {
    /// Of a decision without an operation: whether one was looked for and none matched. For any other reason nobody has
    /// looked. That anonymous callers may not call is said only after looking, and hides from them what was found.
    #[must_use]
    pub const fn is_without_operation(self) -> bool {
        match self {
            Self::MethodNotDeclared | Self::NoCredential | Self::UnknownHost | Self::UnknownOperation => true,
            Self::ApiUnavailable
            | Self::BadParameter
            | Self::Blocked
            | Self::BodyTooLarge
            | Self::DisabledApplication
            | Self::Draining
            | Self::ExpectationUnsupported
            | Self::ExpiredCredential
            | Self::Guard
            | Self::HeadTooLarge
            | Self::InvalidCredential
            | Self::MalformedRequest
            | Self::Misdirected
            | Self::MultipleCredentials
            | Self::NoGrant
            | Self::NoRevision
            | Self::OutOfScope
            | Self::PolicyFault
            | Self::Quarantined
            | Self::RateLimited
            | Self::RecordUnavailable
            | Self::RequestTimeout
            | Self::RevokedCredential
            | Self::StaleSnapshot
            | Self::StopsUnreadable
            | Self::TooManyFailures
            | Self::StepUp
            | Self::UnsupportedUpgrade
            | Self::UnsupportedVersion => false,
        }
    }

    /// Reads a reason's code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }

    /// Whether observation lets such a request pass as `would_deny` (design section 6, "mode").
    ///
    /// Only these: malformed, invalid, revoked, quarantined, blocked and rate-limited requests are always refused.
    #[must_use]
    pub const fn is_suspended_by_observation(self) -> bool {
        match self {
            Self::MethodNotDeclared
            | Self::NoCredential
            | Self::NoGrant
            | Self::StepUp
            | Self::UnknownOperation => true,
            Self::ApiUnavailable
            | Self::BadParameter
            | Self::Blocked
            | Self::BodyTooLarge
            | Self::DisabledApplication
            | Self::Draining
            | Self::ExpectationUnsupported
            | Self::ExpiredCredential
            | Self::Guard
            | Self::HeadTooLarge
            | Self::InvalidCredential
            | Self::MalformedRequest
            | Self::Misdirected
            | Self::MultipleCredentials
            | Self::NoRevision
            | Self::OutOfScope
            | Self::PolicyFault
            | Self::Quarantined
            | Self::RateLimited
            | Self::RecordUnavailable
            | Self::RequestTimeout
            | Self::RevokedCredential
            | Self::StaleSnapshot
            | Self::StopsUnreadable
            | Self::TooManyFailures
            | Self::UnknownHost
            | Self::UnsupportedUpgrade
            | Self::UnsupportedVersion => false,
        }
    }
}

/// What went wrong behind the gateway after a request was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamFailure {
    /// The connection was refused or could not be made.
    Unreachable,
    /// TLS did not come about: above all, the server could not prove that it bears its name.
    Unverified,
    /// The connection broke before the answer was whole.
    Broken,
    /// The answer was not sound HTTP.
    Malformed,
    /// The answer did not come, or did not go on, in time.
    Late,
    /// The client went away before the answer was whole.
    ClientGone,
}

impl UpstreamFailure {
    pub const ALL: [Self; 6] =
        [Self::Unreachable, Self::Unverified, Self::Broken, Self::Malformed, Self::Late, Self::ClientGone];

    /// The stable code in records, metrics and JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "upstream_unreachable",
            Self::Unverified => "upstream_unverified",
            Self::Broken => "upstream_broken",
            Self::Malformed => "upstream_malformed",
            Self::Late => "upstream_late",
            Self::ClientGone => "client_gone",
        }
    }

    /// How it reads on the wire, where an answer can still be given.
    #[must_use]
    pub const fn problem(self) -> Problem {
        let (status, title) = match self {
            Self::Unreachable => (502, "The API's server cannot be reached"),
            Self::Unverified => (502, "The API's server cannot be verified"),
            Self::Broken => (502, "The API's server broke off its answer"),
            Self::Malformed => (502, "The API's server gave an unsound answer"),
            Self::Late => (504, "The API's server did not answer in time"),
            Self::ClientGone => (499, "The client went away"),
        };
        Problem {
            slug: self.code(),
            status,
            title,
            next_step: "Try again later; if it stays, tell the API's owner the decision id.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_and_numbers_are_unique_and_read_back() {
        let codes: BTreeSet<_> = DenyReason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), DenyReason::ALL.len());
        for &reason in DenyReason::ALL {
            assert_eq!(DenyReason::of_number(reason.number()), Some(reason));
            assert_eq!(DenyReason::parse(reason.code()), Some(reason));
        }
        assert_eq!(DenyReason::of_number(0), None);
    }

    #[test]
    fn observation_never_lets_a_bad_credential_pass() {
        let suspended: Vec<_> =
            DenyReason::ALL.iter().filter(|reason| reason.is_suspended_by_observation()).collect();
        assert_eq!(
            suspended,
            [
                &DenyReason::MethodNotDeclared,
                &DenyReason::NoCredential,
                &DenyReason::NoGrant,
                &DenyReason::StepUp,
                &DenyReason::UnknownOperation
            ]
        );
    }

    /// A problem's `type` names a page of the documentation.
    #[test]
    fn every_problem_has_its_page() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/problems");
        let reasons = DenyReason::ALL.iter().map(|reason| reason.problem());
        for problem in reasons.chain(UpstreamFailure::ALL.iter().map(|failure| failure.problem())) {
            let page =
                std::fs::read_to_string(folder.join(format!("{}.md", problem.slug))).unwrap_or_default();
            for part in [problem.title, problem.next_step, &format!("urn:sallyport:problem:{}", problem.slug)]
            {
                assert!(page.contains(part), "docs/problems/{}.md does not say: {part}", problem.slug);
            }
        }
    }

    #[test]
    fn every_refusal_is_an_error_to_the_client() {
        for reason in DenyReason::ALL {
            assert!((400..=505).contains(&reason.problem().status), "{reason:?}");
        }
    }
}
