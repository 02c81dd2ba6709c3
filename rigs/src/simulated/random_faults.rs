//! Random faults, crashes and surviving subsets, by seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use ringlog::Durability;
use ringlog::sim::Settings;
use ringlog::snapshot::Retention;
use ringlog::storage::sim::{EINTR, EIO, ENOSPC, Effect, Fault, Operation, SyncFailure};

use super::happened::Happened;
use super::session::Session;
use super::world::{End, Refusal, World};
use super::{inspect, repairing};
use crate::outcome::{Outcome, Ran};
use crate::random::{Random, seed_or_clock};

/// Whole pipelines on a simulated disk: random faults, crashes and surviving subsets, by seed.
#[derive(Debug, clap::Args)]
pub(crate) struct Sim {
    /// How many seeds.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long)]
    seed: Option<u64>,
}

/// What the seeds came to.
#[derive(Debug, Default)]
struct Figures {
    openings: u64,
    refused_openings: u64,
    power_cuts: u64,
    poisons: u64,
    damaged_openings: u64,
    refused_damaged: u64,
    bad_snapshots: u64,
    repairs: u64,
    unrepairable: u64,
    from_snapshot: u64,
    happened: Happened,
    faults: u64,
    calls: u64,
    events: u64,
}

impl Sim {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let first = seed_or_clock(self.seed);
        let started = Instant::now();
        let mut figures = Figures::default();
        let mut violations = Vec::new();
        for seed in first..first + self.seeds {
            let ran = catch_unwind(AssertUnwindSafe(|| run_seed(seed, &mut figures)));
            let violation = match ran {
                Ok(Ok(())) => continue,
                Ok(Err(violation)) => violation,
                Err(_) => "a panic, see above".to_owned(),
            };
            violations.push(format!(
                "seed {seed}: {violation}; reproduce: rigs sim --seed {seed} --seeds 1"
            ));
        }
        Ok(Outcome::Ran(Ran {
            rig: "sim",
            cycles: self.seeds,
            violations,
            facts: vec![
                ("openings", figures.openings),
                ("refused_openings", figures.refused_openings),
                ("power_cuts", figures.power_cuts),
                ("poisons", figures.poisons),
                ("damaged_openings", figures.damaged_openings),
                ("refused_damaged", figures.refused_damaged),
                ("bad_snapshots", figures.bad_snapshots),
                ("repairs", figures.repairs),
                ("unrepairable", figures.unrepairable),
                ("snapshots", figures.happened.snapshots),
                ("from_snapshot", figures.from_snapshot),
                ("retired", figures.happened.retired),
                ("recycled", figures.happened.recycled),
                ("faults", figures.faults),
                ("calls", figures.calls),
                ("events", figures.events),
            ],
            seed: Some(first),
            took: started.elapsed(),
        }))
    }
}

fn run_seed(seed: u64, figures: &mut Figures) -> Result<(), String> {
    let mut random = Random::new(seed ^ 0x5eed);
    let mut world = World::new(seed, settings(&mut random));
    world.takes_snapshots = random.below(3) > 0;
    world.one_inspected_in = 3;
    world.disk.record_calls();
    let outcome = run_lives(&mut world, &mut random, figures);
    figures.calls += world.disk.calls();
    figures.faults += world.disk.faults_struck();
    figures.from_snapshot += world.from_snapshot;
    outcome
}

fn run_lives(world: &mut World, random: &mut Random, figures: &mut Figures) -> Result<(), String> {
    for _ in 0..1 + random.below(4) {
        if random.below(8) == 0 {
            world.settings.durability = durability(random);
        }
        if random.below(4) == 0 {
            world.settings.retention = retention(random);
            world.settings.snapshots_kept = 2 + random.below(2) as usize;
        }
        let swarm = Swarm::any(random);
        // An opening with faults, too: a recovery that is itself cut off.
        if random.below(3) == 0 {
            swarm.plan(world, random);
            figures.openings += 1;
            match world.try_open()? {
                Some(session) => live(world, session, random, figures)?,
                None => {
                    figures.refused_openings += 1;
                    let end = any_end(random, figures);
                    world.cut_off(end);
                }
            }
            world.disk.clear_faults();
        }
        figures.openings += 1;
        let session = match random.below(4) {
            0 => world.open_twice()?,
            _ => world.open()?,
        };
        swarm.plan(world, random);
        live(world, session, random, figures)?;
        if random.below(4) == 0 {
            world.disk.drop_caches();
        }
    }
    // What is there in the end is there for good, and takes more.
    let mut session = world.open_twice()?;
    world.run(&mut session, 3)?;
    world.end(session, End::Close)?;
    let session = world.open()?;
    figures.openings += 3;
    world.end(session, End::Kill)?;
    figures.happened += Happened::in_calls(&world.disk.recorded_calls());
    damage_snapshots(world, random, figures)
        .map_err(|violation| format!("with damaged snapshots: {violation}"))?;
    if random.below(3) == 0 {
        be_damaged(world, random, figures).map_err(|violation| format!("damaged: {violation}"))?;
    }
    figures.events += world
        .model
        .iter()
        .map(|expected| expected.taken() as u64)
        .sum::<u64>();
    Ok(())
}

/// Flips a bit in some of the snapshots. Nothing is lost with them while another one is left, or the
/// whole history; and where that is not so, an opening says so.
fn damage_snapshots(
    world: &mut World,
    random: &mut Random,
    figures: &mut Figures,
) -> Result<(), String> {
    let mut flipped = Vec::new();
    let mut loses_all = false;
    for partition in 0..world.settings.partitions {
        let snapshots = inspect::snapshots(&world.disk, &world.settings.path, partition);
        let before = flipped.len();
        for (_, path) in &snapshots {
            let bytes = world.disk.device_bytes(path).unwrap_or_default().len();
            if random.below(2) == 0 {
                flipped.push((path.clone(), random.below(bytes as u64 * 8) as usize));
            }
        }
        loses_all |= !snapshots.is_empty() && flipped.len() - before == snapshots.len();
    }
    if flipped.is_empty() {
        return Ok(());
    }
    figures.bad_snapshots += flipped.len() as u64;
    world.has_bad_snapshots = true;
    for (path, bit) in &flipped {
        world.disk.flip_bit(path, *bit);
    }
    if let Some(session) = world.try_open()? {
        live(world, session, random, figures)?;
        let session = world.open_twice()?;
        return world.end(session, End::Kill);
    }
    // Where not even a header is sound, nobody knows that what is missing was retired.
    let is_typed = matches!(
        world.refusal,
        Some(Refusal::NoUsableSnapshot | Refusal::Corruption)
    );
    if !is_typed || !loses_all {
        return Err(format!(
            "refused with damaged snapshots: {:?}",
            world.refusal
        ));
    }
    for (path, bit) in &flipped {
        world.disk.flip_bit(path, *bit);
    }
    world.cut_off(End::Kill);
    world.has_bad_snapshots = false;
    let session = world.open()?;
    world.end(session, End::Kill)
}

/// A device that flips bits, keeps stale sectors and misplaces writes: what is opened all the same
/// must be a part of what was taken.
fn be_damaged(world: &mut World, random: &mut Random, figures: &mut Figures) -> Result<(), String> {
    world.is_damaged();
    for _ in 0..1 + random.below(3) {
        for _ in 0..random.below(3) {
            let (effect, operation) = match random.below(5) {
                0 => (Effect::FlippedBit, Operation::Read),
                1 => (Effect::FlippedBit, Operation::Write),
                2 => (Effect::Stale, Operation::Read),
                3 => (Effect::Stale, Operation::Write),
                _ => (Effect::Misdirected, Operation::Write),
            };
            let fault = Fault::new(effect).on(operation);
            world.disk.plan(fault.nth(1 + random.below(30)));
        }
        let paths = world.disk.paths();
        if let Some(path) = paths.get(random.below(paths.len() as u64) as usize)
            && let Some(bytes) = world.disk.device_bytes(path)
        {
            match random.below(3) {
                0 => drop(world.disk.revert_last_write(path)),
                1 => {
                    let bit = random.below(bytes.len() as u64 * 8) as usize;
                    world.disk.flip_bit(path, bit);
                }
                _ => {}
            }
        }
        figures.damaged_openings += 1;
        match world.try_open()? {
            Some(session) => live(world, session, random, figures)?,
            None => {
                figures.refused_damaged += 1;
                let end = any_end(random, figures);
                world.cut_off(end);
                world.mend();
                if world.refusal == Some(Refusal::Corruption) && random.below(2) == 0 {
                    match repairing::repair(world, random)? {
                        true => figures.repairs += 1,
                        false => figures.unrepairable += 1,
                    }
                }
            }
        }
        world.mend();
    }
    Ok(())
}

/// Publishes until the life of this process ends in one way or another.
fn live(
    world: &mut World,
    mut session: Session,
    random: &mut Random,
    figures: &mut Figures,
) -> Result<(), String> {
    let turns = random.below(30);
    world.run(&mut session, turns)?;
    figures.poisons += session.poisons().len() as u64;
    let end = any_end(random, figures);
    world.end(session, end)
}

fn any_end(random: &mut Random, figures: &mut Figures) -> End {
    match random.below(5) {
        0 => End::Close,
        1 | 2 => End::Kill,
        _ => {
            figures.power_cuts += 1;
            End::PowerCut
        }
    }
}

fn settings(random: &mut Random) -> Settings {
    let first_segment_bytes = 4096 * (2 + random.below(6));
    Settings {
        partitions: 1 + random.below(3) as u32,
        durability: durability(random),
        group_bytes: 4096 * (6 + random.below(8)) as usize,
        first_segment_bytes,
        segment_bytes_max: first_segment_bytes * (1 + random.below(3)),
        snapshot_every: match random.below(3) {
            0 => u64::MAX,
            _ => 4096 * (4 + random.below(13)),
        },
        snapshots_kept: 2 + random.below(2) as usize,
        retention: retention(random),
        clock_jumps: random.below(2) == 0,
        path: super::world::JOURNAL.into(),
        ..Settings::default()
    }
}

fn retention(random: &mut Random) -> Retention {
    match random.below(3) {
        0 => Retention::Everything,
        _ => Retention::FromOldestSnapshot {
            cursor_lag_max: 1000,
        },
    }
}

fn durability(random: &mut Random) -> Durability {
    match random.below(4) {
        0 => Durability::OsBuffer,
        _ => Durability::Sync,
    }
}

/// The faults of one life: a few kinds only, or no interesting mixture would ever come up.
#[derive(Debug)]
struct Swarm {
    effects: Vec<Effect>,
    is_full: bool,
}

const EFFECTS: [Effect; 12] = [
    Effect::Error(EIO),
    Effect::Error(ENOSPC),
    Effect::Error(EINTR),
    Effect::ShortWrite,
    Effect::TornWrite(EIO),
    Effect::TornWrite(ENOSPC),
    Effect::FailedSync(SyncFailure::KeepsDirty),
    Effect::FailedSync(SyncFailure::MarksClean),
    Effect::FailedSync(SyncFailure::MarksSomeClean),
    Effect::FailedSync(SyncFailure::RevertsCache),
    Effect::Crash,
    Effect::CrashPartway,
];

impl Swarm {
    fn any(random: &mut Random) -> Self {
        let kinds = random.below(3);
        let effects = (0..kinds)
            .map(|_| EFFECTS[random.below(EFFECTS.len() as u64) as usize])
            .collect();
        Self {
            effects,
            is_full: random.below(12) == 0,
        }
    }

    fn plan(&self, world: &mut World, random: &mut Random) {
        world.mend();
        world.expects_errors(self.errors());
        world.loses_pages(self.loses_pages());
        for effect in &self.effects {
            let mut fault = Fault::new(*effect);
            match effect {
                // A directory's sync that forgets is left out: nobody could know. A file system
                // whose journal fails refuses everything from then on.
                Effect::FailedSync(_) => {
                    fault = fault.on(match random.below(2) {
                        0 => Operation::Sync,
                        _ => Operation::Write,
                    });
                    fault = fault.nth(1 + random.below(20));
                }
                _ => fault = fault.nth(1 + random.below(150)),
            }
            if random.below(3) == 0 {
                fault = fault.for_ever();
            }
            if random.below(4) == 0 {
                fault = fault.one_in(1 + random.below(20));
            }
            world.disk.plan(fault);
        }
        if self.is_full {
            let room = random.below(128 * 1024);
            world.limit(Some(world.disk.used_bytes() + room));
        }
    }

    /// The errors that these faults can show as.
    fn errors(&self) -> Vec<i32> {
        let mut errors: Vec<_> = self
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Error(error) | Effect::TornWrite(error) => Some(*error),
                Effect::FailedSync(_) | Effect::Crash | Effect::CrashPartway => Some(EIO),
                _ => None,
            })
            .collect();
        if self.is_full {
            errors.push(ENOSPC);
        }
        errors
    }

    /// Whether a sync may fail that forgets what it did not write.
    fn loses_pages(&self) -> bool {
        self.effects.iter().any(|effect| {
            matches!(effect, Effect::FailedSync(failure) if *failure != SyncFailure::KeepsDirty)
        })
    }
}
