//! A gate between two threads: closed until it is opened, then open for good.

use std::sync::{Arc, Condvar, Mutex};

use crate::WAIT;

/// Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody pass.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until the gate is open; `false` where that does not come.
    #[must_use]
    pub fn pass(&self) -> bool {
        let open = self.0.0.lock().unwrap();
        let (open, _) = self.0.1.wait_timeout_while(open, WAIT, |open| !*open).unwrap();
        *open
    }
}
