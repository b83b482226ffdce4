//! Who sent a request: presented credentials, keys and a point in time in, one caller out.
//!
//! What always holds: a credential that was presented and fails never becomes anonymous; a secret is compared by
//! digest, in constant time, and an unknown key costs the same work as a wrong secret; nothing here prints a
//! secret. What this crate never does: read a clock, wait, or let a network or a path identify anyone; a query does only
//! where an API says that its own keys stand there.
//!
//! Two functions draw random bytes from the cryptographic library, because a secret that leaves it unsealed
//! before it exists would be worse: [`assertion::generate_signing_key`] and sealing (the nonce, and
//! [`MasterKey::generate`]). Everything on the request path is a function of its arguments.

pub mod assertion;
pub mod blocks;
mod certificate;
pub mod digest;
pub mod existing;
pub mod guesses;
pub mod identify;
pub mod key;
pub mod seal;
pub mod table;
pub mod token;
pub mod workloads;

pub use assertion::cache::{AssertionCache, AssertionSubject};
pub use assertion::{Claims, PublicSigningKey, Signer, SignerError, generate_signing_key, jwks};
pub use blocks::{BLOCKS_MAX, Blocks, Soundness, TooManyBlocks};
pub use digest::SecretDigest;
pub use existing::{
    ExistingKeys, FingerprintKey, KeyedDigest, WholeDigest, claimed_name, is_claimed_name, with_existing,
};
pub use guesses::{Guesses, Origin, TooMany};
pub use identify::{
    Foreign, Identified, NotIdentified, OwnCredential, foreign_bearer, holds_own_key, identify, own_key_in,
};
pub use key::{KeyFault, MadeKey, PresentedKey, looks_like_own_key};
pub use seal::{MasterKey, MasterKeyError, OpenError, Purpose, SealError};
pub use table::{ApplicationState, KeyEntry, KeySecret, KeyState, KeyTable, KeyUsage, LimitCell, Stops};
pub use workloads::Workloads;
