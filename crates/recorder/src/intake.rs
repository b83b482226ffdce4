//! What workers hand over: their rings, and what was set aside out of them while the sequencer waited for a disk.
//!
//! A disk may take seconds for a sync, and in that time a busy worker fills its ring. A thread of its own looks whether the
//! sequencer has come round since the last look, and where it has not, moves what the rings hold into memory, up to
//! [`Options::set_aside_bytes`](crate::Options::set_aside_bytes). Nothing is judged durable here, and the order of each worker's entries stays.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, TryLockError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use rtrb::Consumer;

/// How often is looked whether the sequencer waits. A ring holds what a worker writes in several times as long.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The reading ends of all rings.
#[derive(Debug)]
pub(crate) struct Intake {
    lanes: Vec<Lane>,
    /// How often the sequencer has come.
    rounds: u64,
    set_aside: usize,
    set_aside_max: usize,
    /// The most that was set aside so far, in bytes.
    fullest: usize,
}

/// What comes from one worker.
#[derive(Debug)]
struct Lane {
    ring: Consumer<u8>,
    /// Whole messages, older than those in the ring.
    aside: VecDeque<Vec<u8>>,
}

impl Intake {
    pub(crate) fn new(rings: Vec<Consumer<u8>>, set_aside_max: usize) -> Self {
        let lanes = rings.into_iter().map(|ring| Lane { ring, aside: VecDeque::new() }).collect();
        Self { lanes, rounds: 0, set_aside: 0, set_aside_max, fullest: 0 }
    }

    /// The sequencer has come round.
    pub(crate) fn come_round(&mut self) {
        self.rounds = self.rounds.wrapping_add(1);
    }

    /// The most that was set aside so far, in bytes.
    pub(crate) const fn fullest(&self) -> u64 {
        self.fullest as u64
    }

    /// Whether something waits that was set aside.
    pub(crate) const fn has_set_aside(&self) -> bool {
        self.set_aside != 0
    }

    /// Puts the oldest messages of a worker into `batch`: a part of what was set aside and, where nothing else was, all
    /// that its ring holds.
    pub(crate) fn take(&mut self, lane: usize, batch: &mut Vec<u8>) {
        batch.clear();
        let Some(lane) = self.lanes.get_mut(lane) else { return };
        if let Some(bytes) = lane.aside.pop_front() {
            self.set_aside = self.set_aside.saturating_sub(bytes.len());
            *batch = bytes;
        }
        if lane.aside.is_empty() {
            lane.empty_ring(batch, usize::MAX);
        }
    }

    /// Moves what the rings hold into memory, as far as there is room for it. A ring is moved whole or not at all: a part
    /// of it could end within a message.
    fn set_aside(&mut self) {
        for lane in &mut self.lanes {
            let mut bytes = Vec::new();
            lane.empty_ring(&mut bytes, self.set_aside_max.saturating_sub(self.set_aside));
            if !bytes.is_empty() {
                self.set_aside = self.set_aside.saturating_add(bytes.len());
                lane.aside.push_back(bytes);
            }
        }
        self.fullest = self.fullest.max(self.set_aside);
    }
}

impl Lane {
    /// Moves everything out of the ring, unless that is more than `most` bytes.
    fn empty_ring(&mut self, batch: &mut Vec<u8>, most: usize) {
        let waiting = self.ring.slots();
        if most < waiting {
            return;
        }
        let Ok(chunk) = self.ring.read_chunk(waiting) else { return };
        let (one, two) = chunk.as_slices();
        batch.reserve_exact(one.len().saturating_add(two.len()));
        batch.extend_from_slice(one);
        batch.extend_from_slice(two);
        chunk.commit_all();
    }
}

/// The thread that empties the rings while the sequencer waits. It ends when the intake is gone.
#[derive(Debug)]
pub(crate) struct Standby {
    thread: Option<JoinHandle<()>>,
}

impl Standby {
    pub(crate) fn start(intake: &Arc<Mutex<Intake>>) -> std::io::Result<Self> {
        let intake = Arc::downgrade(intake);
        let run = move || {
            let mut seen = 0;
            while look(&intake, &mut seen) {
                std::thread::park_timeout(LOOK_EVERY);
            }
        };
        let thread = std::thread::Builder::new().name("record-standby".into()).spawn(run)?;
        Ok(Self { thread: Some(thread) })
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// One look; false when there is nothing left to look after. Who holds the intake is at work on it, so it is left alone.
fn look(intake: &Weak<Mutex<Intake>>, seen: &mut u64) -> bool {
    let Some(intake) = intake.upgrade() else { return false };
    match intake.try_lock() {
        Ok(mut intake) if intake.rounds == *seen => intake.set_aside(),
        Ok(intake) => *seen = intake.rounds,
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Poisoned(_)) => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(bytes: usize) -> (rtrb::Producer<u8>, Consumer<u8>) {
        rtrb::RingBuffer::new(bytes)
    }

    fn taken(intake: &mut Intake, lane: usize) -> Vec<u8> {
        let mut batch = vec![9];
        intake.take(lane, &mut batch);
        batch
    }

    #[test]
    fn what_was_set_aside_comes_before_what_the_ring_holds() {
        let ((mut one, one_end), (mut two, two_end)) = (ring(4), ring(4));
        let mut intake = Intake::new(vec![one_end, two_end], 100);
        for number in 0..5_u8 {
            one.push_entire_slice(&[number; 3]).unwrap();
            intake.set_aside();
        }
        one.push_entire_slice(&[5; 3]).unwrap();
        two.push_entire_slice(&[7; 2]).unwrap();
        assert!(intake.has_set_aside());
        let order: Vec<Vec<u8>> = (0..6).map(|_| taken(&mut intake, 0)).collect();
        let alone = |number: u8| vec![number; 3];
        // With the last of them comes what the ring holds, so that whoever is told of an empty intake has all of it.
        let last = [4, 4, 4, 5, 5, 5].to_vec();
        assert_eq!(order, [alone(0), alone(1), alone(2), alone(3), last, Vec::new()]);
        assert_eq!(taken(&mut intake, 1), [7; 2]);
        assert!(!intake.has_set_aside());
        assert_eq!(intake.fullest(), 15);
    }

    #[test]
    fn a_ring_stays_as_it_is_where_there_is_no_room_for_all_of_it() {
        let (mut worker, end) = ring(8);
        let mut intake = Intake::new(vec![end], 10);
        worker.push_entire_slice(&[1; 6]).unwrap();
        intake.set_aside();
        worker.push_entire_slice(&[2; 6]).unwrap();
        intake.set_aside();
        assert_eq!((intake.set_aside, worker.slots()), (6, 2), "a ring was moved in part or over the limit");
        assert_eq!(taken(&mut intake, 0), [[1; 6], [2; 6]].concat());
        assert_eq!((intake.set_aside, worker.slots()), (0, 8));
    }

    #[test]
    fn the_rings_are_left_to_a_sequencer_that_comes_round() {
        let (mut worker, end) = ring(8);
        let intake = Arc::new(Mutex::new(Intake::new(vec![end], 100)));
        let weak = Arc::downgrade(&intake);
        let mut seen = 0;
        worker.push_entire_slice(&[1; 6]).unwrap();
        for _ in 0..3 {
            intake.lock().unwrap().come_round();
            assert!(look(&weak, &mut seen));
            assert_eq!(worker.slots(), 2);
        }
        assert!(look(&weak, &mut seen));
        assert_eq!(worker.slots(), 8);
        drop(intake);
        assert!(!look(&weak, &mut seen));
    }
}
