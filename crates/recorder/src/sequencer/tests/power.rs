//! The power goes at every operation of the disk, done or not, and of what was not synced nothing, a part or all is there.

use super::*;

/// How far apart the places are at which an unsynced tail is torn; one run moves them by its own number, so that
/// together they are everywhere.
const STRIDE: usize = 41;

/// What a run left behind, and what was acknowledged in it.
struct Left {
    disk: MemoryDisk,
    clock: HandClock,
    options: Options,
    acknowledged: BTreeSet<DecisionId>,
}

fn run(until: u64, cut: Cut) -> Left {
    let (clock, disk) = (HandClock::new(), MemoryDisk::new());
    let options = Options { segment_bytes: 3_000, ..clock.options() };
    disk.lose_power_at(until, cut);
    let acknowledged = match open(&disk, &clock, &options) {
        Ok(mut rig) => workload(&mut rig),
        Err(_) => BTreeSet::new(),
    };
    Left { disk, clock, options, acknowledged }
}

impl Left {
    /// Opens what was found and checks that it is whole, goes on from what was signed and holds what was acknowledged;
    /// returns how much of it was torn, as the log itself says.
    fn recovers(&self, found: &MemoryDisk, place: &str) -> u64 {
        let note = reader(found).checkpoint().ok();
        let rig =
            open(found, &self.clock, &self.options).unwrap_or_else(|error| panic!("{place}: {error:?}"));
        let disk = rig.close();
        let reader = reader(&disk);
        let older = note.as_deref().map(str::as_bytes);
        let verified = reader.verify(&reader.verifier().unwrap(), older).unwrap();
        assert!(verified.ok && verified.torn_bytes == 0, "{place}: {verified:?}");
        for id in &self.acknowledged {
            assert!(!reader.find(*id).unwrap().is_empty(), "{place}: {id} is lost");
        }
        let opened = reader.tail(usize::MAX).unwrap();
        let opened = opened.iter().rev().find_map(|entry| match entry.leaf().unwrap() {
            Leaf::Opened(opened) => Some(opened.before),
            _ => None,
        });
        match opened.unwrap() {
            Ending::Torn { bytes } => bytes,
            Ending::Closed | Ending::New => 0,
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_power_loss_at_every_operation_and_byte() {
    let operations = run(u64::MAX, Cut::Before).disk.operations();
    let (mut checked, mut torn) = (0, 0);
    for until in 1..=operations {
        for cut in [Cut::Before, Cut::After] {
            let left = run(until, cut);
            let tail = left.disk.unsynced();
            let start = usize::try_from(until).unwrap() % STRIDE;
            for kept in (start..tail).step_by(STRIDE).chain([0, tail]) {
                let found = left.disk.after_power_loss(kept);
                torn += left.recovers(&found, &format!("{until} {cut:?} {kept}"));
                checked += left.acknowledged.len();
            }
            // Files reach the disk in any order: of one everything, of the others nothing.
            for whole in [".seg", ".hashes"] {
                let found = left
                    .disk
                    .after_power_loss_by_file(|name| if name.ends_with(whole) { usize::MAX } else { 0 });
                left.recovers(&found, &format!("{until} {cut:?} {whole}"));
            }
        }
    }
    assert!(5_000 < checked && 1_000 < torn, "{checked} {torn}");
}

#[test]
fn a_torn_tail_is_cut_off_and_the_log_says_how_much_of_it() {
    let mut rig = rig();
    rig.request(1, "shop");
    rig.settle();
    let name = "00000000000000000000.seg";
    let whole = rig.disk.length(name).unwrap();
    rig.request(2, "shop");
    rig.step();
    let disk = rig.disk.clone();
    let clock = rig.clock.clone();
    let left =
        |disk| Left { disk, clock: clock.clone(), options: clock.options(), acknowledged: BTreeSet::new() };
    let length = disk.length(name).unwrap();
    for cut in whole..=length {
        let found = disk.with(name, |bytes| bytes.truncate(usize::try_from(cut).unwrap()));
        let torn = left(found.clone()).recovers(&found, "cut");
        assert_eq!(torn, if cut == length { 0 } else { cut - whole }, "{cut} of {whole}..{length}");
    }
}
