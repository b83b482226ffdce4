//! x
use crate::args::Args;
pub(crate) fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("the gateway is not there")
}
