//! A call is counted once, whenever the process ends: by the counts that were stored, or anew from the log.

use super::*;
use crate::rollup::{Rollups, Tallied};

fn sum(rollups: &Rollups) -> u64 {
    rollups.apis.iter().map(|api| api.allowed + api.denied + api.would_deny).sum()
}

impl Rig {
    fn count(&mut self) -> Option<Tallied> {
        self.ask(|reply| Command::Count { reply })
    }
}

/// Decisions in the log from entry `from` on.
fn decisions(disk: &MemoryDisk, from: u64) -> u64 {
    reader(disk).recount(from, |_| Some(())).unwrap().0.get(&()).map_or(0, sum)
}

/// What was counted last while requests came, as a store would hold it.
fn counted(rig: &mut Rig) -> Option<Tallied> {
    let mut stored = None;
    for number in 0..40 {
        match number % 3 {
            0 => drop(rig.decide(number, "shop", Durability::Required)),
            _ => rig.request(number, "till"),
        }
        if number % 4 == 0 {
            rig.clock.forward_ms(400);
            rig.step();
        }
        if number % 7 == 0 {
            stored = rig.count().or(stored);
        }
    }
    stored
}

#[test]
fn a_kill_or_a_power_loss_at_every_operation_leaves_each_call_counted_once() {
    let run = |until: u64, cut: Cut| {
        let (clock, disk) = (HandClock::new(), MemoryDisk::new());
        let options = Options { segment_bytes: 3_000, ..clock.options() };
        disk.lose_power_at(until, cut);
        let stored = open(&disk, &clock, &options).ok().and_then(|mut rig| counted(&mut rig));
        (disk, clock, options, stored)
    };
    let operations = run(u64::MAX, Cut::Before).0.operations();
    let mut recounted = 0;
    for (until, cut) in (1..=operations).flat_map(|until| [(until, Cut::Before), (until, Cut::After)]) {
        let (disk, clock, options, stored) = run(until, cut);
        let (before, next) = stored.map_or((0, 0), |stored| (sum(&stored.rollups), stored.next));
        for kept in [0, 90, usize::MAX] {
            let disk = open(&disk.after_power_loss(kept), &clock, &options).unwrap().close();
            let behind = decisions(&disk, next);
            assert_eq!(before + behind, decisions(&disk, 0), "{until} {cut:?} {kept}");
            recounted += behind;
        }
    }
    assert!(400 < recounted, "{recounted}");
}

#[test]
fn counts_behind_a_failed_write_are_given_when_the_files_are_known_again() {
    for trouble in [Trouble::Full, Trouble::ReadOnly, Trouble::Sync] {
        let mut rig = rig();
        rig.request(1, "shop");
        let first = rig.count().unwrap();
        assert_eq!((sum(&first.rollups), first.next), (1, 2));
        rig.disk.set(trouble);
        rig.request(2, "shop");
        drop(rig.decide(3, "shop", Durability::Required));
        rig.step();
        // A full disk can be cut back; what cannot be cut may hold more than anybody knows.
        let during = rig.count();
        assert_eq!(during.is_some(), trouble == Trouble::Full, "{trouble:?}");
        rig.disk.set(Trouble::None);
        rig.clock.forward_ms(600);
        rig.request(4, "shop");
        rig.step();
        let after = rig.count().unwrap();
        // They happened, so they count; of the log they are no part.
        assert_eq!(sum(&after.rollups), 4, "{trouble:?}");
        let disk = rig.close();
        assert_eq!((decisions(&disk, 0), decisions(&disk, after.next)), (2, 0), "{trouble:?}");
        assert!(during.is_none_or(|during| decisions(&disk, during.next) == 1), "{trouble:?}");
    }
}
