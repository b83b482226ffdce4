//! One policy as loaded: where it stands, what its annotations say, and whom and what its scope covers.
//!
//! The scope of a Cedar policy only compares names, so it is resolved here once, at compile time; conditions are
//! never judged here. A property test compares the two with a full Cedar scan.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::pst;
use model::{Client, PolicyId, Timestamp};

use crate::reads::Reads;

/// The types of the schema.
pub(crate) const APPLICATION: &str = "Application";
pub(crate) const WORKLOAD: &str = "Workload";
pub(crate) const ANONYMOUS: &str = "Anonymous";
pub(crate) const TEAM: &str = "Team";
pub(crate) const API: &str = "Api";
pub(crate) const ACTION: &str = "Action";
/// The only entity of type `Anonymous`.
pub(crate) const ANONYMOUS_ID: &str = "anonymous";

/// What a policy does when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    Forbid,
    Permit,
}

impl Effect {
    /// The word in Cedar and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forbid => "forbid",
            Self::Permit => "permit",
        }
    }
}

/// Whether what a policy says is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Force {
    Enforced,
    Observed,
}

/// Where a policy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub file: Arc<str>,
    pub line: usize,
    pub column: usize,
    /// Byte offset of the policy's text in its file.
    pub offset: usize,
}

/// What annotations say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations {
    pub owner: Option<String>,
    pub reason: Option<String>,
    pub expires: Option<Timestamp>,
    pub observe_until: Option<Timestamp>,
}

/// Whom a scope covers. Teams are flat, so `in` a team is membership and `in` an application or workload is being it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principals {
    Anonymous,
    Anyone,
    Application(String),
    Applications,
    /// No caller that exists: another type, or a type outside of its own kind of group.
    Nobody,
    /// Applications and workloads of the team.
    Team(String),
    TeamApplications(String),
    TeamWorkloads(String),
    Workload(String),
    Workloads,
}

/// Which operations a scope covers, before the resource is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actions {
    Any,
    /// `action == …`
    Exactly(String),
    /// `action in …`: operations by name and groups.
    In(Vec<String>),
}

/// Which APIs a scope covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resources {
    Any,
    Api(String),
    None,
}

/// Which members of a team a scope covers, whatever their names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfTeam {
    Applications,
    Everybody,
    Nobody,
    Workloads,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub principals: Principals,
    pub actions: Actions,
    pub resources: Resources,
}

/// One policy as loaded.
#[derive(Debug)]
pub(crate) struct Rule {
    pub id: PolicyId,
    pub effect: Effect,
    pub origin: Origin,
    /// The policy as written, annotations included.
    pub text: String,
    pub annotations: Annotations,
    pub scope: Scope,
    pub template: pst::Template,
    pub policy: cedar_policy::Policy,
    pub reads: Reads,
    /// Of id, effect, text: what a decision by this policy depends on, beside facts.
    pub content: u128,
}

impl Rule {
    /// Whether the policy counts at `now`: `@expires` ends it at its very moment.
    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        self.annotations.expires.is_some_and(|end| end <= now)
    }

    /// Whether the policy decides or only observes at `now`.
    pub(crate) fn force(&self, now: Timestamp) -> Force {
        match self.annotations.observe_until {
            Some(end) if now < end => Force::Observed,
            Some(_) | None => Force::Enforced,
        }
    }

    /// Whether it holds for everything that its scope covers.
    pub(crate) fn unconditional(&self) -> bool {
        self.template.clauses().is_empty()
    }
}

impl Scope {
    pub(crate) fn of(template: &pst::Template) -> Self {
        Self {
            principals: principals(&template.principal),
            actions: actions(&template.action),
            resources: resources(&template.resource),
        }
    }
}

fn entity(constraint: &pst::EntityOrSlot) -> Option<(String, &str)> {
    match constraint {
        pst::EntityOrSlot::Entity(uid) => Some((uid.ty.to_string(), uid.eid.as_str())),
        pst::EntityOrSlot::Slot(_) => None,
    }
}

fn principals(constraint: &pst::PrincipalConstraint) -> Principals {
    use pst::PrincipalConstraint as C;
    match constraint {
        C::Any => Principals::Anyone,
        C::Is(kind) => of_type(&kind.to_string()),
        C::Eq(uid) => entity(uid).map_or(Principals::Nobody, |(kind, id)| itself(&kind, id)),
        C::In(uid) => entity(uid).map_or(Principals::Nobody, |(kind, id)| within(&kind, id)),
        C::IsIn(kind, uid) => {
            let inner = entity(uid).map_or(Principals::Nobody, |(kind, id)| within(&kind, id));
            both(&of_type(&kind.to_string()), inner)
        }
    }
}

fn of_type(kind: &str) -> Principals {
    match kind {
        APPLICATION => Principals::Applications,
        WORKLOAD => Principals::Workloads,
        ANONYMOUS => Principals::Anonymous,
        _ => Principals::Nobody,
    }
}

fn itself(kind: &str, id: &str) -> Principals {
    match (kind, id) {
        (APPLICATION, name) => Principals::Application(name.to_owned()),
        (WORKLOAD, name) => Principals::Workload(name.to_owned()),
        (ANONYMOUS, ANONYMOUS_ID) => Principals::Anonymous,
        _ => Principals::Nobody,
    }
}

fn within(kind: &str, id: &str) -> Principals {
    match kind {
        TEAM => Principals::Team(id.to_owned()),
        _ => itself(kind, id),
    }
}

fn both(kind: &Principals, inner: Principals) -> Principals {
    match (kind, inner) {
        (Principals::Applications, Principals::Team(name)) => Principals::TeamApplications(name),
        (Principals::Workloads, Principals::Team(name)) => Principals::TeamWorkloads(name),
        (Principals::Applications, inner @ Principals::Application(_))
        | (Principals::Workloads, inner @ Principals::Workload(_))
        | (Principals::Anonymous, inner @ Principals::Anonymous) => inner,
        // A type in something that is none of its groups.
        _ => Principals::Nobody,
    }
}

fn actions(constraint: &pst::ActionConstraint) -> Actions {
    match constraint {
        pst::ActionConstraint::Any => Actions::Any,
        pst::ActionConstraint::Eq(uid) => Actions::Exactly(uid.eid.to_string()),
        pst::ActionConstraint::In(uids) => Actions::In(uids.iter().map(|uid| uid.eid.to_string()).collect()),
    }
}

fn resources(constraint: &pst::ResourceConstraint) -> Resources {
    use pst::ResourceConstraint as C;
    let named = |uid: &pst::EntityOrSlot| match entity(uid) {
        Some((kind, id)) if kind == API => Resources::Api(id.to_owned()),
        Some(_) | None => Resources::None,
    };
    match constraint {
        C::Any => Resources::Any,
        C::Is(kind) if kind.to_string() == API => Resources::Any,
        C::Is(_) => Resources::None,
        C::Eq(uid) | C::In(uid) => named(uid),
        C::IsIn(kind, uid) if kind.to_string() == API => named(uid),
        C::IsIn(..) => Resources::None,
    }
}

/// Whether two scopes cover a caller in common. Whether a client is in a team is not known here: it may be.
pub(crate) fn may_share_callers(one: &Principals, other: &Principals) -> bool {
    let (one, other) = (one.kinds(), other.kinds());
    let both = |one: Option<Kind<'_>>, other: Option<Kind<'_>>| match (one, other) {
        (Some(one), Some(other)) => one.may_meet(other),
        (None, _) | (_, None) => false,
    };
    (one.anonymous && other.anonymous)
        || both(one.applications, other.applications)
        || both(one.workloads, other.workloads)
}

/// Which of each type of caller a scope covers.
struct Kinds<'a> {
    anonymous: bool,
    applications: Option<Kind<'a>>,
    workloads: Option<Kind<'a>>,
}

/// Which callers of one type.
#[derive(Clone, Copy)]
enum Kind<'a> {
    All,
    Named(&'a str),
    OfTeam(&'a str),
}

impl Kind<'_> {
    fn may_meet(self, other: Self) -> bool {
        match (self, other) {
            (Self::Named(one), Self::Named(other)) | (Self::OfTeam(one), Self::OfTeam(other)) => one == other,
            (Self::All, _)
            | (_, Self::All)
            | (Self::Named(_), Self::OfTeam(_))
            | (Self::OfTeam(_), Self::Named(_)) => true,
        }
    }
}

impl Principals {
    fn kinds(&self) -> Kinds<'_> {
        let of = |applications, workloads| Kinds { anonymous: false, applications, workloads };
        match self {
            Self::Anonymous => Kinds { anonymous: true, ..of(None, None) },
            Self::Anyone => Kinds { anonymous: true, ..of(Some(Kind::All), Some(Kind::All)) },
            Self::Application(name) => of(Some(Kind::Named(name)), None),
            Self::Applications => of(Some(Kind::All), None),
            Self::Nobody => of(None, None),
            Self::Team(name) => of(Some(Kind::OfTeam(name)), Some(Kind::OfTeam(name))),
            Self::TeamApplications(name) => of(Some(Kind::OfTeam(name)), None),
            Self::TeamWorkloads(name) => of(None, Some(Kind::OfTeam(name))),
            Self::Workload(name) => of(None, Some(Kind::Named(name))),
            Self::Workloads => of(None, Some(Kind::All)),
        }
    }

    /// Whom of a team the scope covers.
    pub(crate) fn cover_team(&self, team: &str) -> OfTeam {
        let covers = |kind: Option<Kind<'_>>| match kind {
            Some(Kind::All) => true,
            Some(Kind::OfTeam(name)) => name == team,
            Some(Kind::Named(_)) | None => false,
        };
        let kinds = self.kinds();
        match (covers(kinds.applications), covers(kinds.workloads)) {
            (true, true) => OfTeam::Everybody,
            (true, false) => OfTeam::Applications,
            (false, true) => OfTeam::Workloads,
            (false, false) => OfTeam::Nobody,
        }
    }

    /// Whether the scope covers this client.
    pub(crate) fn cover(&self, client: &Client) -> bool {
        let kinds = self.kinds();
        let (kind, name) = match client {
            Client::Anonymous => return kinds.anonymous,
            Client::Application(application) => (kinds.applications, application.name.as_str()),
            Client::Workload(workload) => (kinds.workloads, workload.name.as_str()),
        };
        match kind {
            None => false,
            Some(Kind::All) => true,
            Some(Kind::Named(named)) => named == name,
            Some(Kind::OfTeam(team)) => client.team().is_some_and(|of| of.as_str() == team),
        }
    }
}

/// The names of actions that scope and conditions of a policy mention.
pub(crate) fn mentioned_actions(policy: &cedar_policy::Policy) -> BTreeSet<String> {
    policy
        .entity_literals()
        .into_iter()
        .filter(|uid| uid.type_name().to_string() == ACTION)
        .map(|uid| uid.id().unescaped().to_owned())
        .collect()
}
