//! Watches the repository, so that an edited file is live in under a second.
//!
//! Editors write in several steps and replace files, so changes are gathered for a moment and then the whole
//! repository is read again; a half-written state that does not load changes nothing, and the next event reads anew.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use control::{Actor, Control, ControlError};
use notify::{RecursiveMode, Watcher as _};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(120);
/// How often the files are read without an event: some file systems give none.
const LOOK_ANYWAY: Duration = Duration::from_secs(30);

enum Signal {
    Changed,
    Stop,
}

/// The thread that watches; it ends when the value is stopped.
#[derive(Debug)]
pub(crate) struct Watcher {
    signals: SyncSender<Signal>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Begins to watch.
    pub(crate) fn start(control: Arc<Control>) -> anyhow::Result<Self> {
        // One pending signal is enough: it makes the thread read everything.
        let (signals, received) = sync_channel(1);
        let events = signals.clone();
        let folder = control.folder().to_owned();
        let state = folder.join(crate::reach::STATE);
        let mut notifier = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let ours = event.as_ref().is_ok_and(|event| {
                event.kind.is_access() || event.paths.iter().all(|path| path.starts_with(&state))
            });
            if !ours {
                match events.try_send(Signal::Changed) {
                    Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
                }
            }
        })
        .context("cannot watch the repository for changes")?;
        notifier
            .watch(&folder, RecursiveMode::Recursive)
            .with_context(|| format!("cannot watch {} for changes", folder.display()))?;
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                let mut notifier = notifier;
                let mut watched = BTreeSet::new();
                loop {
                    watch_beside(&control, &mut notifier, &mut watched);
                    match received.recv_timeout(LOOK_ANYWAY) {
                        Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                        Ok(Signal::Changed) | Err(RecvTimeoutError::Timeout) => {}
                    }
                    if gather(&received) {
                        return;
                    }
                    reload(&control);
                }
            })
            .context("cannot start the thread that watches the repository")?;
        Ok(Self { signals, thread })
    }

    /// Ends the thread.
    pub(crate) fn stop(self) {
        // The queue may be full of a change; blocking is right, the thread takes it soon.
        drop(self.signals.send(Signal::Stop));
        drop(self.thread.join());
    }
}

/// Watches the folders outside of the repository that hold certificates and keys. Where one cannot be watched, the look
/// that is taken anyway finds its changes.
fn watch_beside(control: &Control, notifier: &mut impl notify::Watcher, watched: &mut BTreeSet<PathBuf>) {
    let inside = control.folder();
    let wanted: BTreeSet<PathBuf> =
        control.tls_folders().into_iter().filter(|folder| !folder.starts_with(inside)).collect();
    for gone in watched.difference(&wanted) {
        drop(notifier.unwatch(gone));
    }
    for new in wanted.difference(watched) {
        if let Err(error) = notifier.watch(new, RecursiveMode::NonRecursive) {
            tracing::warn!(folder = %new.display(), %error, "changes of its files are seen late");
        }
    }
    *watched = wanted;
}

/// Waits until no change has come for a moment; true when it is time to stop.
fn gather(received: &std::sync::mpsc::Receiver<Signal>) -> bool {
    // A file that changes without end must not keep the others from being read.
    for _ in 0..4 {
        match received.recv_timeout(GATHER) {
            Ok(Signal::Changed) => {}
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
    false
}

fn reload(control: &Control) {
    match control.reload(&Actor::gateway(), "file changed") {
        Ok(_) => {}
        Err(ControlError::Files(errors)) => {
            for error in errors {
                tracing::error!(%error, "file not in force; the last good revision stays");
            }
        }
        Err(error) => tracing::error!(error = %control::chain(&error), "the repository could not be read"),
    }
}
