//! `ringlog demo`: the main job with no preparation.

use crate::Synthetic;
use crate::exit::Exit;
use crate::output::Output;

/// The options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the demo.
#[expect(clippy::extra_unused_type_parameters, reason = "it is not built yet")]
pub(crate) fn run<D: Synthetic>(_args: &Args, _output: &Output) -> anyhow::Result<Exit> {
    anyhow::bail!("not built yet")
}
