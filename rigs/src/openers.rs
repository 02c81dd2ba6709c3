//! Processes that race to open one directory, and a holder that is killed.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use tempfile::TempDir;

use crate::outcome::{Outcome, Ran};
use crate::process::{Ledger, Line, Running, Settings};
use crate::random::{Random, seed_or_clock};

const RIG: &str = "openers";
/// A directory is raced for so many times: first while it does not exist yet.
const RACES_OF_A_DIRECTORY: u64 = 2;
const OPENING_MAX: Duration = Duration::from_secs(30);
/// Until the loser knows.
const BUSY_MAX: Duration = Duration::from_secs(1);
/// From the holder's death until the next one has it open: what an idle machine needs, counted.
const NEXT_USUAL: Duration = Duration::from_millis(100);
/// The same on a busy machine, whose syncs alone take longer: beyond it something waits for the dead.
const NEXT_MAX: Duration = Duration::from_secs(1);
const VIOLATIONS_MAX: usize = 10;

/// Lets processes race to open one directory, and kills the winner.
#[derive(Debug, Args)]
pub(crate) struct Openers {
    /// How many races.
    #[arg(long, default_value_t = 100)]
    races: u64,
    /// Reproduces the choices, though not the races.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Default)]
struct Figures {
    acked: u64,
    losers: u64,
    busy_max: Duration,
    next_max: Duration,
    /// How many took longer than usual.
    next_late: u64,
}

impl Openers {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let seed = seed_or_clock(self.seed);
        let mut ran = Ran {
            rig: RIG,
            seed: Some(seed),
            ..Ran::default()
        };
        let mut figures = Figures::default();
        let mut random = Random::new(seed);
        while ran.cycles < self.races && ran.violations.len() < VIOLATIONS_MAX {
            let directory = TempDir::new().context("cannot make a directory")?;
            let mut settings = Settings::new(directory.path().join("journal"), seed);
            settings.wait_for_go = true;
            let mut ledger = Ledger::default();
            let first = ran.cycles;
            for race in first..self.races.min(first + RACES_OF_A_DIRECTORY) {
                ran.cycles += 1;
                settings.seed = seed.wrapping_add(race);
                let racers = 2 + random.below(2);
                let raced =
                    race_once(&settings, racers, &mut ledger, &mut figures)?.and_then(|()| {
                        let checked = ledger.check(&settings);
                        checked.map(drop).map_err(|unsound| unsound.to_string())
                    });
                if let Err(violation) = raced {
                    ran.violations
                        .push(format!("race {race} of --seed {seed}: {violation}"));
                    break;
                }
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than an hour")]
        let micros = |duration: Duration| duration.as_micros() as u64;
        ran.facts = vec![
            ("acked", figures.acked),
            ("losers", figures.losers),
            ("busy_max_us", micros(figures.busy_max)),
            ("next_max_us", micros(figures.next_max)),
            ("next_above_100_ms", figures.next_late),
        ];
        ran.took = begun.elapsed();
        Ok(Outcome::Ran(ran))
    }
}

/// One race, the winner's death, and its succession; the inner error is a violation.
fn race_once(
    settings: &Settings,
    racers: u64,
    ledger: &mut Ledger,
    figures: &mut Figures,
) -> anyhow::Result<Result<(), String>> {
    let mut children = Vec::new();
    for _ in 0..racers {
        children.push(Running::start(settings, &[])?);
    }
    let mut next = Running::start(settings, &[])?;
    for child in &mut children {
        child.go()?;
    }
    let mut winners = Vec::new();
    for mut child in children {
        let answer =
            std::iter::from_fn(|| child.next_line(OPENING_MAX)).find(|line| *line != Line::Opening);
        match answer {
            Some(Line::Opened(_)) => winners.push(child),
            Some(Line::Busy(took)) => {
                figures.losers += 1;
                figures.busy_max = figures.busy_max.max(took);
                if took > BUSY_MAX {
                    return Ok(Err(format!("`AlreadyOpen` took {took:?}")));
                }
            }
            answer => return Ok(Err(format!("a racer answered {answer:?}"))),
        }
    }
    let count = winners.len();
    let (1, Some(winner)) = (count, winners.pop()) else {
        return Ok(Err(format!("{count} of {racers} have it open")));
    };

    let killed = Instant::now();
    let ended = winner.kill()?;
    next.go()?;
    let answer =
        std::iter::from_fn(|| next.next_line(OPENING_MAX)).find(|line| *line != Line::Opening);
    let took = killed.elapsed();
    let Some(Line::Opened(opening)) = answer else {
        return Ok(Err(format!("after the holder's death: {answer:?}")));
    };
    figures.next_max = figures.next_max.max(took);
    figures.next_late += u64::from(took > NEXT_USUAL);
    if opening > NEXT_MAX {
        return Ok(Err(format!(
            "after the holder's death the opening took {opening:?}"
        )));
    }
    let successor = next.kill()?;
    for ended in [ended, successor] {
        figures.acked += ended.note(ledger);
        if let Some(violation) = ended.violation() {
            return Ok(Err(violation));
        }
    }
    Ok(Ok(()))
}
