//! Keys of the decision cache: borrowed for looking up, owned for keeping.
//!
//! INVARIANT: two requests with equal keys get equal rulings. Every field is either a fact as Cedar would see it,
//! or which side of each of a slice's literals it is on.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use catalog::ParameterValue;
use model::{Application, Client, Mfa, Strength, User, Workload};
use smallvec::SmallVec;

use crate::facts::Facts;
use crate::reads::Precision;
use crate::slice::{OperationEntry, Part, Slice, WantedParams};

/// The most literals that an address is compared with before it is kept as it is.
const ADDRESS_TESTS_MAX: usize = 128;

/// Stands behind the parts of a caller that is only claimed; the content of a part is a hash, and is never this.
const CLAIMED: u128 = u128::MAX;

/// What an answer depends on, borrowed from slice and facts. Facts that no condition reads are `None`.
#[derive(Debug)]
pub(crate) struct Key<'a> {
    parts: SmallVec<[u128; 3]>,
    principal: Option<Principal<'a>>,
    strength: Option<i64>,
    mfa: Option<Mfa>,
    user: Option<Option<&'a Arc<User>>>,
    age: Age,
    scopes: Option<&'a [String]>,
    /// Of the parameters' names and types, where all of them are read.
    parameters_content: Option<u128>,
    params: SmallVec<[Option<ParameterValue<'a>>; 4]>,
    address: Address,
    /// Per part: between which of its breakpoints the time is.
    intervals: SmallVec<[usize; 3]>,
}

#[derive(Debug)]
struct Principal<'a>(&'a Client);

/// What spreads keys and is there; equality looks at everything.
impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (part, interval) in self.parts.iter().zip(&self.intervals) {
            state.write_u128(*part);
            state.write_usize(*interval);
        }
        match self.principal {
            Some(Principal(Client::Application(application))) => application.name.hash(state),
            Some(Principal(Client::Workload(workload))) => workload.name.hash(state),
            Some(Principal(Client::Anonymous)) | None => {}
        }
        if let Some(strength) = self.strength {
            state.write_i64(strength);
        }
        if let Some(mfa) = self.mfa {
            mfa.hash(state);
        }
        if let Some(Some(user)) = self.user {
            user.issuer.hash(state);
            user.name.hash(state);
        }
        match self.age {
            Age::Unread => {}
            Age::Absent | Age::Between(_) | Age::Exact(_) => self.age.hash(state),
        }
        if let Some(scopes) = self.scopes {
            scopes.hash(state);
        }
        for param in &self.params {
            param.hash(state);
        }
        match self.address {
            Address::Unread => {}
            Address::Absent | Address::Exact(_) | Address::Tested(_) => self.address.hash(state),
        }
    }
}

/// The client's address as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Absent,
    Exact(IpAddr),
    /// One bit per test of the slice, in its order.
    Tested(u128),
    Unread,
}

/// How long ago the user signed in, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Age {
    Absent,
    /// How many breakpoints of the slice's parts it has reached. Each part's count grows with the age, so that an equal
    /// sum of them means that each is equal.
    Between(usize),
    /// In seconds.
    Exact(i64),
    Unread,
}

/// The same, owned.
#[derive(Debug)]
pub(crate) struct StoredKey {
    parts: SmallVec<[u128; 3]>,
    principal: Option<StoredPrincipal>,
    strength: Option<i64>,
    mfa: Option<Mfa>,
    user: Option<Option<Arc<User>>>,
    age: Age,
    scopes: Option<Box<[String]>>,
    parameters_content: Option<u128>,
    params: Box<[Option<StoredParam>]>,
    address: Address,
    intervals: SmallVec<[usize; 3]>,
}

#[derive(Debug)]
enum StoredPrincipal {
    Anonymous,
    Application(Arc<Application>),
    Workload(Arc<Workload>),
}

#[derive(Debug, PartialEq, Eq)]
enum StoredParam {
    Bool(bool),
    Long(i64),
    String(Box<str>),
}

/// Whether answers of a slice can be kept: not where it looks at the time itself.
pub(crate) fn can_be_keyed(slice: &Slice<'_>) -> bool {
    slice.iter().all(|part| part.wants.now != Precision::Exact)
}

impl<'a> Key<'a> {
    /// The key of a request whose slice [`can_be_keyed`].
    #[inline]
    pub(crate) fn new(operation: &OperationEntry, slice: &Slice<'_>, facts: &Facts<'a>) -> Self {
        let mut key = Self {
            parts: SmallVec::new(),
            principal: None,
            strength: None,
            mfa: None,
            user: None,
            age: age(slice, facts),
            scopes: None,
            parameters_content: None,
            params: SmallVec::new(),
            address: address(slice, facts),
            intervals: SmallVec::new(),
        };
        let now = facts.now.as_micros();
        for part in slice {
            let wants = &part.wants;
            key.parts.push(part.content);
            key.intervals.push(part.breakpoints.partition_point(|&breakpoint| breakpoint <= now));
            if wants.principal {
                key.principal = Some(Principal(&facts.caller.client));
            }
            if wants.strength {
                key.strength = Some(facts.caller.strength.as_long());
            }
            if wants.mfa {
                key.mfa = Some(facts.caller.sign_in.mfa);
            }
            if wants.user {
                key.user = Some(facts.caller.user.as_ref());
            }
            if wants.scopes {
                key.scopes = Some(facts.scopes);
            }
            match &wants.params {
                WantedParams::All => {
                    key.parameters_content = Some(operation.parameters_content);
                    key.params.extend(facts.params.iter().copied().map(Some));
                }
                WantedParams::Listed(names) => {
                    for name in names {
                        key.params.push(parameter(operation, name, facts));
                    }
                }
            }
        }
        if facts.caller.strength == Strength::Claimed {
            // Fewer grants count for such a caller, whatever the policies read.
            key.parts.push(CLAIMED);
        }
        key
    }

    pub(crate) fn store(&self) -> StoredKey {
        StoredKey {
            parts: self.parts.clone(),
            principal: self.principal.as_ref().map(|Principal(client)| match client {
                Client::Anonymous => StoredPrincipal::Anonymous,
                Client::Application(application) => StoredPrincipal::Application(Arc::clone(application)),
                Client::Workload(workload) => StoredPrincipal::Workload(Arc::clone(workload)),
            }),
            strength: self.strength,
            mfa: self.mfa,
            user: self.user.map(|user| user.map(Arc::clone)),
            age: self.age,
            scopes: self.scopes.map(Into::into),
            parameters_content: self.parameters_content,
            params: self
                .params
                .iter()
                .map(|param| {
                    param.map(|param| match param {
                        ParameterValue::Bool(value) => StoredParam::Bool(value),
                        ParameterValue::Long(value) => StoredParam::Long(value),
                        ParameterValue::String(value) => StoredParam::String(value.into()),
                    })
                })
                .collect(),
            address: self.address,
            intervals: self.intervals.clone(),
        }
    }
}

fn parameter<'a>(operation: &OperationEntry, name: &str, facts: &Facts<'a>) -> Option<ParameterValue<'a>> {
    let place = operation.parameters.iter().position(|parameter| parameter.name == name)?;
    facts.params.get(place).copied()
}

fn age(slice: &Slice<'_>, facts: &Facts<'_>) -> Age {
    let precision = slice.iter().map(|part| part.wants.age).max().unwrap_or(Precision::Unread);
    if precision == Precision::Unread {
        return Age::Unread;
    }
    match (precision, facts.auth_age()) {
        (Precision::Unread, _) => Age::Unread,
        (Precision::Compared | Precision::Exact, None) => Age::Absent,
        (Precision::Exact, Some(age)) => Age::Exact(age),
        (Precision::Compared, Some(age)) => {
            let reached = |part: &&Part| part.age_breakpoints.partition_point(|&point| point <= age);
            Age::Between(slice.iter().map(reached).sum())
        }
    }
}

fn address(slice: &Slice<'_>, facts: &Facts<'_>) -> Address {
    let precision = slice.iter().map(|part| part.wants.address).max().unwrap_or(Precision::Unread);
    let address = match (precision, facts.address()) {
        (Precision::Unread, _) => return Address::Unread,
        (Precision::Compared | Precision::Exact, None) => return Address::Absent,
        (Precision::Exact, Some(address)) => return Address::Exact(address),
        (Precision::Compared, Some(address)) => address,
    };
    let tests = slice.iter().flat_map(|part| part.wants.address_tests.iter());
    let mut bits = 0_u128;
    for (place, test) in tests.enumerate() {
        if ADDRESS_TESTS_MAX <= place {
            return Address::Exact(address);
        }
        bits |= u128::from(test.holds(address)) << place;
    }
    Address::Tested(bits)
}

impl StoredKey {
    /// Whether this is the key of the same answer.
    pub(crate) fn equals(&self, key: &Key<'_>) -> bool {
        self.parts == key.parts
            && self.intervals == key.intervals
            && self.address == key.address
            && self.strength == key.strength
            && self.mfa == key.mfa
            && self.age == key.age
            && self.parameters_content == key.parameters_content
            && same_principal(self.principal.as_ref(), key.principal.as_ref())
            && same_user(self.user.as_ref(), key.user)
            && self.scopes.as_deref() == key.scopes
            && self.params.len() == key.params.len()
            && self.params.iter().zip(&key.params).all(|(stored, param)| same_param(stored.as_ref(), *param))
    }
}

fn same_principal(stored: Option<&StoredPrincipal>, asked: Option<&Principal<'_>>) -> bool {
    match (stored, asked) {
        (None, None) => true,
        (Some(StoredPrincipal::Anonymous), Some(Principal(Client::Anonymous))) => true,
        (Some(StoredPrincipal::Application(stored)), Some(Principal(Client::Application(asked)))) => {
            Arc::ptr_eq(stored, asked) || stored == asked
        }
        (Some(StoredPrincipal::Workload(stored)), Some(Principal(Client::Workload(asked)))) => {
            Arc::ptr_eq(stored, asked) || stored == asked
        }
        (
            None
            | Some(StoredPrincipal::Anonymous | StoredPrincipal::Application(_) | StoredPrincipal::Workload(_)),
            None | Some(Principal(Client::Anonymous | Client::Application(_) | Client::Workload(_))),
        ) => false,
    }
}

fn same_user(stored: Option<&Option<Arc<User>>>, asked: Option<Option<&Arc<User>>>) -> bool {
    match (stored, asked) {
        (None, None) | (Some(None), Some(None)) => true,
        (Some(Some(stored)), Some(Some(asked))) => Arc::ptr_eq(stored, asked) || stored == asked,
        (None | Some(None | Some(_)), None | Some(None | Some(_))) => false,
    }
}

fn same_param(stored: Option<&StoredParam>, asked: Option<ParameterValue<'_>>) -> bool {
    match (stored, asked) {
        (None, None) => true,
        (Some(StoredParam::Bool(stored)), Some(ParameterValue::Bool(asked))) => *stored == asked,
        (Some(StoredParam::Long(stored)), Some(ParameterValue::Long(asked))) => *stored == asked,
        (Some(StoredParam::String(stored)), Some(ParameterValue::String(asked))) => **stored == *asked,
        (
            None | Some(StoredParam::Bool(_) | StoredParam::Long(_) | StoredParam::String(_)),
            None | Some(ParameterValue::Bool(_) | ParameterValue::Long(_) | ParameterValue::String(_)),
        ) => false,
    }
}
