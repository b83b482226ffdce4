//! The rules of counting, proposing and replaying, one by one, each beside the nearest case in which it does not hold.

#[cfg(test)]
#[path = "company/log.rs"]
mod log;
#[cfg(test)]
#[path = "rules/places.rs"]
mod places;
#[cfg(test)]
#[path = "rules/replay.rs"]
mod replay;
#[cfg(test)]
#[path = "rules/scopes.rs"]
mod scopes;
#[cfg(test)]
#[path = "rules/small.rs"]
mod small;
#[cfg(test)]
#[path = "rules/suggest.rs"]
mod suggest;
#[cfg(test)]
#[path = "rules/tally.rs"]
mod tally;
#[cfg(test)]
#[path = "company/world.rs"]
mod world;
