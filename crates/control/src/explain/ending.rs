//! What became of a past call: who called from where, how it was answered, and what stood in its way beside policy.
//!
//! What the record does not hold, such as the value of a parameter, is not guessed: what is declared or configured is named
//! instead, as it is now.

use catalog::ParameterKind;
use model::{DenyReason, UpstreamFailure};
use serde_json::Value;

use super::past::Past;
use super::{ExplanationView, Recorded};
use crate::Control;

/// The codes of the two rates.
const RATE_PER_API: &str = "rate_per_api";
const RATE_PER_KEY: &str = "rate_per_key";

impl Control {
    pub(super) fn say_what_became_of_it(&self, shown: &mut ExplanationView, past: &Past) {
        shown.recorded = recorded(past);
        if let Some(failure) = past.failure() {
            shown.add(&self.failed(past, failure));
        }
        if let Some(reason) = past.ending.as_ref().and_then(|ending| ending.get("stopped")?.as_str()) {
            shown.add(&format!(
                "it was broken off on its way, because what had let it pass held no longer: {reason}"
            ));
        }
        let Some(reason) = past.reason.as_deref().and_then(DenyReason::parse) else { return };
        let code = past.text("code").unwrap_or_default();
        if let Some(text) = self.in_the_way(reason, code, past) {
            shown.add(&text);
        } else if code != reason.code() && !code.is_empty() {
            shown.add(&format!("the refusal's code is `{code}`"));
        }
        if reason == DenyReason::BadParameter {
            // No rule was asked: they were judged again for another value than the one that came.
            shown.rules.clear();
            shown.nearest = None;
            shown.grant = None;
        }
    }

    /// What an allowed call failed by, behind the gateway.
    fn failed(&self, past: &Past, failure: UpstreamFailure) -> String {
        let problem = failure.problem();
        let upstream = match (failure, self.of_api(past, |api| Some(api.upstream.url()))) {
            (UpstreamFailure::ClientGone, _) | (_, None) => String::new(),
            (_, Some(url)) => {
                format!("; its upstream is {url} now, and the gateway's log of that time says more")
            }
        };
        format!("it was passed on, and failed: {} ({}){upstream}", lower(problem.title), failure.code())
    }

    /// What stood in the way beside policy, as far as it is declared or configured; none where the reason says it all.
    fn in_the_way(&self, reason: DenyReason, code: &str, past: &Past) -> Option<String> {
        let limits = |pick: fn(&config::Limits) -> Option<String>| self.of_api(past, |api| pick(&api.limits));
        if reason == DenyReason::BadParameter {
            return Some(self.declared_types(past));
        }
        if reason == DenyReason::BodyTooLarge {
            let limit = limits(|limits| limits.body.map(|bytes| format!("{bytes} bytes")));
            return Some(told("limits.body", limit));
        }
        match code {
            RATE_PER_API => Some(told(
                "limits.per_api",
                limits(|limits| limits.per_api.as_ref().map(ToString::to_string)),
            )),
            RATE_PER_KEY => Some(told(
                "limits.per_key",
                limits(|limits| limits.per_key.as_ref().map(ToString::to_string)),
            )),
            _ => None,
        }
    }

    /// Which parameters of the operation have a type that not every text has.
    fn declared_types(&self, past: &Past) -> String {
        let snapshot = self.snapshot_of(past.revision).ok().flatten();
        let operation = snapshot.as_ref().zip(past.operation.as_deref()).and_then(|(snapshot, id)| {
            let catalog = &snapshot.revision.catalog;
            catalog.operation(catalog.by_id(id)?)
        });
        let typed = operation.map(|operation| &operation.parameters).into_iter().flatten();
        let typed: Vec<String> = typed
            .filter_map(|parameter| match parameter.kind {
                ParameterKind::Bool => Some(format!("`{}` is `true` or `false`", parameter.name)),
                ParameterKind::Long => {
                    Some(format!("`{}` is a whole number, as 7 and not 07 or +7", parameter.name))
                }
                ParameterKind::String => None,
            })
            .collect();
        match &typed[..] {
            [] => "a parameter of the path is not of the type that the document declares; no rule was asked"
                .to_owned(),
            typed => format!("by the document, {}; no rule was asked", typed.join(", and ")),
        }
    }

    /// Something of the call's API as it is configured now.
    fn of_api<T>(&self, past: &Past, pick: impl Fn(&config::ApiConfig) -> Option<T>) -> Option<T> {
        let name = past.text("api")?;
        let state = self.state();
        let api = state.repository().ok()?.apis.iter().find(|api| api.name.as_str() == name)?;
        pick(api)
    }
}

impl Past {
    fn text(&self, name: &str) -> Option<&str> {
        self.entry.get(name)?.as_str()
    }

    fn failure(&self) -> Option<UpstreamFailure> {
        let outcome = self.ending.as_ref()?.get("outcome")?.as_str()?;
        UpstreamFailure::ALL.into_iter().find(|failure| failure.code() == outcome)
    }
}

fn recorded(past: &Past) -> Recorded {
    let text = |name: &str| past.text(name).map(str::to_owned);
    let ending = |name: &str| past.ending.as_ref().and_then(|ending| ending.get(name)).cloned();
    Recorded {
        code: text("code"),
        api: text("api"),
        key: text("key"),
        source_ip: text("source_ip"),
        params: past.entry.get("params").filter(|params| params.is_object()).cloned(),
        status: ending("status").as_ref().and_then(Value::as_u64),
        outcome: ending("outcome").as_ref().and_then(Value::as_str).map(str::to_owned),
    }
}

fn told(name: &str, limit: Option<String>) -> String {
    match limit {
        Some(limit) => format!("the limit is `{name}` of the API's api.yaml, which is {limit} now"),
        None => format!("the limit was `{name}` of the API's api.yaml, which sets none now"),
    }
}

/// A title within a sentence.
fn lower(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
