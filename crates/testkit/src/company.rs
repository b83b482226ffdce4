//! A company that was made up: APIs, clients with a need that nobody wrote down, and a month of their calls.
//!
//! For judging what is proposed from recorded use. The generator knows what each client truly needs; whoever proposes
//! sees the calls alone. Among them are those that must not become a grant: curiosity, failures, scanners, callers that
//! are only claimed, a stolen key, and a slow spray. The same seed gives the same company on every machine.
//!
//! A need is called by its rhythm: all day, at night, weekly, at the end of the month. A need that is called less than
//! that, or only in a disaster, is one that somebody declared: a key has the scope of just that operation, or a token has the
//! scope that the API's document asks for there. No need that is called a few times in a month and declared by nobody is
//! made, since nobody could tell it from curiosity.

mod dice;
mod made;
mod traffic;

use std::collections::BTreeSet;
use std::net::IpAddr;

pub use dice::Dice;

/// What company it is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub seed: u64,
    pub teams: usize,
    pub clients: usize,
    pub apis: usize,
    /// The fewest and the most operations of an API.
    pub operations: (usize, usize),
    /// Days before the held-out one.
    pub days: i64,
    /// How long a day lasts; less than a day is a company in a hurry, all of it on one day of the calendar.
    pub day_seconds: i64,
    /// The most calls that a steady need has on a day.
    pub calls: u64,
    pub pace: Pace,
    pub addresses: Addresses,
    pub scopes: Scopes,
    pub credentials: Credentials,
    pub needs: Needs,
    pub rhythms: Rhythms,
    /// How often somebody calls what he is curious about.
    pub curiosity: u64,
    /// How many things one client's people are curious about at most.
    pub curious_about: u64,
    pub spray: Spray,
    /// When the spray begins, in percent of the learning days.
    pub spray_from: i64,
    /// Whether some APIs hold restricted data.
    pub sensitive: bool,
    pub documents: Documents,
    pub stolen: StolenKey,
}

impl Shape {
    /// A company of middle size over thirty days.
    #[must_use]
    pub const fn of_a_month(seed: u64) -> Self {
        Self {
            seed,
            teams: 6,
            clients: 30,
            apis: 5,
            operations: (10, 40),
            days: 30,
            day_seconds: 86_400,
            calls: 20,
            pace: Pace::Together,
            addresses: Addresses::Several,
            scopes: Scopes::Mixed,
            credentials: Credentials::Mixed,
            needs: Needs::Own,
            rhythms: Rhythms::Mixed,
            curiosity: 1,
            curious_about: 3,
            spray: Spray::Mixed,
            spray_from: 40,
            sensitive: false,
            documents: Documents::Silent,
            stolen: StolenKey::OneOfTwo,
        }
    }
}

/// Whether clients call at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One client after the other, all calls of one operation after those of the one before; as a loop in a script does.
    OneByOne,
    Together,
}

/// Where clients call from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Everybody, whoever steals included, from one address, as in a test on one machine.
    Loopback,
    /// Each call from another network, as functions in a cloud do. A thief's are no other than theirs.
    Functions,
    /// Each client from one network of its own.
    One,
    /// Each client from twenty networks, by chance. A thief's is hardly another.
    Pool,
    /// Each client from one to four networks at the same time.
    Several,
    /// Each client from another network every few days.
    Rotating,
}

/// Which scopes keys have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// Of each needed operation.
    Exact,
    /// Of groups, and of just those operations that are needed and hardly called.
    Mixed,
}

/// How clients are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    Keys,
    /// Some by keys, some by tokens.
    Mixed,
}

/// What the APIs' documents say of who is meant to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// Which scopes of access tokens an operation asks for: mostly one of all reads or writes, and for what is hardly ever called
    /// one of its own or one that it shares with another. Each client has the scopes of what it needs.
    AskScopes,
    Silent,
}

/// Which key of a client is stolen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StolenKey {
    /// The client calls with another one beside it.
    OneOfTwo,
    /// The client has no other until it is revoked.
    Only,
}

/// Whose need it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// One operation or two of one API.
    Few,
    Own,
    /// The clients of a team need the same.
    OfTeam,
}

/// When needs are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythms {
    Mixed,
    /// Once a day, or once a week.
    Quiet,
}

/// How somebody with a client's key tries everything that it opens, a few times each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spray {
    /// From another network each day.
    Botnet,
    /// From one network, calling what the client calls as well.
    Mixed,
    /// From one network, nothing but what the client does not call.
    Slow,
    /// From two networks at the same time.
    Two,
}

/// An operation, by the places of its API and of itself in it.
pub type Place = (usize, usize);

#[derive(Clone, Debug)]
pub struct Api {
    pub name: String,
    pub owner: String,
    pub is_restricted: bool,
    pub operations: Vec<Operation>,
}

#[derive(Clone, Debug)]
pub struct Operation {
    pub method: &'static str,
    pub path: String,
    /// What its document asks of an access token, all of it together; nothing where anybody may call.
    pub scopes: Vec<String>,
}

impl Operation {
    /// Whether it is in the group of reads.
    #[must_use]
    pub fn reads(&self) -> bool {
        self.method == "GET"
    }
}

#[derive(Clone, Debug)]
pub struct Client {
    /// As records name it; one that a token shows has its issuer before a colon.
    pub name: String,
    pub team: String,
    /// What it truly needs; nobody but the generator knows.
    pub needs: BTreeSet<Place>,
    pub standing: Standing,
    /// It came within the last hours.
    pub is_late: bool,
    /// Of a client that a token shows: what its tokens are good for.
    pub scopes: Vec<String>,
    /// What of its needs it hardly ever calls.
    pub rare: BTreeSet<Place>,
}

/// How a client is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Keys,
    Token,
}

#[derive(Clone, Debug)]
pub struct Key {
    /// Twelve characters.
    pub id: String,
    pub client: usize,
    pub scopes: Vec<String>,
    /// Why somebody stopped it, where somebody did.
    pub stopped: Option<&'static str>,
}

/// Who shows up with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Anonymous,
    /// A key that only looks like one of the API's own.
    Claimed,
    Client(usize),
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    Curiosity,
    /// It never succeeds.
    Failure,
    Need,
    Quarantined,
    Scan,
    Spray,
    Stolen,
    Unverified,
}

impl Purpose {
    /// Whether what it calls must never be granted for that.
    #[must_use]
    pub const fn is_poison(self) -> bool {
        match self {
            Self::Quarantined | Self::Scan | Self::Spray | Self::Stolen | Self::Unverified => true,
            Self::Curiosity | Self::Failure | Self::Need => false,
        }
    }
}

/// One call, as the gateway saw it while it observed.
#[derive(Clone, Debug)]
pub struct Call {
    /// Microseconds since 1970.
    pub time: i64,
    pub who: Who,
    pub key: Option<usize>,
    /// None where no declared operation matched.
    pub operation: Option<Place>,
    /// The API that was asked.
    pub api: usize,
    pub address: IpAddr,
    /// Whether the key's scopes cover it; where not, it was refused.
    pub in_scope: bool,
    pub status: u16,
    pub purpose: Purpose,
}

/// The company and what it called.
#[derive(Clone, Debug)]
pub struct Company {
    pub shape: Shape,
    pub apis: Vec<Api>,
    pub teams: Vec<String>,
    pub clients: Vec<Client>,
    pub keys: Vec<Key>,
    /// In the order of time.
    pub learning: Vec<Call>,
    /// The day after, needs alone.
    pub held_out: Vec<Call>,
}

impl Company {
    /// Makes the company of a shape.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let mut dice = Dice::new(shape.seed);
        let mut company = made::company(shape, &mut dice);
        traffic::fill(&mut company, &mut dice);
        company
    }

    /// The operation's id, as the catalogue has it.
    #[must_use]
    pub fn id(&self, (api, operation): Place) -> String {
        let api = &self.apis[api];
        let operation = &api.operations[operation];
        format!("{}:{} {}", api.name, operation.method, operation.path)
    }

    /// Every operation of the company.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let apis = self.apis.iter().enumerate();
        apis.flat_map(|(api, declared)| (0..declared.operations.len()).map(move |place| (api, place)))
    }

    /// Whether a key's scopes cover an operation.
    #[must_use]
    pub fn covers(&self, key: usize, place: Place) -> bool {
        let api = &self.apis[place.0].name;
        let class = if self.apis[place.0].operations[place.1].reads() { "read" } else { "write" };
        let (id, group) = (self.id(place), format!("{api}:{class}"));
        self.keys[key].scopes.iter().any(|scope| *scope == id || scope == api || *scope == group)
    }

    /// Whether an operation's document asks for a scope that no other operation of the API asks for.
    #[must_use]
    pub fn asks_for_its_own(&self, (api, place): Place) -> bool {
        let operations = &self.apis[api].operations;
        let others = || operations.iter().enumerate().filter(|(other, _)| *other != place);
        let is_own = |scope| others().all(|(_, other)| !other.scopes.contains(scope));
        operations[place].scopes.iter().any(is_own)
    }

    /// What a client called for a purpose that is poison, and does not need.
    #[must_use]
    pub fn poisoned(&self) -> BTreeSet<(usize, Place)> {
        let calls = self.learning.iter().filter(|call| call.purpose.is_poison());
        let pairs = calls.filter_map(|call| match (call.who, call.operation) {
            (Who::Client(client), Some(place)) => Some((client, place)),
            (Who::Anonymous | Who::Claimed, _) | (_, None) => None,
        });
        pairs.filter(|(client, place)| !self.clients[*client].needs.contains(place)).collect()
    }
}
