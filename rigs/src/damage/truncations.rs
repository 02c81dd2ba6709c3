//! Every file cut at every length, and zeros or garbage from every byte on.

use std::time::Instant;

use super::runner::{Fault, Sum, references};
use crate::outcome::Outcome;
use crate::random::{Random, seed_or_clock};

/// Cuts the files of reference journals at every length; puts zeros, or garbage, from there on.
#[derive(Debug, clap::Args)]
pub(crate) struct Truncations {
    /// Of every so many lengths one is taken: 1 is all of them.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Only this journal.
    #[arg(long)]
    only: Option<String>,
    /// Chooses the garbage.
    #[arg(long)]
    seed: Option<u64>,
}

impl Truncations {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let seed = seed_or_clock(self.seed);
        let references = references(self.only.as_deref())?;
        let mut sum = Sum::default();
        let every = self.every.max(1);
        for reference in &references {
            for (index, file) in reference.files.iter().enumerate() {
                let count = file.bytes.len().div_ceil(every);
                let mut random = Random::new(seed);
                let garbage: Vec<u8> = (0..file.bytes.len())
                    .map(|_| random.number().to_le_bytes()[0])
                    .collect();
                sum.run(reference, count * 3, |number| {
                    let length = (number / 3) * every + (number / 3) % every;
                    if length >= file.bytes.len() {
                        return None;
                    }
                    let mut bytes = file.bytes.clone();
                    let what = match number % 3 {
                        0 => {
                            bytes.truncate(length);
                            "cut"
                        }
                        1 => {
                            bytes[length..].fill(0);
                            "zeros from there on"
                        }
                        _ => {
                            bytes[length..].copy_from_slice(&garbage[length..]);
                            "garbage from there on"
                        }
                    };
                    Some(Fault {
                        what: format!("{} at byte {length}: {what}", file.name()),
                        changes: vec![(index, bytes)],
                    })
                });
            }
        }
        Ok(sum.outcome("truncations", Some(seed), started))
    }
}
