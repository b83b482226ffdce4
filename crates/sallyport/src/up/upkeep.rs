//! What a running gateway does every few seconds: carries counts and last uses into the store, and renews what is due.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use control::Control;

use crate::system::unheeded;

/// How often.
const INTERVAL: Duration = Duration::from_secs(5);

/// The thread that does it.
#[derive(Debug)]
pub(crate) struct Upkeep {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Upkeep {
    pub(crate) fn start(control: Arc<Control>) -> anyhow::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(move || {
                while matches!(stopped.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
                    if let Err(error) = control.keep_up() {
                        tracing::error!(error = %control::chain(&error), "upkeep failed; it is tried again");
                    }
                }
            })
            .context("cannot start the upkeep thread")?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread.
    pub(crate) fn stop(self) {
        unheeded(self.stop.send(()));
        unheeded(self.thread.join());
    }
}
