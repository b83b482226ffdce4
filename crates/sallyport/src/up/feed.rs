//! The thread that carries what the workers saw into the inventory.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use control::Control;
use traffic::{RingReceiver, RingSender};

use crate::system::unheeded;

/// Bytes of a worker's ring: some five thousand requests.
pub(super) const RING_BYTES: usize = 512 << 10;
/// How often it is emptied; at 50,000 requests a second it is half full by then.
const INTERVAL: Duration = Duration::from_millis(50);

/// The thread that does it.
#[derive(Debug)]
pub(crate) struct Feed {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

/// One ring per worker.
pub(super) fn rings(workers: usize) -> (Vec<RingSender>, Vec<RingReceiver>) {
    (0..workers).map(|_| traffic::ring(RING_BYTES)).unzip()
}

impl Feed {
    pub(super) fn start(control: Arc<Control>, mut rings: Vec<RingReceiver>) -> anyhow::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("inventory".to_owned())
            .spawn(move || {
                while matches!(stopped.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
                    control.feed_inventory(&mut rings);
                }
                // What the workers sent before they ended.
                control.feed_inventory(&mut rings);
            })
            .context("cannot start the inventory's thread")?;
        Ok(Self { stop, thread })
    }

    /// Takes what is left and ends the thread.
    pub(crate) fn stop(self) {
        unheeded(self.stop.send(()));
        unheeded(self.thread.join());
    }
}
