//! Explains what would become of a request, by the same steps that judge it, without effects and without a cache.

use std::net::IpAddr;

use catalog::{Catalog, Match, OperationIndex};
use model::{BlockId, Caller, CanonicalRequest, DenyReason, Mode, Refusal, Strength, Timestamp, Verdict};
use policy::{DecisionCache, Explanation, Policies, PolicyRefs};

use crate::step_up;
use crate::weigh::{self, Question, Scopes, Weighed, apply_mode, operation_of};
use crate::{Availability, Challenge, Snapshot, stopped};

/// Who is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub caller: &'a Caller,
    /// The scopes of the credential; `None` asks for the caller whatever key it uses.
    pub scopes: Option<&'a [String]>,
    pub source_ip: Option<IpAddr>,
}

/// What would become of a request.
#[derive(Clone, Debug)]
pub struct Explained {
    /// `SteppedUp` and `WouldStepUp` where a better sign-in would do.
    pub verdict: Verdict,
    pub refusal: Option<Refusal>,
    /// What a client would be told, where that is less.
    pub told: Option<Refusal>,
    pub api: Option<String>,
    pub operation: Option<OperationIndex>,
    /// The sign-in that would do, where a better one would.
    pub challenge: Option<Challenge>,
    /// What policy says; `None` where the request does not get that far.
    pub policy: Option<Explanation>,
    /// The block that refuses it, whatever policy says.
    pub block: Option<BlockId>,
}

/// Explains `request` if `subject` sent it at `now`.
#[must_use]
pub fn explain(
    snapshot: &Snapshot,
    now: Timestamp,
    subject: Subject<'_>,
    request: &CanonicalRequest,
) -> Explained {
    let explained = by_policy(snapshot, now, subject, request);
    let Some(api) = &explained.api else { return explained };
    let (blocks, catalog) = (snapshot.stops.blocks(), &snapshot.revision.catalog);
    let at_the_door = stopped::at_the_door(blocks, now, api, || subject.source_ip);
    let of_call = || stopped::of_call(blocks, now, subject.caller, None, (catalog, &catalog.find(request)));
    match at_the_door.or_else(of_call) {
        None => explained,
        Some(stopped) => Explained {
            verdict: Verdict::Denied,
            refusal: Some(stopped.refusal),
            told: Some(stopped.told),
            block: stopped.block,
            ..explained
        },
    }
}

/// What catalogue, policy and mode say.
fn by_policy(
    snapshot: &Snapshot,
    now: Timestamp,
    subject: Subject<'_>,
    request: &CanonicalRequest,
) -> Explained {
    let revision = &snapshot.revision;
    let found = revision.catalog.find(request);
    let denied = |reason| {
        let refusal = Some(Refusal::of(reason));
        Explained {
            verdict: Verdict::Denied,
            refusal,
            told: refusal,
            api: None,
            operation: operation_of(&found),
            challenge: None,
            policy: None,
            block: None,
        }
    };
    let Some(policies) = &revision.policies else {
        return denied(DenyReason::NoRevision);
    };
    if snapshot.stale_at <= now {
        return denied(DenyReason::StaleSnapshot);
    }
    let rules = match (&found, found.api().and_then(|api| revision.rules(api))) {
        (Match::UnknownHost, _) => return denied(DenyReason::UnknownHost),
        (_, Some(rules)) if rules.availability == Availability::Usable => rules,
        (_, _) => return denied(DenyReason::ApiUnavailable),
    };
    let ground = Ground { catalog: &revision.catalog, policies, mode: rules.mode };
    explain_found(ground, now, subject, request, &found)
}

/// What policy says of `request`, whatever state its API is in: for tests of policies, which know no upstream and no mode.
#[must_use]
pub fn explain_policy(
    catalog: &Catalog,
    policies: &Policies,
    now: Timestamp,
    subject: Subject<'_>,
    request: &CanonicalRequest,
) -> Explained {
    let ground = Ground { catalog, policies, mode: Mode::Enforce };
    explain_found(ground, now, subject, request, &catalog.find(request))
}

/// What a request is judged by.
#[derive(Clone, Copy)]
struct Ground<'a> {
    catalog: &'a Catalog,
    policies: &'a Policies,
    mode: Mode,
}

/// What became of a request, without the reasons why.
#[derive(Clone, Debug)]
pub struct PolicyVerdict {
    pub verdict: Verdict,
    pub refusal: Option<Refusal>,
    /// The grants that permitted, or the guards that forbade.
    pub policies: PolicyRefs,
}

/// As [`explain_policy`], without the explanation: for many requests, of which most are alike.
#[must_use]
pub fn decide_policy(
    catalog: &Catalog,
    policies: &Policies,
    cache: &mut DecisionCache,
    now: Timestamp,
    subject: Subject<'_>,
    request: &CanonicalRequest,
) -> PolicyVerdict {
    let found = catalog.find(request);
    let ground = Ground { catalog, policies, mode: Mode::Enforce };
    let question = question(ground, now, subject, request, &found);
    let weighed = step_up::weigh(&question, Some(policies), |facts| policies.decide(cache, facts));
    let (verdict, refusal) = verdict(&weighed, ground.mode, now);
    PolicyVerdict { verdict, refusal, policies: weighed.policies }
}

fn question<'a>(
    ground: Ground<'a>,
    now: Timestamp,
    subject: Subject<'a>,
    request: &'a CanonicalRequest,
    found: &'a Match,
) -> Question<'a> {
    Question {
        catalog: ground.catalog,
        request,
        found,
        caller: subject.caller,
        scopes: match subject.scopes {
            None => Scopes::Unlimited,
            // Shown by a token: its scopes are facts. Where they narrow, the record of the decision says so itself.
            Some(scopes) if Strength::VerifiedSignature <= subject.caller.strength => Scopes::Facts(scopes),
            Some(scopes) => Scopes::Listed(scopes),
        },
        source_ip: subject.source_ip,
        mode: ground.mode,
        now,
    }
}

fn verdict(weighed: &Weighed, mode: Mode, now: Timestamp) -> (Verdict, Option<Refusal>) {
    match apply_mode(weighed.weight, mode, now) {
        weigh::Outcome::Allowed => (Verdict::Allowed, None),
        weigh::Outcome::Observed(refusal) => match weighed.challenge {
            Some(_) => (Verdict::WouldStepUp, Some(refusal)),
            None => (Verdict::WouldDeny, Some(refusal)),
        },
        weigh::Outcome::Refused(refusal) => match weighed.challenge {
            Some(_) => (Verdict::SteppedUp, Some(refusal)),
            None => (Verdict::Denied, Some(refusal)),
        },
    }
}

fn explain_found(
    ground: Ground<'_>,
    now: Timestamp,
    subject: Subject<'_>,
    request: &CanonicalRequest,
    found: &Match,
) -> Explained {
    let question = question(ground, now, subject, request, found);
    let mut explanation = None;
    let weighed = step_up::weigh(&question, Some(ground.policies), |facts| {
        let explained = ground.policies.explain(facts);
        let ruling = explained.ruling.clone();
        // The first is the request's own; the others ask what a better sign-in would change.
        explanation.get_or_insert(explained);
        ruling
    });
    let (verdict, refusal) = verdict(&weighed, ground.mode, now);
    Explained {
        verdict,
        refusal,
        told: refusal.map(|refusal| weighed.told(refusal)),
        api: found.api().and_then(|api| ground.catalog.api(api)).map(|api| api.name.to_string()),
        operation: operation_of(found),
        challenge: weighed.challenge,
        policy: explanation,
        block: None,
    }
}
