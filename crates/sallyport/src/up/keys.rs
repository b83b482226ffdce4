//! Keeps the key sets of issuers: reads files when they change, fetches the others regularly and when a token names a
//! key that nobody knows, each at most once at a time.
//!
//! What was got goes to [`Control`], which alone says whether it counts. Whatever fails is tried again; requests are
//! judged by the last good keys in the meantime.

mod source;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use control::{Control, SourceOfKeys};
use model::IssuerName;
use proxy::WantedKeys;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::system::unheeded;
use source::{FileState, Look};

/// How often files and the configuration are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How soon a failed attempt is repeated, where the issuer is not asked more often anyway.
const RETRY: Duration = Duration::from_secs(30);

/// The thread that keeps them.
#[derive(Debug)]
pub(crate) struct Keys {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Keys {
    pub(crate) fn start(control: Arc<Control>, wanted: WantedKeys) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let thread = std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || runtime.block_on(Keeper::new(control, wanted).run(stopped)))
            .context("cannot start the thread that keeps key sets")?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread.
    pub(crate) fn stop(self) {
        unheeded(self.stop.send(true));
        unheeded(self.thread.join());
    }
}

/// One source, and when it is due.
struct Kept {
    source: SourceOfKeys,
    due: Instant,
    last: Option<Instant>,
    flying: Flying,
    file: Option<FileState>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flying {
    No,
    Yes,
}

struct Keeper {
    control: Arc<Control>,
    wanted: WantedKeys,
    kept: BTreeMap<IssuerName, Kept>,
    flights: JoinSet<(SourceOfKeys, Look)>,
}

impl Keeper {
    fn new(control: Arc<Control>, wanted: WantedKeys) -> Self {
        Self { control, wanted, kept: BTreeMap::new(), flights: JoinSet::new() }
    }

    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            self.follow_configuration();
            self.begin_due();
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                _ = look.tick() => {}
                Some(ended) = self.flights.join_next() => self.land(ended),
                Some(issuer) = self.wanted.wishes.recv() => self.wish(&issuer),
            }
        }
    }

    /// Takes in what is configured now; what is new or has changed is due at once.
    fn follow_configuration(&mut self) {
        let sources = self.control.key_sources();
        self.kept.retain(|name, _| sources.iter().any(|source| source.config.name == *name));
        let now = Instant::now();
        for source in sources {
            let known = self.kept.get(&source.config.name);
            if known.is_none_or(|known| known.source != source) {
                let kept = Kept { source, due: now, last: None, flying: Flying::No, file: None };
                self.kept.insert(kept.source.config.name.clone(), kept);
            }
        }
    }

    fn begin_due(&mut self) {
        let now = Instant::now();
        for kept in self.kept.values_mut() {
            if kept.flying == Flying::Yes {
                continue;
            }
            // A file is looked at each time, which costs one system call while it has not changed.
            let is_changed = kept.file.as_ref().is_some_and(|file| file.has_changed());
            if kept.due <= now || is_changed {
                kept.flying = Flying::Yes;
                kept.last = Some(now);
                let (source, folder) = (kept.source.clone(), self.control.folder().to_owned());
                self.flights.spawn(async move {
                    let look = source::look(&source, &folder).await;
                    (source, look)
                });
            }
        }
    }

    fn wish(&mut self, issuer: &IssuerName) {
        let now = Instant::now();
        if let Some(kept) = self.kept.get_mut(issuer) {
            let interval = kept.source.config.refetch_interval;
            if kept.last.is_none_or(|last| last + interval <= now) {
                kept.due = now;
            }
        }
    }

    fn land(&mut self, ended: Result<(SourceOfKeys, Look), tokio::task::JoinError>) {
        let (source, look) = match ended {
            Ok(landed) => landed,
            Err(error) => {
                tracing::error!(%error, "an attempt to get keys ended abnormally");
                self.kept.clear();
                return;
            }
        };
        let name = &source.config.name;
        let fetched = look.keys.as_deref().map_err(Clone::clone);
        let fault = self.control.take_keys(&source, fetched);
        match &fault {
            Some(fault) => {
                tracing::warn!(issuer = %name, fault, "no new keys; the last good ones stay for now");
            }
            None => tracing::debug!(issuer = %name, "keys confirmed"),
        }
        if let Some(kept) = self.kept.get_mut(name).filter(|kept| kept.source == source) {
            let interval = source.refresh_interval();
            let next = if fault.is_some() { interval.min(RETRY) } else { interval };
            kept.due = Instant::now() + next;
            kept.flying = Flying::No;
            kept.file = look.file;
        }
        self.wanted.attempts.send_modify(|attempts| *attempts += 1);
    }
}
