//! What one worker owns: its deadlines, memory and upstream connections. Nothing of it is shared with another
//! worker, so nothing here is locked.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use model::{Fingerprint, Timestamp};
use tls::RefusedCertificate;

use crate::buffers::Buffers;
use crate::pool::Pools;
use crate::secure::UpstreamConfigs;
use crate::settings::Settings;
use crate::sighting::Texts;
use crate::timers::Timers;

/// Refused client certificates that one worker tells the log of, and in which time.
const TOLD_MAX: u32 = 10;
const TOLD_PER: Duration = Duration::from_secs(60);

/// Where the time comes from; the proxy itself reads no clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How far the worker is with its life; it only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// No new connections, no further requests on those that are there.
    Draining,
    /// Requests in flight break off.
    Stopped,
}

/// The deadlines in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    pub(crate) handshake: u32,
    pub(crate) head: u32,
    pub(crate) idle: u32,
    pub(crate) body: u32,
    pub(crate) linger: u32,
}

/// A worker's own state.
pub(crate) struct Worker {
    pub(crate) settings: Settings,
    pub(crate) ticks: Ticks,
    pub(crate) timers: Rc<Timers>,
    pub(crate) buffers: Buffers,
    pub(crate) pools: Pools,
    /// What answers told the inventory.
    pub(crate) texts: Rc<RefCell<Texts>>,
    /// TLS handshakes of clients under way.
    handshakes: Cell<usize>,
    /// Refused certificates that were told of, and when that began to be counted.
    told: Cell<(Timestamp, u32)>,
    stage: Cell<Stage>,
    clock: Clock,
}

/// A handshake under way; over when dropped.
#[derive(Debug)]
pub(crate) struct UnderWay<'a>(&'a Cell<usize>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Worker").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker that serves; `own` is where this gateway itself listens.
    pub(crate) fn new(settings: &Settings, clock: Clock, own: &[SocketAddr], tls: UpstreamConfigs) -> Self {
        let deadlines = &settings.deadlines;
        Self {
            settings: *settings,
            ticks: Ticks {
                handshake: Timers::ticks(deadlines.handshake),
                head: Timers::ticks(deadlines.head),
                idle: Timers::ticks(deadlines.idle),
                body: Timers::ticks(deadlines.body),
                linger: Timers::ticks(deadlines.linger),
            },
            timers: Timers::new(),
            buffers: Buffers::default(),
            pools: Pools::new(settings, own, tls),
            texts: Rc::default(),
            handshakes: Cell::new(0),
            told: Cell::new((Timestamp::MIN, 0)),
            stage: Cell::new(Stage::Serving),
            clock,
        }
    }

    /// The time, for what is recorded.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Lets a handshake begin. Where as many are under way as may be, the one that has taken longest is told to end: whoever
    /// opens connections and says nothing must not keep others out.
    pub(crate) fn begin_handshake(&self) -> UnderWay<'_> {
        if self.settings.limits.handshakes_max <= self.handshakes.get() {
            self.timers.dismiss_handshake();
        }
        self.handshakes.set(self.handshakes.get().saturating_add(1));
        UnderWay(&self.handshakes)
    }

    /// Tells the log of a client certificate that was refused: whoever expects its client finds why. Anybody can show
    /// certificates, so only some are told of; all are counted.
    pub(crate) fn tell_refused(&self, refused: &RefusedCertificate, peer: IpAddr) {
        let now = self.now();
        let (since, told) = self.told.get();
        let (since, told) = if since.plus(TOLD_PER) <= now || now < since { (now, 0) } else { (since, told) };
        self.told.set((since, told.saturating_add(1)));
        if TOLD_MAX <= told {
            return;
        }
        let fingerprint = Fingerprint::of_hash(&refused.digest);
        let RefusedCertificate { serial, name, reason, .. } = refused;
        tracing::warn!(%peer, %fingerprint, serial, name, reason, "client certificate refused");
        if told + 1 == TOLD_MAX {
            tracing::warn!("further client certificates that are refused in this minute are only counted");
        }
    }

    pub(crate) const fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Moves on, and lets every connection know.
    pub(crate) fn enter(&self, stage: Stage) {
        if self.stage.get() < stage {
            self.stage.set(stage);
            self.timers.wake_all();
        }
    }
}
