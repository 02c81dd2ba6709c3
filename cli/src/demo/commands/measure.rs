//! Puts the load on a pipeline, and looks at what comes back.

use anyhow::Result;

use super::CommandSide;
use super::report::Report;
use crate::Synthetic;
use crate::demo::Args;
use crate::demo::load::Load;
use crate::demo::run::Run;

pub(in crate::demo) fn measure<D: Synthetic>(args: &Args, side: &CommandSide<D>) -> Result<Report> {
    let load = Load {
        count: args.events,
        seed: args.seed,
        threads: args.publishers.unwrap_or(1),
    };
    let partitions = args.partitions.unwrap_or(1);
    let run = Run::<D, _>::new(args, partitions, |pipeline| side.send(load, pipeline))?;
    Ok(Report::new(load, &run))
}
