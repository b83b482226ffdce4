//! Waiting for keys of an issuer that somebody else fetches.
//!
//! Any number of requests can want the keys of one issuer; the fetcher is told once and tells all of them when it has
//! tried. Every wait is bounded, and a request that waited in vain is judged by the keys that there are.

use std::time::Duration;

use arc_swap::ArcSwap;
use enforce::Snapshot;
use model::{IssuerName, Timestamp};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// The longest time that a request waits for keys.
pub const KEY_WAIT: Duration = Duration::from_secs(3);
/// Wishes that the fetcher has not seen yet; more are dropped, for there are no more issuers than these.
const WISHES_MAX: usize = 64;

/// The side of the workers.
#[derive(Clone, Debug)]
pub struct KeyWants {
    snapshots: Arc<ArcSwap<Snapshot>>,
    wishes: mpsc::Sender<IssuerName>,
    /// Counts attempts.
    attempts: watch::Receiver<u64>,
}

/// The side of whoever fetches.
#[derive(Debug)]
pub struct WantedKeys {
    pub wishes: mpsc::Receiver<IssuerName>,
    /// To be counted up after every attempt, good or bad, once the snapshot says so.
    pub attempts: watch::Sender<u64>,
}

/// Both sides.
#[must_use]
pub fn key_wants(snapshots: Arc<ArcSwap<Snapshot>>) -> (KeyWants, WantedKeys) {
    let (sender, wishes) = mpsc::channel(WISHES_MAX);
    let (attempts, watched) = watch::channel(0);
    (KeyWants { snapshots, wishes: sender, attempts: watched }, WantedKeys { wishes, attempts })
}

impl KeyWants {
    /// Waits until the keys of `issuer` were asked for since `known`, [`KEY_WAIT`] at most.
    pub(crate) async fn newer(&self, issuer: &IssuerName, known: Option<Timestamp>) {
        let mut attempts = self.attempts.clone();
        attempts.mark_unchanged();
        // Where the queue is full, the fetcher is about to look.
        drop(self.wishes.try_send(issuer.clone()));
        let tried = async {
            while attempted(&self.snapshots.load(), issuer) == known {
                if attempts.changed().await.is_err() {
                    return;
                }
            }
        };
        drop(tokio::time::timeout(KEY_WAIT, tried).await);
    }
}

fn attempted(snapshot: &Snapshot, name: &IssuerName) -> Option<Timestamp> {
    let issuer = snapshot.revision.issuers.iter().find(|issuer| issuer.name == *name)?;
    snapshot.key_sets.held(issuer)?.attempted
}
