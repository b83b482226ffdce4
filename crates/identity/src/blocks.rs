//! The blocks in force, for looking up at the door.
//!
//! A table is built whole from a list and never changed. Each look-up is one hash, for a network one per distinct
//! length of a prefix; where there are no blocks nothing is looked up at all. A block counts until its end, told by
//! the `now` of the request, so that none outlives it however late the table is built anew. A list that could not be
//! read whole is a table that stops everything: what is not known to be allowed is not.

use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use model::{Block, BlockId, BlockTarget, Fingerprint, KeyId, Network, Timestamp};

/// The most blocks at one time. Each is an act of a person; who needs more blocks a network or an API.
pub const BLOCKS_MAX: usize = 10_000;

/// Only administrators put anything into these tables, so nobody can fill them with colliding names.
const HASHER: FixedState = FixedState::with_seed(0x5a11_b10c);

/// There are more blocks than [`BLOCKS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {BLOCKS_MAX} blocks; remove some, or block a network or an API instead")]
pub struct TooManyBlocks;

/// Whether the list of blocks is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// Every block is known.
    Sound,
    /// Some block may be missing, so everything is stopped.
    Unreadable,
}

/// One block, as far as a look-up needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    id: BlockId,
    until: Timestamp,
}

type ByName<V = Ends> = HashMap<Box<str>, V, FixedState>;

/// All blocks, by what they stop.
#[derive(Clone, Debug)]
pub struct Blocks {
    soundness: Soundness,
    count: usize,
    apis: ByName,
    applications: ByName,
    operations: ByName,
    /// By issuer, then by name.
    users: ByName<ByName>,
    workloads: ByName,
    keys: HashMap<KeyId, Ends, FixedState>,
    tokens: HashMap<Fingerprint, Ends, FixedState>,
    networks: HashMap<Network, Ends, FixedState>,
    /// The lengths of their prefixes, each once.
    prefixes: Vec<u32>,
    /// The network that is blocked longest: it stops who cannot be told to be outside of all.
    longest_network: Option<Ends>,
}

impl Blocks {
    /// Nothing is blocked.
    #[must_use]
    pub fn none() -> Self {
        Self {
            soundness: Soundness::Sound,
            count: 0,
            apis: HashMap::with_hasher(HASHER),
            applications: HashMap::with_hasher(HASHER),
            operations: HashMap::with_hasher(HASHER),
            tokens: HashMap::with_hasher(HASHER),
            users: HashMap::with_hasher(HASHER),
            workloads: HashMap::with_hasher(HASHER),
            keys: HashMap::with_hasher(HASHER),
            networks: HashMap::with_hasher(HASHER),
            prefixes: Vec::new(),
            longest_network: None,
        }
    }

    /// There may be blocks that are not known, so everything is stopped.
    #[must_use]
    pub fn unreadable() -> Self {
        Self { soundness: Soundness::Unreadable, ..Self::none() }
    }

    /// These blocks. Of several with one target the last to end counts.
    pub fn of<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Result<Self, TooManyBlocks> {
        let mut all = Self::none();
        for block in blocks {
            if BLOCKS_MAX <= all.count {
                return Err(TooManyBlocks);
            }
            all.count += 1;
            all.add(block);
        }
        Ok(all)
    }

    fn add(&mut self, block: &Block) {
        let ends = Ends { id: block.id, until: block.until };
        match &block.target {
            BlockTarget::Api(name) => keep_longest(self.apis.entry(name.as_str().into()), ends),
            BlockTarget::Application(name) => {
                keep_longest(self.applications.entry(name.as_str().into()), ends);
            }
            BlockTarget::Key(id) => keep_longest(self.keys.entry(*id), ends),
            BlockTarget::Network(network) => {
                keep_longest(self.networks.entry(*network), ends);
                if !self.prefixes.contains(&network.prefix()) {
                    self.prefixes.push(network.prefix());
                }
                if self.longest_network.is_none_or(|known| known.until < ends.until) {
                    self.longest_network = Some(ends);
                }
            }
            BlockTarget::Operation(id) => keep_longest(self.operations.entry(id.as_str().into()), ends),
            BlockTarget::Token(id) => keep_longest(self.tokens.entry(*id), ends),
            BlockTarget::User { issuer, name } => {
                let of_issuer =
                    self.users.entry(issuer.as_str().into()).or_insert_with(|| HashMap::with_hasher(HASHER));
                keep_longest(of_issuer.entry(name.clone()), ends);
            }
            BlockTarget::Workload(name) => keep_longest(self.workloads.entry(name.as_str().into()), ends),
        }
    }

    /// Whether a request can be let past without a look-up.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0 && matches!(self.soundness, Soundness::Sound)
    }

    /// How many there are, ended ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    #[must_use]
    pub const fn soundness(&self) -> Soundness {
        self.soundness
    }

    /// The block of an API.
    #[must_use]
    pub fn of_api(&self, name: &str, now: Timestamp) -> Option<BlockId> {
        in_force(self.apis.get(name), now)
    }

    /// The block of an address. One that is not known could be any, so it is in every network that is blocked:
    /// otherwise whoever can spoil what a proxy tells could leave its network (security case 28).
    #[must_use]
    pub fn of_address(&self, address: Option<IpAddr>, now: Timestamp) -> Option<BlockId> {
        let Some(address) = address else { return in_force(self.longest_network.as_ref(), now) };
        self.prefixes
            .iter()
            .find_map(|&prefix| in_force(self.networks.get(&Network::around(address, prefix)), now))
    }

    /// The block of an application.
    #[must_use]
    pub fn of_application(&self, name: &str, now: Timestamp) -> Option<BlockId> {
        in_force(self.applications.get(name), now)
    }

    /// The block of an own key.
    #[must_use]
    pub fn of_key(&self, id: KeyId, now: Timestamp) -> Option<BlockId> {
        in_force(self.keys.get(&id), now)
    }

    /// The block of an operation.
    #[must_use]
    pub fn of_operation(&self, id: &str, now: Timestamp) -> Option<BlockId> {
        in_force(self.operations.get(id), now)
    }

    /// The block of an access token.
    #[must_use]
    pub fn of_token(&self, id: Fingerprint, now: Timestamp) -> Option<BlockId> {
        in_force(self.tokens.get(&id), now)
    }

    /// The block of a user.
    #[must_use]
    pub fn of_user(&self, issuer: &str, name: &str, now: Timestamp) -> Option<BlockId> {
        in_force(self.users.get(issuer)?.get(name), now)
    }

    /// The block of a workload.
    #[must_use]
    pub fn of_workload(&self, name: &str, now: Timestamp) -> Option<BlockId> {
        in_force(self.workloads.get(name), now)
    }
}

fn in_force(found: Option<&Ends>, now: Timestamp) -> Option<BlockId> {
    found.filter(|ends| now < ends.until).map(|ends| ends.id)
}

fn keep_longest<K>(entry: Entry<'_, K, Ends, FixedState>, ends: Ends)
where
    K: Eq + std::hash::Hash,
{
    entry
        .and_modify(|known| {
            if known.until < ends.until {
                *known = ends;
            }
        })
        .or_insert(ends);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);
    const LATER: Timestamp = Timestamp::from_seconds(2_000);

    fn block(number: u64, kind: &str, name: &str, until: Timestamp) -> Block {
        Block { id: BlockId::new(number), target: BlockTarget::parse(kind, name).unwrap(), until }
    }

    fn table(blocks: &[Block]) -> Blocks {
        Blocks::of(blocks).unwrap()
    }

    #[test]
    fn stops_its_target_and_nothing_beside_it() {
        let blocks = table(&[
            block(1, "api", "orders", LATER),
            block(2, "app", "shop", LATER),
            block(3, "key", "AAAAAAAAAAAA", LATER),
            block(4, "operation", "orders:GET /orders", LATER),
            block(5, "token", "000000000000000000000000000000a1", LATER),
            block(6, "user", "corp/ann", LATER),
            block(7, "workload", "spiffe://a/b", LATER),
        ]);
        let id = |number| Some(BlockId::new(number));
        let token = |number: u128| Fingerprint::from_bytes(number.to_be_bytes());
        let key = |text: &str| KeyId::parse(text.as_bytes()).unwrap();
        for (name, found, near) in [
            ("api", blocks.of_api("orders", NOW), blocks.of_api("order", NOW)),
            ("app", blocks.of_application("shop", NOW), blocks.of_application("shop2", NOW)),
            ("key", blocks.of_key(key("AAAAAAAAAAAA"), NOW), blocks.of_key(key("AAAAAAAAAAAB"), NOW)),
            (
                "operation",
                blocks.of_operation("orders:GET /orders", NOW),
                blocks.of_operation("orders:POST /orders", NOW),
            ),
            ("token", blocks.of_token(token(0xa1), NOW), blocks.of_token(token(0xa2), NOW)),
            ("user", blocks.of_user("corp", "ann", NOW), blocks.of_user("other", "ann", NOW)),
            ("workload", blocks.of_workload("spiffe://a/b", NOW), blocks.of_workload("spiffe://a/b/c", NOW)),
        ]
        .into_iter()
        {
            assert!(found.is_some(), "{name}");
            assert_eq!(near, None, "{name}");
        }
        assert_eq!(blocks.of_api("orders", NOW), id(1));
        // No name counts in the place of another kind.
        assert_eq!(blocks.of_application("orders", NOW), None);
        assert_eq!(blocks.of_user("corp/ann", "", NOW), None);
    }

    #[test]
    fn ends_by_itself_at_its_very_moment() {
        let blocks = table(&[block(1, "app", "shop", LATER)]);
        let before = Timestamp::from_micros(LATER.as_micros() - 1);
        assert!(blocks.of_application("shop", before).is_some());
        assert_eq!(blocks.of_application("shop", LATER), None);
    }

    #[test]
    fn of_two_with_one_target_the_last_to_end_counts_in_any_order() {
        let (short, long) = (block(1, "app", "shop", NOW), block(2, "app", "shop", LATER));
        for pair in [[short.clone(), long.clone()], [long, short]] {
            assert_eq!(table(&pair).of_application("shop", NOW), Some(BlockId::new(2)));
        }
    }

    #[test]
    fn a_network_holds_its_addresses_in_both_spellings() {
        let blocks = table(&[
            block(1, "network", "10.2.0.0/16", LATER),
            block(2, "network", "203.0.113.7", LATER),
            block(3, "network", "2001:db8::/32", LATER),
        ]);
        let of = |text: &str| blocks.of_address(Some(text.parse().unwrap()), NOW);
        for (address, number) in [
            ("10.2.3.4", Some(1)),
            ("::ffff:10.2.3.4", Some(1)),
            ("10.3.0.0", None),
            ("203.0.113.7", Some(2)),
            ("203.0.113.8", None),
            ("2001:db8:1::1", Some(3)),
            ("2001:db9::1", None),
        ] {
            assert_eq!(of(address), number.map(BlockId::new), "{address}");
        }
        // One look-up per distinct length, however many networks.
        assert_eq!(blocks.prefixes.len(), 3);
    }

    #[test]
    fn an_address_that_is_not_known_is_in_every_blocked_network() {
        let blocks =
            table(&[block(1, "network", "10.2.0.0/16", NOW), block(2, "network", "10.3.0.0/16", LATER)]);
        assert_eq!(blocks.of_address(None, NOW), Some(BlockId::new(2)));
        assert_eq!(blocks.of_address(None, LATER), None);
        assert_eq!(table(&[block(1, "app", "shop", LATER)]).of_address(None, NOW), None);
    }

    #[test]
    fn the_number_of_blocks_is_bounded() {
        let mut blocks: Vec<Block> = (0..BLOCKS_MAX as u64)
            .map(|number| block(number, "token", &format!("{number:032x}"), LATER))
            .collect();
        assert_eq!(table(&blocks).len(), BLOCKS_MAX);
        blocks.push(block(0, "token", "ffffffffffffffffffffffffffffffff", LATER));
        assert_eq!(Blocks::of(&blocks).unwrap_err(), TooManyBlocks);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_never_empty() {
        assert!(Blocks::none().is_empty());
        let unreadable = Blocks::unreadable();
        assert!(!unreadable.is_empty());
        assert_eq!(unreadable.soundness(), Soundness::Unreadable);
    }
}
