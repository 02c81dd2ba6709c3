//! `ringlog demo`: the main job with no preparation.

use crate::Synthetic;
use crate::exit::Exit;
use crate::output::Output;

/// The options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the demo.
pub(crate) fn run<D: Synthetic>(_args: &Args, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
