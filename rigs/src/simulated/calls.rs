//! Every call of a reference run, each error, once and for ever; and a crash at each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use ringlog::Durability;
use ringlog::sim::Settings;
use ringlog::snapshot::Retention;
use ringlog::storage::sim::{Call, EINTR, EIO, ENOSPC, Effect, Fault, Operation, SyncFailure};

use super::happened::Happened;
use super::script;
use super::world::{End, World};
use crate::outcome::{Outcome, Ran};

/// Seeds of the disk with which each crash is repeated: other subsets survive.
const CUTS: u64 = 4;

/// Every I/O call of a reference run on the simulated disk, with each error once and for ever, and a
/// crash at each.
#[derive(Debug, clap::Args)]
pub(crate) struct Calls {
    /// Events of each life of the reference run.
    #[arg(long, default_value_t = 6)]
    events: u64,
}

/// A reference run: its durability and partitions, and whether it takes snapshots.
#[derive(Debug, Clone, Copy)]
struct Run(Durability, u32, bool);

/// What happens at a call.
#[derive(Debug, Clone, Copy)]
struct Case {
    run: Run,
    call: u64,
    effect: Effect,
    for_ever: bool,
    end: End,
    seed: u64,
}

impl Calls {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let (mut cycles, mut calls_tried) = (0, 0);
        let mut violations = Vec::new();
        let mut happened = Happened::default();
        for run in [
            Run(Durability::Sync, 1, false),
            Run(Durability::OsBuffer, 1, false),
            Run(Durability::Sync, 2, false),
            Run(Durability::Sync, 1, true),
            Run(Durability::OsBuffer, 1, true),
        ] {
            let calls = self.reference(run).map_err(anyhow::Error::msg)?;
            happened += Happened::in_calls(&calls);
            calls_tried += calls.len() as u64;
            for (call, named) in (1..).zip(&calls) {
                for case in cases(run, call, named.operation) {
                    cycles += 1;
                    let ran = catch_unwind(AssertUnwindSafe(|| self.play(case, named)));
                    let violation = match ran {
                        Ok(Ok(())) => continue,
                        Ok(Err(violation)) => violation,
                        Err(_) => "a panic, see above".to_owned(),
                    };
                    violations.push(format!("{case:?} at {named:?}: {violation}"));
                }
            }
        }
        Ok(Outcome::Ran(Ran {
            rig: "calls",
            cycles,
            violations,
            facts: vec![
                ("calls", calls_tried),
                ("snapshots", happened.snapshots),
                ("retired", happened.retired),
                ("recycled", happened.recycled),
            ],
            seed: None,
            took: started.elapsed(),
        }))
    }

    /// The calls of a run without a fault.
    fn reference(&self, run: Run) -> Result<Vec<Call>, String> {
        let mut world = world(run, 0);
        world.disk.record_calls();
        script::play(&mut world, self.events)?;
        let calls = world.disk.recorded_calls();
        let happened = Happened::in_calls(&calls);
        let Run(durability, _, takes_snapshots) = run;
        if takes_snapshots && !happened.is_everything(durability) {
            return Err(format!("the reference run lacks something: {happened:?}"));
        }
        Ok(calls)
    }

    fn play(&self, case: Case, named: &Call) -> Result<(), String> {
        let mut world = world(case.run, case.seed);
        let fault = Fault::new(case.effect).nth(case.call);
        world.disk.plan(match case.for_ever {
            true => fault.for_ever(),
            false => fault,
        });
        world.expects_errors(errors(case.effect));
        world.loses_pages(matches!(case.effect, Effect::FailedSync(_)));
        let is_crash = matches!(case.effect, Effect::Crash | Effect::CrashPartway);
        if !case.for_ever && !is_crash {
            world.expects_stages(stages(named.operation));
        }
        script::play(&mut world, self.events)?;
        if world.disk.faults_struck() == 0 {
            return Err(format!("{named:?} never came"));
        }
        world.cut_off(case.end);
        script::check(&mut world)
    }
}

fn world(Run(durability, partitions, takes_snapshots): Run, disk_seed: u64) -> World {
    let settings = Settings {
        partitions,
        durability,
        group_bytes: 24 * 1024,
        first_segment_bytes: 8 * 1024,
        // One size: only a segment of the largest is used again.
        segment_bytes_max: if takes_snapshots { 8 } else { 16 } * 1024,
        snapshot_every: if takes_snapshots { 16 * 1024 } else { u64::MAX },
        retention: Retention::FromOldestSnapshot { cursor_lag_max: 0 },
        path: super::world::JOURNAL.into(),
        ..Settings::default()
    };
    let mut world = World::with_seeds(1, disk_seed, settings);
    world.takes_snapshots = takes_snapshots;
    world
}

/// What the stage of a poison by this call begins with.
fn stages(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::Open => &["create"],
        Operation::Write => &["write", "store"],
        Operation::Sync | Operation::SyncDir => &["sync"],
        Operation::SetLength => &["trim"],
        Operation::Rename => &["name"],
        Operation::Random => &["salt"],
        Operation::Lock => &["unlock"],
        _ => &[],
    }
}

fn errors(effect: Effect) -> Vec<i32> {
    match effect {
        Effect::Error(error) | Effect::TornWrite(error) => vec![error],
        Effect::ShortWrite => vec![],
        _ => vec![EIO],
    }
}

fn cases(run: Run, call: u64, operation: Operation) -> impl Iterator<Item = Case> {
    let is_write = operation == Operation::Write;
    let syncs = matches!(operation, Operation::Sync | Operation::Write);
    let mut effects: Vec<_> = [EIO, ENOSPC, EINTR].map(Effect::Error).to_vec();
    if is_write {
        effects.extend([
            Effect::ShortWrite,
            Effect::TornWrite(EIO),
            Effect::TornWrite(ENOSPC),
        ]);
    }
    if syncs {
        effects.extend(
            [
                SyncFailure::KeepsDirty,
                SyncFailure::MarksClean,
                SyncFailure::MarksSomeClean,
                SyncFailure::RevertsCache,
            ]
            .map(Effect::FailedSync),
        );
    }
    let failing = effects.into_iter().flat_map(move |effect| {
        [
            (false, End::Kill),
            (true, End::Kill),
            (false, End::PowerCut),
        ]
        .map(|(for_ever, end)| Case {
            run,
            call,
            effect,
            for_ever,
            end,
            seed: 0,
        })
    });
    let crashing = [Effect::Crash, Effect::CrashPartway]
        .into_iter()
        .flat_map(move |effect| {
            (0..CUTS).flat_map(move |seed| {
                [End::Kill, End::PowerCut].map(|end| Case {
                    run,
                    call,
                    effect,
                    for_ever: false,
                    end,
                    seed,
                })
            })
        });
    failing.chain(crashing)
}
