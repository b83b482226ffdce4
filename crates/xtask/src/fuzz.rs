//! `cargo xtask fuzz`: builds the driver of `crates/fuzzing` as users' builds are made, and runs it.
//!
//! The driver is a crate of its own because it depends on every parser, and this one must not.

use crate::args::Args;
use crate::shell;

/// The command: its options go to the driver, which checks them.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let mut command =
        shell::cargo(&["run", "--quiet", "--release", "--locked", "--package", "fuzzing", "--"])?;
    shell::run(command.args(args.rest()))
}
