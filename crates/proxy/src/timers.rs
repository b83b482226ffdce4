//! Deadlines without timers: each connection has three points in time in cells, and the worker looks at all of them
//! once per tick.
//!
//! Setting a deadline is one store. A tick visits each connection once, which for 10,000 connections is less work
//! than arming and disarming the timers of a few hundred requests. What waits learns that its deadline has passed by
//! being woken, and by asking [`Watch::is_over`] whenever it finds nothing to do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::settings::TICK;

const NEVER: u32 = u32::MAX;

const TICK_NANOS: u32 = TICK.subsec_nanos();
const TICKS_PER_SECOND: u64 = 1_000_000_000 / TICK_NANOS as u64;
// INVARIANT: ticks fill a second without a rest.
const _: () = assert!(TICK.as_secs() == 0 && 1_000_000_000 % TICK_NANOS == 0);

/// Which of a connection's deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// When a request under way has to be decided again.
    Again,
    /// Whatever the connection waits for, except its request body.
    Main,
    /// Progress of the request body, while the answer may come at the same time.
    Upload,
}

/// What a connection is doing, as far as the worker must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Between two requests: it may be closed at any time.
    Idle,
    Busy,
    /// Told to close: idle until then, or in the middle of a handshake.
    Dismissed,
    /// In its TLS handshake, before any request.
    Handshake,
}

#[derive(Debug)]
struct Slot {
    place: Cell<usize>,
    main: Cell<u32>,
    upload: Cell<u32>,
    again: Cell<u32>,
    activity: Cell<Activity>,
    waker: RefCell<Option<Waker>>,
}

/// The deadlines of all connections of a worker.
#[derive(Debug)]
pub(crate) struct Timers {
    now: Cell<u32>,
    slots: RefCell<Vec<Rc<Slot>>>,
}

/// The deadlines of one connection; forgotten when dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    timers: Rc<Timers>,
    slot: Rc<Slot>,
}

impl Timers {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { now: Cell::new(0), slots: RefCell::new(Vec::new()) })
    }

    /// Registers a connection.
    pub(crate) fn watch(self: &Rc<Self>) -> Watch {
        let mut slots = self.slots.borrow_mut();
        let slot = Rc::new(Slot {
            place: Cell::new(slots.len()),
            main: Cell::new(NEVER),
            upload: Cell::new(NEVER),
            again: Cell::new(NEVER),
            activity: Cell::new(Activity::Idle),
            waker: RefCell::new(None),
        });
        slots.push(Rc::clone(&slot));
        Watch { timers: Rc::clone(self), slot }
    }

    /// How many ticks have passed.
    pub(crate) fn now(&self) -> u32 {
        self.now.get()
    }

    /// Whole ticks that cover `duration`.
    pub(crate) fn ticks(duration: Duration) -> u32 {
        // One division, of 32 bits: this is asked for each request.
        let rest = duration.subsec_nanos().div_ceil(TICK_NANOS);
        let ticks = duration.as_secs().saturating_mul(TICKS_PER_SECOND).saturating_add(u64::from(rest));
        u32::try_from(ticks).unwrap_or(NEVER)
    }

    /// Says that `now` ticks have passed since the start, and wakes whoever has a deadline that passed with them.
    pub(crate) fn advance(&self, now: u32) {
        self.now.set(now);
        for slot in self.slots.borrow().iter() {
            if slot.main.get() <= now || slot.upload.get() <= now || slot.again.get() <= now {
                slot.wake();
            }
        }
    }

    /// Lets every request that is under way be decided again, at once.
    pub(crate) fn review(&self) {
        for slot in self.slots.borrow().iter() {
            if slot.again.get() != NEVER {
                slot.again.set(0);
                slot.wake();
            }
        }
    }

    /// Wakes every connection, so that each can see that the worker is stopping.
    pub(crate) fn wake_all(&self) {
        for slot in self.slots.borrow().iter() {
            slot.wake();
        }
    }

    /// Tells the idle connection whose deadline is nearest, which is the one that has idled longest, to close.
    pub(crate) fn dismiss_one(&self) {
        self.dismiss_longest(Activity::Idle);
    }

    /// Tells the handshake that has taken longest to end.
    pub(crate) fn dismiss_handshake(&self) {
        self.dismiss_longest(Activity::Handshake);
    }

    /// Of the connections that do this, the one with the nearest deadline is told to close.
    fn dismiss_longest(&self, activity: Activity) {
        let slots = self.slots.borrow();
        let candidates = slots.iter().filter(|slot| slot.activity.get() == activity);
        if let Some(slot) = candidates.min_by_key(|slot| slot.main.get()) {
            slot.activity.set(Activity::Dismissed);
            slot.wake();
        }
    }
}

impl Slot {
    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    const fn deadline(&self, phase: Phase) -> &Cell<u32> {
        match phase {
            Phase::Again => &self.again,
            Phase::Main => &self.main,
            Phase::Upload => &self.upload,
        }
    }
}

impl Watch {
    /// Says which task to wake. A task polls its connection itself, so once per connection is enough.
    pub(crate) fn register(&self, context: &Context<'_>) {
        let mut waker = self.slot.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Lets the deadline pass `ticks` ticks from now, never earlier.
    pub(crate) fn arm(&self, phase: Phase, ticks: u32) {
        // One more, because a part of the present tick has gone by.
        self.slot.deadline(phase).set(self.timers.now.get().saturating_add(ticks).saturating_add(1));
    }

    /// Takes the deadline away.
    pub(crate) fn disarm(&self, phase: Phase) {
        self.slot.deadline(phase).set(NEVER);
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_over(&self, phase: Phase) -> bool {
        self.slot.deadline(phase).get() <= self.timers.now.get()
    }

    pub(crate) fn set_activity(&self, activity: Activity) {
        self.slot.activity.set(activity);
    }

    pub(crate) fn activity(&self) -> Activity {
        self.slot.activity.get()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut slots = self.timers.slots.borrow_mut();
        let place = self.slot.place.get();
        if slots.get(place).is_some_and(|slot| Rc::ptr_eq(slot, &self.slot)) {
            slots.swap_remove(place);
            if let Some(moved) = slots.get(place) {
                moved.place.set(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_late_rather_than_early() {
        let timers = Timers::new();
        let watch = timers.watch();
        timers.advance(10);
        watch.arm(Phase::Main, Timers::ticks(Duration::from_secs(1)));
        timers.advance(14);
        assert!(!watch.is_over(Phase::Main));
        timers.advance(15);
        assert!(watch.is_over(Phase::Main));
        assert!(!watch.is_over(Phase::Upload));
        watch.disarm(Phase::Main);
        assert!(!watch.is_over(Phase::Main));
    }

    #[test]
    fn a_review_is_for_requests_under_way_alone() {
        let timers = Timers::new();
        let [under_way, idle] = [timers.watch(), timers.watch()];
        under_way.arm(Phase::Again, Timers::ticks(Duration::from_secs(60)));
        idle.arm(Phase::Main, 5);
        timers.advance(1);
        assert!(!under_way.is_over(Phase::Again));
        timers.review();
        assert!(under_way.is_over(Phase::Again));
        assert!(!idle.is_over(Phase::Again));
        assert!(!idle.is_over(Phase::Main));
    }

    #[test]
    fn ticks_are_rounded_up() {
        for (duration, ticks) in [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(250), 1),
            (Duration::from_nanos(250_000_001), 2),
            (Duration::from_nanos(999_999_999), 4),
            (Duration::from_secs(3), 12),
            (Duration::from_millis(3_001), 13),
            (Duration::MAX, NEVER),
        ] {
            assert_eq!(Timers::ticks(duration), ticks, "{duration:?}");
        }
    }

    #[test]
    fn connections_come_and_go_in_any_order() {
        let timers = Timers::new();
        let mut watches: Vec<_> = (0..5).map(|_| timers.watch()).collect();
        for place in [1, 3, 0, 1, 0] {
            watches.remove(place);
            let slots = timers.slots.borrow();
            assert_eq!(slots.len(), watches.len());
            for (place, slot) in slots.iter().enumerate() {
                assert_eq!(slot.place.get(), place);
            }
        }
    }

    #[test]
    fn only_the_longest_idle_is_dismissed() {
        let timers = Timers::new();
        let [busy, older, newer] = [timers.watch(), timers.watch(), timers.watch()];
        busy.set_activity(Activity::Busy);
        busy.arm(Phase::Main, 1);
        older.arm(Phase::Main, 5);
        newer.arm(Phase::Main, 9);
        timers.dismiss_one();
        assert_eq!(busy.activity(), Activity::Busy);
        assert_eq!(older.activity(), Activity::Dismissed);
        assert_eq!(newer.activity(), Activity::Idle);
    }
}
