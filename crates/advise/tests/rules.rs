//! The rules of counting, proposing and replaying, one by one, each beside the nearest case in which it does not hold.

#[path = "company/log.rs"]
mod log;
#[path = "rules/replay.rs"]
mod replay;
#[path = "rules/small.rs"]
mod small;
#[path = "rules/suggest.rs"]
mod suggest;
#[path = "rules/tally.rs"]
mod tally;
#[path = "company/world.rs"]
mod world;
