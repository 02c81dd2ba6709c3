//! `SIGKILL` at random moments, also while the journal is being opened, rolled and closed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use tempfile::TempDir;

use crate::outcome::{Outcome, Ran};
use crate::process::{Covered, Found, Ledger, Running, Settings, Traces};
use crate::random::{Random, seed_or_clock};

const RIG: &str = "kill";
/// A directory is used for so many cycles, unless it grows beyond [`BYTES_MAX`].
const CYCLES_OF_A_DIRECTORY: u64 = 50;
const BYTES_MAX: u64 = 24 * 1024 * 1024;
/// From the opening on.
const LIFE_MAX: Duration = Duration::from_millis(60);
/// One child in four that retires segments lives for long enough to use one again.
const RETIRING_LIFE_MAX: Duration = Duration::from_millis(500);
/// One child in four is killed while it starts and recovers: from the start on.
const SHORT_LIFE_MAX: Duration = Duration::from_millis(15);
/// How long opening may take before it counts as stuck.
const OPENING_MAX: Duration = Duration::from_secs(30);
const VIOLATIONS_MAX: usize = 10;

/// `SIGKILL`s a publishing process at random moments.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// How many processes are killed.
    #[arg(long, default_value_t = 200)]
    cycles: u64,
    /// Reproduces the choices, though not the moments.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the journals lie: a temporary directory, unless given.
    #[arg(long)]
    within: Option<PathBuf>,
}

impl Kill {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let seed = seed_or_clock(self.seed);
        let mut ran = Ran {
            rig: RIG,
            seed: Some(seed),
            ..Ran::default()
        };
        let mut figures = Figures::default();
        let mut place = self.place(seed)?;
        for cycle in 0..self.cycles {
            let cycle_seed = seed.wrapping_add(cycle);
            ran.cycles += 1;
            match place.cycle(cycle_seed, &mut figures) {
                Ok(found) => {
                    figures.torn_tails += found.torn_tails;
                    if found.bytes > BYTES_MAX || place.cycles >= CYCLES_OF_A_DIRECTORY {
                        place = self.place(cycle_seed)?;
                    }
                }
                Err(violation) => {
                    let kept = std::mem::replace(&mut place, self.place(cycle_seed)?)
                        .directory
                        .keep();
                    ran.violations.push(format!(
                        "cycle {cycle} of --seed {seed}: {violation:#}; the journal is in {}",
                        kept.display()
                    ));
                    if ran.violations.len() >= VIOLATIONS_MAX {
                        break;
                    }
                }
            }
        }
        ran.facts = vec![
            ("acked", figures.acked),
            ("cycles_with_acks", figures.cycles_with_acks),
            ("killed_before_open", figures.killed_before_open),
            ("killed_in_open", figures.killed_in_open),
            ("killed_in_close", figures.killed_in_close),
            ("torn_tails", figures.torn_tails),
        ];
        ran.facts.extend(figures.covered.facts());
        ran.took = begun.elapsed();
        Ok(Outcome::Ran(ran))
    }

    fn place(&self, seed: u64) -> anyhow::Result<Place> {
        let directory = match &self.within {
            Some(within) => TempDir::new_in(within),
            None => TempDir::new(),
        };
        Ok(Place {
            directory: directory.context("cannot make a directory")?,
            ledger: Ledger::default(),
            cycles: 0,
            retires: Random::new(!seed).below(2) == 0,
        })
    }
}

#[derive(Debug, Default)]
struct Figures {
    acked: u64,
    cycles_with_acks: u64,
    killed_before_open: u64,
    killed_in_open: u64,
    killed_in_close: u64,
    torn_tails: u64,
    covered: Covered,
}

/// A journal, and what it owes.
struct Place {
    directory: TempDir,
    ledger: Ledger,
    cycles: u64,
    /// Whether its journal is retired below the snapshots.
    retires: bool,
}

impl Place {
    fn cycle(&mut self, seed: u64, figures: &mut Figures) -> anyhow::Result<Found> {
        self.cycles += 1;
        let mut random = Random::new(seed);
        let mut settings = Settings::new(self.directory.path().join("journal"), seed);
        settings.os_buffer = random.below(4) == 0;
        if random.below(3) == 0 {
            settings.reopen_after = 20 + random.below(300);
        }
        settings.retire = self.retires;
        let before = Traces::of(&settings.dir, settings.partitions);
        let mut child = Running::start(&settings, &[])?;
        let life_max = match random.below(4) {
            0 => SHORT_LIFE_MAX,
            choice => {
                child.await_opened(OPENING_MAX);
                match self.retires && choice == 1 {
                    true => RETIRING_LIFE_MAX,
                    false => LIFE_MAX,
                }
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "some milliseconds")]
        let life = Duration::from_micros(random.below(life_max.as_micros() as u64));
        std::thread::sleep(life);
        let ended = child.kill()?;
        let after = Traces::of(&settings.dir, settings.partitions);
        figures.covered.count(&before, &after);
        let acked = ended.note(&mut self.ledger);
        figures.acked += acked;
        figures.cycles_with_acks += u64::from(acked > 0);
        figures.killed_before_open += u64::from(ended.lines.is_empty());
        figures.killed_in_open += u64::from(ended.ended_in_open());
        figures.killed_in_close += u64::from(ended.ended_in_close());
        if let Some(violation) = ended.violation() {
            anyhow::bail!(violation);
        }
        self.ledger
            .check(&settings)
            .map_err(|unsound| anyhow::anyhow!("{unsound}"))
    }
}
