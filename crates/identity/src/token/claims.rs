//! Judges the claims of a token whose signature was verified, and puts them into our words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Application, ApplicationName, AttributeType, AttributeValue, Fingerprint, Mfa, SignIn, Timestamp, User,
};

use super::compact::Header;
use super::json::Json;
use super::{ClaimType, Issuer, Profile, TokenClient, TokenFault, Verified, VerifiedToken};

/// The longest name of a client or a user, and the longest scope or team.
pub(super) const TEXT_BYTES_MAX: usize = 256;
/// The most scopes, and the most teams.
pub(super) const WORDS_MAX: usize = 256;
/// The longest address (RFC 5321 section 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

/// Judges `claims`, which were signed by `issuer`.
pub(super) fn judge(
    issuer: &Arc<Issuer>,
    audiences: &[Box<str>],
    now: Timestamp,
    header: &Header,
    claims: &Json,
    digest: &[u8; 32],
) -> Result<VerifiedToken, TokenFault> {
    judge_profile(issuer, header, claims)?;
    judge_audience(audiences, claims)?;
    let ends = judge_times(issuer, now, claims)?;
    if issuer.required_claims.iter().any(|name| claims.member(name).is_none()) {
        return Err(TokenFault::MissingClaim);
    }
    // Whoever holds a bound token has to show the key (RFC 9449 section 7.1, RFC 8705 section 3). We cannot ask for
    // it yet, and to take it as a bearer token would undo the binding.
    if claims.member("cnf").is_some() {
        return Err(TokenFault::Bound);
    }
    let client = name(claims, &issuer.client_claim)?.ok_or(TokenFault::MissingClaim)?;
    let subject = name(claims, &issuer.user_claim)?;
    Ok(VerifiedToken {
        issuer: issuer.name.clone(),
        client: client_of(issuer, client)?,
        // A client that calls for itself has its own name as subject (RFC 9068 section 2.2).
        user: match subject.filter(|subject| *subject != client) {
            None => None,
            Some(subject) => Some(Arc::new(user_of(issuer, subject, claims)?)),
        },
        scopes: words(claims, &issuer.scope_claim)?.into(),
        scope_use: issuer.scope_use,
        sign_in: SignIn { mfa: factors_of(issuer, claims)?, time: date(claims, "auth_time")? },
        ends,
        fingerprint: Fingerprint::of_hash(digest),
        _verified: Verified,
    })
}

fn judge_profile(issuer: &Issuer, header: &Header, claims: &Json) -> Result<(), TokenFault> {
    match issuer.profile {
        Profile::Any => Ok(()),
        Profile::AccessToken => {
            let kind = header.kind.as_deref().ok_or(TokenFault::Profile)?;
            // Media types are compared without case, and `application/` may be left out (RFC 7515 section 4.1.9).
            let short = match kind.split_at_checked("application/".len()) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
                Some(_) | None => kind,
            };
            if !short.eq_ignore_ascii_case("at+jwt") {
                return Err(TokenFault::Profile);
            }
            // RFC 9068 section 2.2; `iss`, `aud` and `exp` are asked for in any case.
            match ["sub", "client_id", "iat", "jti"].iter().all(|name| claims.member(name).is_some()) {
                true => Ok(()),
                false => Err(TokenFault::MissingClaim),
            }
        }
    }
}

fn judge_audience(audiences: &[Box<str>], claims: &Json) -> Result<(), TokenFault> {
    let named = claims.member("aud").ok_or(TokenFault::Audience)?.texts().ok_or(TokenFault::ClaimType)?;
    match named.iter().any(|named| audiences.iter().any(|audience| **audience == **named)) {
        true => Ok(()),
        false => Err(TokenFault::Audience),
    }
}

/// Judges `exp`, `nbf` and `iat`; gives the point from which the token counts no more.
fn judge_times(issuer: &Issuer, now: Timestamp, claims: &Json) -> Result<Timestamp, TokenFault> {
    let expires = date(claims, "exp")?.ok_or(TokenFault::MissingClaim)?;
    let issued = date(claims, "iat")?;
    let not_before = date(claims, "nbf")?;
    let ends = expires.plus(issuer.leeway);
    if ends <= now {
        return Err(TokenFault::Expired);
    }
    let latest = now.plus(issuer.leeway);
    if [issued, not_before].into_iter().flatten().any(|begins| latest < begins) {
        return Err(TokenFault::NotYet);
    }
    if issued.is_some_and(|issued| issued.plus(issuer.lifetime_max) < expires)
        || latest.plus(issuer.lifetime_max) < expires
    {
        return Err(TokenFault::Lifetime);
    }
    Ok(ends)
}

fn client_of(issuer: &Issuer, client: &str) -> Result<TokenClient, TokenFault> {
    if let Some(listed) = issuer.clients.get(client) {
        return Ok(TokenClient::Listed(listed.clone()));
    }
    let team = issuer.team.clone().ok_or(TokenFault::Client)?;
    let name = ApplicationName::external(issuer.name.as_str(), client).map_err(|_| TokenFault::Client)?;
    Ok(TokenClient::External(Arc::new(Application { name, team, attributes: BTreeMap::new(), version: 0 })))
}

fn user_of(issuer: &Issuer, subject: &str, claims: &Json) -> Result<User, TokenFault> {
    if &*issuer.user_claim == "email" {
        judge_email(subject, claims)?;
    }
    let mut attributes = BTreeMap::new();
    for (attribute, source) in &issuer.user_attributes {
        if let Some(value) = claims.member(&source.claim) {
            attributes.insert(attribute.clone(), attribute_of(source.kind, value, claims)?);
        }
    }
    let teams = match &issuer.teams_claim {
        None => BTreeSet::new(),
        Some(claim) => words(claims, claim)?.into_iter().collect(),
    };
    Ok(User { issuer: issuer.name.clone(), name: subject.to_owned(), teams, attributes })
}

fn attribute_of(kind: ClaimType, value: &Json, claims: &Json) -> Result<AttributeValue, TokenFault> {
    match (kind, value) {
        (ClaimType::Email, Json::Text(text)) => {
            judge_email(text, claims)?;
            Ok(AttributeValue::String(text.clone()))
        }
        (ClaimType::Plain(AttributeType::Bool), Json::Bool(value)) => Ok(AttributeValue::Bool(*value)),
        (ClaimType::Plain(AttributeType::Long), Json::Integer(value)) => Ok(AttributeValue::Long(*value)),
        (ClaimType::Plain(AttributeType::String), Json::Text(text)) if is_plain(text) => {
            Ok(AttributeValue::String(text.clone()))
        }
        (ClaimType::Plain(AttributeType::StringSet), Json::List(_)) => {
            let texts = value.texts().ok_or(TokenFault::ClaimType)?;
            if WORDS_MAX < texts.len() || !texts.iter().all(|text| is_plain(text)) {
                return Err(TokenFault::ClaimType);
            }
            Ok(AttributeValue::StringSet(texts.into_iter().map(str::to_owned).collect()))
        }
        (ClaimType::Email | ClaimType::Plain(_), _) => Err(TokenFault::ClaimType),
    }
}

/// Exactly one `@` with something plain on either side, and not called unverified. Mailboxes that need quotes or
/// comments are refused: what two programs read differently names nobody (security case 64).
fn judge_email(text: &str, claims: &Json) -> Result<(), TokenFault> {
    let plain = |character: char| character.is_ascii_graphic() && !"\"(),:;<>[\\]".contains(character);
    let good = text.len() <= EMAIL_BYTES_MAX
        && text.chars().all(plain)
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    let denied = match claims.member("email_verified") {
        None | Some(Json::Bool(true)) => false,
        Some(_) => true,
    };
    if good && !denied { Ok(()) } else { Err(TokenFault::ClaimType) }
}

fn factors_of(issuer: &Issuer, claims: &Json) -> Result<Mfa, TokenFault> {
    let methods = match claims.member("amr") {
        None => Vec::new(),
        Some(methods) => methods.texts().ok_or(TokenFault::ClaimType)?,
    };
    let class = match claims.member("acr") {
        None => None,
        Some(class) => Some(class.text().ok_or(TokenFault::ClaimType)?),
    };
    let listed = |words: &[Box<str>], word: &str| words.iter().any(|known| **known == *word);
    let several = methods.iter().any(|method| listed(&issuer.mfa_amr, method))
        || class.is_some_and(|class| listed(&issuer.mfa_acr, class));
    Ok(if several { Mfa::Used } else { Mfa::NotUsed })
}

/// A claim that is a date; none where it is absent.
fn date(claims: &Json, name: &str) -> Result<Option<Timestamp>, TokenFault> {
    match claims.member(name) {
        None => Ok(None),
        Some(value) => value.date().map(Some).ok_or(TokenFault::ClaimType),
    }
}

/// A claim that names somebody; none where it is absent.
fn name<'a>(claims: &'a Json, name: &str) -> Result<Option<&'a str>, TokenFault> {
    match claims.member(name) {
        None => Ok(None),
        Some(Json::Text(text)) if !text.is_empty() && is_plain(text) => Ok(Some(text)),
        Some(_) => Err(TokenFault::ClaimType),
    }
}

/// A claim that is a list of words, or one text with spaces between them (RFC 8693 section 4.2).
fn words(claims: &Json, name: &str) -> Result<Vec<String>, TokenFault> {
    let words: Vec<&str> = match claims.member(name) {
        None => Vec::new(),
        Some(Json::Text(text)) => text.split(' ').filter(|word| !word.is_empty()).collect(),
        Some(list) => list.texts().ok_or(TokenFault::ClaimType)?,
    };
    if WORDS_MAX < words.len() || !words.iter().all(|word| is_plain(word)) {
        return Err(TokenFault::ClaimType);
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// A text without control characters, of bounded length.
fn is_plain(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control)
}
