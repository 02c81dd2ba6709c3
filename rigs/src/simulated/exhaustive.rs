//! Every crash state of small histories: all subsets of what is not durable, at every call.

use std::time::Instant;

use ringlog::Durability;
use ringlog::sim::Settings;
use ringlog::snapshot::Retention;
use ringlog::storage::sim::{Effect, Fault};

use super::happened::Happened;
use super::script;
use super::world::{End, World};
use crate::outcome::{Outcome, Ran};
use crate::random::Random;

/// Crash points with more sectors, lengths and names than this in the air are sampled.
const ITEMS_MAX: usize = 12;
/// Some sectors have several versions: a crash point with more combinations is sampled, too.
const STATES_MAX: usize = 1 << 13;
/// States of a crash point that is sampled.
const SAMPLES: u64 = 64;

/// All crash states of small histories on the simulated disk: every subset of unsynced sectors,
/// lengths and names, at every call.
#[derive(Debug, clap::Args)]
pub(crate) struct Exhaustive {
    /// How many histories.
    #[arg(long, default_value_t = 2)]
    histories: u64,
    /// The first history's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Default)]
struct Figures {
    crash_points: u64,
    exhausted: u64,
    states: u64,
    sampled: u64,
    happened: Happened,
}

impl Exhaustive {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let mut figures = Figures::default();
        let mut violations = Vec::new();
        for seed in self.seed..self.seed + self.histories {
            if let Err(violation) = run_history(seed, &mut figures) {
                violations.push(format!(
                    "{violation}; reproduce: rigs exhaustive --seed {seed} --histories 1"
                ));
            }
        }
        Ok(Outcome::Ran(Ran {
            rig: "exhaustive",
            cycles: self.histories,
            violations,
            facts: vec![
                ("crash_points", figures.crash_points),
                ("exhausted_points", figures.exhausted),
                ("states", figures.states),
                ("sampled_states", figures.sampled),
                ("snapshots", figures.happened.snapshots),
                ("retired", figures.happened.retired),
                ("recycled", figures.happened.recycled),
            ],
            seed: Some(self.seed),
            took: started.elapsed(),
        }))
    }
}

fn run_history(seed: u64, figures: &mut Figures) -> Result<(), String> {
    let mut whole = world(seed);
    whole.disk.record_calls();
    let turns = 2 + seed % 3;
    script::play(&mut whole, turns)?;
    let happened = Happened::in_calls(&whole.disk.recorded_calls());
    figures.happened += happened;
    if whole.takes_snapshots && !happened.is_everything(whole.settings.durability) {
        return Err(format!("the history lacks something: {happened:?}"));
    }
    for call in 1..=whole.disk.calls() {
        let mut crashed = world(seed);
        crashed.disk.plan(Fault::new(Effect::Crash).nth(call));
        crashed.expects_errors(vec![ringlog::storage::sim::EIO]);
        script::play(&mut crashed, turns)?;
        figures.crash_points += 1;
        check_all(&crashed, figures)
            .map_err(|violation| format!("crash at call {call}: {violation}"))?;
    }
    Ok(())
}

fn world(seed: u64) -> World {
    let takes_snapshots = seed.is_multiple_of(2);
    let settings = Settings {
        durability: match seed % 3 {
            0 => Durability::OsBuffer,
            _ => Durability::Sync,
        },
        group_bytes: 24 * 1024,
        first_segment_bytes: 8 * 1024,
        segment_bytes_max: (8 * 1024) << (seed % 2),
        snapshot_every: if takes_snapshots { 16 * 1024 } else { u64::MAX },
        retention: Retention::FromOldestSnapshot { cursor_lag_max: 0 },
        path: super::world::JOURNAL.into(),
        ..Settings::default()
    };
    let mut world = World::new(seed, settings);
    world.takes_snapshots = takes_snapshots;
    world
}

/// Opens every state that a power cut could leave.
fn check_all(crashed: &World, figures: &mut Figures) -> Result<(), String> {
    let versions = crashed.disk.unsynced();
    let states = versions
        .iter()
        .try_fold(1usize, |states, versions| states.checked_mul(*versions))
        .filter(|states| versions.len() <= ITEMS_MAX && *states <= STATES_MAX);
    let Some(states) = states else {
        let mut random = Random::new(figures.crash_points);
        for _ in 0..SAMPLES {
            let choices: Vec<_> = versions
                .iter()
                .map(|versions| random.below(*versions as u64) as usize)
                .collect();
            check_state(crashed, &choices)?;
            figures.sampled += 1;
        }
        return Ok(());
    };
    figures.exhausted += 1;
    for state in 0..states {
        let mut rest = state;
        let choices: Vec<_> = versions
            .iter()
            .map(|versions| {
                let choice = rest % versions;
                rest /= versions;
                choice
            })
            .collect();
        check_state(crashed, &choices)?;
        figures.states += 1;
    }
    Ok(())
}

fn check_state(crashed: &World, choices: &[usize]) -> Result<(), String> {
    let mut world = crashed.clone();
    world.disk = crashed.disk.fork().power_cut_choosing(choices);
    world.power_was_cut();
    let check = |world: &mut World| {
        let session = world.open()?;
        world.end(session, End::PowerCut)?;
        let session = world.open()?;
        world.end(session, End::Kill)
    };
    check(&mut world).map_err(|violation| format!("surviving {choices:?}: {violation}"))
}
