//! Every single bit of every file, flipped.

use std::time::Instant;

use super::runner::{Fault, Sum, references};
use crate::outcome::Outcome;

/// Flips single bits of reference journals, and checks that each is detected or does not matter.
#[derive(Debug, clap::Args)]
pub(crate) struct Flips {
    /// Of every so many bits one is flipped: 1 is all of them.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Only this journal.
    #[arg(long)]
    only: Option<String>,
}

impl Flips {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let references = references(self.only.as_deref())?;
        let mut sum = Sum::default();
        let every = self.every.max(1);
        for reference in &references {
            for (index, file) in reference.files.iter().enumerate() {
                // One bit of each group of `every`, which one moves on.
                let count = (file.bytes.len() * 8).div_ceil(every);
                sum.run(reference, count, |number| {
                    let bit = number * every + number % every;
                    let mut bytes = file.bytes.clone();
                    *bytes.get_mut(bit / 8)? ^= 1 << (bit % 8);
                    Some(Fault {
                        what: format!("bit {bit} of {} flipped", file.name()),
                        changes: vec![(index, bytes)],
                    })
                });
            }
        }
        sum.print_harmless(&references);
        Ok(sum.outcome("flips", None, started))
    }
}
