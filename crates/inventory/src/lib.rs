//! The inventory of an API, from its traffic alone: operations as method and path template, who calls them, how they answer.
//!
//! An [`Inventory`] is fed one [`traffic::Exchange`] at a time and keeps a bounded summary. What it keeps is a function of the set of
//! exchanges and not of their order: samples are chosen by hash, never by arrival, counters add, times take the least and the greatest. So
//! shards of a log that are fed apart and merged in any grouping give the same operations as one run over all of it.
//!
//! Which segments of a path are names and which are values is inferred when somebody asks, from the whole summary, by a scored model
//! (see `infer`). Values of a typed form, likeness of what follows siblings and openness of the set of values decide; a mere number
//! of siblings never does.
//!
//! The crate does no I/O and reads no clock. It grants nothing: an inventory is evidence for people.

mod classes;
pub mod fuzz;
mod infer;
mod inventory;
mod kept;
mod live;
mod method;
mod noise;
pub mod openapi;
mod operation;
mod save;
mod service;
mod settings;
mod sketch;
mod states;
mod tally;
mod token;
mod tree;
mod words;

pub use classes::DataClass;
pub use inventory::{DroppedHosts, HostSummary, Inventory};
pub use kept::{Examples, Kept};
pub use live::Live;
pub use noise::{NoiseKind, NoiseReport};
pub use operation::{Callers, DataField, DataPlace, Operation, Parameter, Reason, StatusCount, ValueKind};
pub use save::LoadInventoryError;
pub use settings::{Force, Limits, OVERRIDES_MAX, Override, Prior, Settings, Thresholds, Weights};
pub use states::{
    Contract, Declared, Drift, Exposure, Said, State, Stated, canonical, classify, exposure, hosts,
};
