//! The numbers that entries hold for the words of the domain. A number is never given to another word.

use model::{DenyReason, Strength, UpstreamFailure, Verdict};

use crate::bytes::DecodeError;
use crate::{Carried, LossCause, Outcome};

pub(crate) const fn of_verdict(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allowed => 1,
        Verdict::Denied => 2,
        Verdict::SteppedUp => 3,
        Verdict::WouldDeny => 4,
        Verdict::WouldStepUp => 5,
    }
}

pub(crate) fn verdict(number: u8) -> Result<Verdict, DecodeError> {
    Verdict::ALL.into_iter().find(|&verdict| of_verdict(verdict) == number).ok_or(DecodeError::Code)
}

pub(crate) fn of_reason(reason: Option<DenyReason>) -> u8 {
    reason.map_or(0, DenyReason::number)
}

pub(crate) fn reason(number: u8) -> Result<Option<DenyReason>, DecodeError> {
    match number {
        0 => Ok(None),
        number => DenyReason::of_number(number).map(Some).ok_or(DecodeError::Code),
    }
}

pub(crate) const fn of_mode(mode: Carried) -> u8 {
    match mode {
        Carried::Enforced => 1,
        Carried::Observed => 2,
    }
}

pub(crate) const fn mode(number: u8) -> Result<Carried, DecodeError> {
    match number {
        1 => Ok(Carried::Enforced),
        2 => Ok(Carried::Observed),
        _ => Err(DecodeError::Code),
    }
}

pub(crate) const fn of_strength(strength: Strength) -> u8 {
    match strength {
        Strength::Anonymous => 0,
        Strength::Claimed => 1,
        Strength::SharedSecret => 2,
        Strength::VerifiedSignature => 3,
        Strength::Bound => 4,
    }
}

pub(crate) fn strength(number: u8) -> Result<Strength, DecodeError> {
    Strength::of_long(i64::from(number)).ok_or(DecodeError::Code)
}

/// Set in the number of an outcome that is the reason for which a request was stopped.
const STOPPED: u8 = 0x80;

pub(crate) const fn of_outcome(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Failed(UpstreamFailure::Unreachable) => 1,
        Outcome::Failed(UpstreamFailure::Broken) => 2,
        Outcome::Failed(UpstreamFailure::Malformed) => 3,
        Outcome::Failed(UpstreamFailure::Late) => 4,
        Outcome::Failed(UpstreamFailure::ClientGone) => 5,
        Outcome::Stopped(reason) => STOPPED | reason.number(),
        Outcome::Failed(UpstreamFailure::Unverified) => 6,
    }
}

pub(crate) fn outcome(number: u8) -> Result<Outcome, DecodeError> {
    if number & STOPPED != 0 {
        return DenyReason::of_number(number & !STOPPED).map(Outcome::Stopped).ok_or(DecodeError::Code);
    }
    let failures = UpstreamFailure::ALL.into_iter().map(Outcome::Failed);
    failures.chain([Outcome::Done]).find(|&outcome| of_outcome(outcome) == number).ok_or(DecodeError::Code)
}

pub(crate) const fn of_cause(cause: LossCause) -> u8 {
    match cause {
        LossCause::RingFull => 1,
        LossCause::WriteFailed => 2,
    }
}

pub(crate) const fn cause(number: u8) -> Result<LossCause, DecodeError> {
    match number {
        1 => Ok(LossCause::RingFull),
        2 => Ok(LossCause::WriteFailed),
        _ => Err(DecodeError::Code),
    }
}
