//! The gateway's own secrets: made once, sealed under the master key, opened at each start.
//!
//! A store whose secrets do not open is refused: going on with new ones would cut the log and every upstream's trust
//! in assertions without anybody noticing.

use std::time::Duration;

use identity::{MasterKey, Purpose, Signer};
use model::{Secret, Timestamp};
use store::Store;

use crate::ControlError;
use crate::blocks::BlockKey;

/// After how long a signing key is replaced.
pub(crate) const SIGNING_KEY_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

const LOG_SEED: &str = "log-checkpoint";
const FINGERPRINT: &str = "fingerprint-key";
const BLOCKS: &str = "block-signing";
const SIGNING_PREFIX: &str = "assertion-signing-";

/// The opened secrets.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// Seed of the Ed25519 key that signs checkpoints.
    pub(crate) log_seed: Secret,
    /// Key of the hashes under which path parameters are recorded.
    pub(crate) fingerprint: Secret,
    /// Signs blocks.
    pub(crate) blocks: BlockKey,
    pub(crate) signing: Signing,
}

/// The keys of assertions.
#[derive(Debug)]
pub(crate) struct Signing {
    /// Newest first: the first signs, the other is published until the next is made.
    pub(crate) signers: Vec<Signer>,
    /// When the first is to be replaced.
    pub(crate) due: Timestamp,
}

impl Signing {
    /// The key set as it is published.
    pub(crate) fn jwks(&self) -> Vec<u8> {
        identity::jwks(self.signers.iter().map(Signer::public)).into_bytes()
    }
}

/// Opens the secrets, and makes those that do not exist yet.
pub(crate) fn open(
    store: &mut Store,
    master: &MasterKey,
    random: &dyn Fn(&mut [u8]) -> Result<(), ControlError>,
    now: Timestamp,
) -> Result<Secrets, ControlError> {
    let drawn = || {
        let mut bytes = [0_u8; 32];
        random(&mut bytes)?;
        Ok(Secret::new(bytes))
    };
    let log_seed = open_or_make(store, master, Purpose::LogCheckpoint, LOG_SEED, now, &drawn)?;
    let fingerprint = open_or_make(store, master, Purpose::FingerprintKey, FINGERPRINT, now, &drawn)?;
    let blocks = block_key(store, master, now, &drawn)?;
    let signing = signing(store, master, now)?;
    Ok(Secrets { log_seed, fingerprint, blocks, signing })
}

fn open_or_make(
    store: &mut Store,
    master: &MasterKey,
    purpose: Purpose,
    name: &str,
    now: Timestamp,
    make: &dyn Fn() -> Result<Secret, ControlError>,
) -> Result<Secret, ControlError> {
    if let Some(sealed) = store.secret(name)? {
        return unseal(master, purpose, name, &sealed);
    }
    let secret = make()?;
    let sealed = master
        .seal(purpose, name, secret.expose())
        .map_err(|error| ControlError::Secret { what: format!("`{name}`: {error}") })?;
    store.add_secret(name, &sealed, now)?;
    Ok(secret)
}

/// The key of blocks is made together with the signed note about an empty list, so that a list without its note shows.
fn block_key(
    store: &mut Store,
    master: &MasterKey,
    now: Timestamp,
    make: &dyn Fn() -> Result<Secret, ControlError>,
) -> Result<BlockKey, ControlError> {
    if let Some(sealed) = store.secret(BLOCKS)? {
        return BlockKey::new(&unseal(master, Purpose::BlockSigning, BLOCKS, &sealed)?);
    }
    let secret = make()?;
    let key = BlockKey::new(&secret)?;
    let sealed = master
        .seal(Purpose::BlockSigning, BLOCKS, secret.expose())
        .map_err(|error| ControlError::Secret { what: format!("`{BLOCKS}`: {error}") })?;
    store.begin_blocks(BLOCKS, &sealed, &key.sign_list(&[])?, now)?;
    Ok(key)
}

fn unseal(master: &MasterKey, purpose: Purpose, name: &str, sealed: &[u8]) -> Result<Secret, ControlError> {
    master.open(purpose, name, sealed).map_err(|error| ControlError::Secret {
        what: format!("`{name}`: {error}; start with the master key under which the store was made"),
    })
}

/// The newest key signs; a younger one is made when it is a month old. The one before stays published for a month more.
pub(crate) fn signing(
    store: &mut Store,
    master: &MasterKey,
    now: Timestamp,
) -> Result<Signing, ControlError> {
    let mut names: Vec<(String, Timestamp)> =
        store.secret_names()?.into_iter().filter(|(name, _)| name.starts_with(SIGNING_PREFIX)).collect();
    names.sort_by_key(|(_, written)| std::cmp::Reverse(*written));
    let due = names.first().is_none_or(|(_, written)| written.plus(SIGNING_KEY_LIFETIME) <= now);
    if due {
        let secret = identity::generate_signing_key()
            .map_err(|error| ControlError::Secret { what: error.to_string() })?;
        let name = format!("{SIGNING_PREFIX}{}", now.as_micros());
        let seal = |_: &()| master.seal(Purpose::AssertionSigning, &name, secret.expose());
        let sealed = seal(&()).map_err(|error| ControlError::Secret { what: error.to_string() })?;
        store.add_secret(&name, &sealed, now)?;
        names.insert(0, (name, now));
    }
    for (old, _) in names.split_off(names.len().min(2)) {
        store.remove_secret(&old)?;
    }
    let open = |(name, _): &(String, Timestamp)| {
        let sealed = store.secret(name)?.unwrap_or_default();
        let secret = unseal(master, Purpose::AssertionSigning, name, &sealed)?;
        Signer::from_pkcs8(&secret)
            .map_err(|error| ControlError::Secret { what: format!("`{name}`: {error}") })
    };
    let due = names.first().map_or(now, |(_, written)| *written).plus(SIGNING_KEY_LIFETIME);
    let signers: Result<Vec<Signer>, ControlError> = names.iter().map(open).collect();
    Ok(Signing { signers: signers?, due })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(bytes: &mut [u8]) -> Result<(), ControlError> {
        bytes.fill(7);
        Ok(())
    }

    fn at(day: u64) -> Timestamp {
        Timestamp::from_seconds(1_796_000_000).plus(Duration::from_secs(day * 86_400))
    }

    #[test]
    fn survive_a_restart_under_the_same_master_key_only() {
        let mut store = Store::in_memory().unwrap();
        let master = MasterKey::from_bytes([1; 32]);
        let first = open(&mut store, &master, &random, at(0)).unwrap();
        let again = open(&mut store, &master, &random, at(1)).unwrap();
        assert_eq!(first.log_seed.expose(), again.log_seed.expose());
        assert_eq!(first.signing.signers[0].public(), again.signing.signers[0].public());
        let other = open(&mut store, &MasterKey::from_bytes([2; 32]), &random, at(1));
        assert!(matches!(other, Err(ControlError::Secret { .. })));
    }

    #[test]
    fn signing_keys_are_replaced_with_an_overlap() {
        let mut store = Store::in_memory().unwrap();
        let master = MasterKey::from_bytes([1; 32]);
        let first = open(&mut store, &master, &random, at(0)).unwrap();
        let second = open(&mut store, &master, &random, at(30)).unwrap();
        assert_eq!(second.signing.signers.len(), 2);
        assert_ne!(second.signing.signers[0].public(), first.signing.signers[0].public());
        assert_eq!(
            second.signing.signers[1].public(),
            first.signing.signers[0].public(),
            "the old key is still published"
        );
        let third = open(&mut store, &master, &random, at(60)).unwrap();
        assert_eq!(third.signing.signers.len(), 2);
        assert_eq!(third.signing.signers[1].public(), second.signing.signers[0].public());
    }
}
