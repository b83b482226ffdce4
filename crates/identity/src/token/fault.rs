//! Why a token is refused: a code for the record and a clause for whoever sent it.

use std::fmt;

use model::{DenyReason, Refusal};

/// Why a token is refused. Each has a code of its own in the record; the client learns which it is, which says
/// nothing about keys or other callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// The algorithm is not that of the key, or none that can be.
    Algorithm,
    /// `aud` names nobody here.
    Audience,
    /// Bound to a key or a certificate (`cnf`).
    Bound,
    /// A claim is not of its type.
    ClaimType,
    /// The client is nobody here.
    Client,
    /// An extension that must be understood and is not (`crit`, `b64`).
    Critical,
    Encrypted,
    Expired,
    /// Not a signed JWT in compact form.
    Form,
    /// `iss` is not accepted here.
    Issuer,
    /// The issuer's keys are not to be had; the only fault that is not the token's.
    KeysUnavailable,
    /// Valid for longer than its issuer may say.
    Lifetime,
    /// A claim that is required is not there.
    MissingClaim,
    NotYet,
    /// Not an access token (RFC 9068).
    Profile,
    Signature,
    TooLong,
    /// No key of the issuer has its `kid`.
    UnknownKey,
}

impl TokenFault {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Algorithm,
        Self::Audience,
        Self::Bound,
        Self::ClaimType,
        Self::Client,
        Self::Critical,
        Self::Encrypted,
        Self::Expired,
        Self::Form,
        Self::Issuer,
        Self::KeysUnavailable,
        Self::Lifetime,
        Self::MissingClaim,
        Self::NotYet,
        Self::Profile,
        Self::Signature,
        Self::TooLong,
        Self::UnknownKey,
    ];

    /// The refusal of a request that presented the token.
    #[must_use]
    pub const fn refusal(self) -> Refusal {
        let reason = match self {
            Self::Expired => DenyReason::ExpiredCredential,
            Self::KeysUnavailable => DenyReason::ApiUnavailable,
            Self::Algorithm
            | Self::Audience
            | Self::Bound
            | Self::ClaimType
            | Self::Client
            | Self::Critical
            | Self::Encrypted
            | Self::Form
            | Self::Issuer
            | Self::Lifetime
            | Self::MissingClaim
            | Self::NotYet
            | Self::Profile
            | Self::Signature
            | Self::TooLong
            | Self::UnknownKey => DenyReason::InvalidCredential,
        };
        let (code, detail) = self.told();
        Refusal::new(reason, code, detail)
    }

    /// The code and the clause.
    const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Algorithm => ("token_algorithm", "the token's algorithm is not that of its issuer's key"),
            Self::Audience => ("token_audience", "the token is for another audience"),
            Self::Bound => ("token_bound", "the token is bound to a key, and bound tokens are not supported"),
            Self::ClaimType => ("token_claim_type", "a claim of the token is not of its type"),
            Self::Client => ("token_client", "the token's client is not known here"),
            Self::Critical => ("token_critical", "the token has an extension that is not understood"),
            Self::Encrypted => ("token_encrypted", "the token is encrypted, which is not supported"),
            Self::Expired => ("token_expired", "the token has expired"),
            Self::Form => ("token_form", "what follows `Bearer` is not a signed token in compact form"),
            Self::Issuer => ("token_issuer", "the token's issuer is not accepted here"),
            Self::KeysUnavailable => {
                ("issuer_keys", "the keys of the token's issuer cannot be had at the moment")
            }
            Self::Lifetime => ("token_lifetime", "the token is valid for longer than is accepted here"),
            Self::MissingClaim => ("token_claim_missing", "the token lacks a claim that is required"),
            Self::NotYet => ("token_not_yet", "the token is not valid yet"),
            Self::Profile => {
                ("token_profile", "the token is not an access token (its `typ` is not `at+jwt`)")
            }
            Self::Signature => ("token_signature", "the token's signature does not verify"),
            Self::TooLong => ("token_too_long", "the token is too long"),
            Self::UnknownKey => ("token_key", "the token names no key of its issuer"),
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.told().1)
    }
}

impl std::error::Error for TokenFault {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_fault_has_a_code_of_its_own_and_only_missing_keys_are_not_the_token_s() {
        let codes: BTreeSet<_> = TokenFault::ALL.iter().map(|fault| fault.refusal().code()).collect();
        assert_eq!(codes.len(), TokenFault::ALL.len());
        for fault in TokenFault::ALL {
            let status = fault.refusal().reason().problem().status;
            assert_eq!(status, if *fault == TokenFault::KeysUnavailable { 503 } else { 401 }, "{fault:?}");
        }
    }
}
