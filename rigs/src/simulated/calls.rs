//! Every call of a reference run, each error, once and for ever; and a crash at each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use ringlog::Durability;
use ringlog::sim::Settings;
use ringlog::storage::sim::{Call, EINTR, EIO, ENOSPC, Effect, Fault, Operation, SyncFailure};

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

/// What happens at a call.
#[derive(Debug, Clone, Copy)]
struct Case {
    durability: Durability,
    partitions: u32,
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
        for (durability, partitions) in [
            (Durability::Sync, 1),
            (Durability::OsBuffer, 1),
            (Durability::Sync, 2),
        ] {
            let calls = self
                .reference(durability, partitions)
                .map_err(anyhow::Error::msg)?;
            calls_tried += calls.len() as u64;
            for (call, named) in (1..).zip(&calls) {
                for case in cases(durability, partitions, call, named.operation) {
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
            facts: vec![("calls", calls_tried)],
            seed: None,
            took: started.elapsed(),
        }))
    }

    /// The calls of a run without a fault.
    fn reference(&self, durability: Durability, partitions: u32) -> Result<Vec<Call>, String> {
        let mut world = world(durability, partitions, 0);
        world.disk.record_calls();
        script::play(&mut world, self.events)?;
        Ok(world.disk.recorded_calls())
    }

    fn play(&self, case: Case, named: &Call) -> Result<(), String> {
        let mut world = world(case.durability, case.partitions, case.seed);
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

fn world(durability: Durability, partitions: u32, disk_seed: u64) -> World {
    let settings = Settings {
        partitions,
        durability,
        group_bytes: 24 * 1024,
        first_segment_bytes: 8 * 1024,
        segment_bytes_max: 16 * 1024,
        path: super::world::JOURNAL.into(),
        ..Settings::default()
    };
    World::with_seeds(1, disk_seed, settings)
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

fn cases(
    durability: Durability,
    partitions: u32,
    call: u64,
    operation: Operation,
) -> impl Iterator<Item = Case> {
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
            durability,
            partitions,
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
                    durability,
                    partitions,
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
