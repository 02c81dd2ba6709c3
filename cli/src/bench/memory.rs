//! The engine without a journal.

use anyhow::Result;
use ringlog::{Durability, Pipeline, State};

use super::contender::{Bench, Contender};
use super::durable::{Events, run};
use super::publish::Manner;

/// Events in which nearly every player appears.
const WARM_UP: u64 = 1_000_000;

/// A pipeline that writes nothing.
pub(super) struct InMemory<S: State> {
    name: &'static str,
    events: fn(u64, u64) -> Events<S::Event>,
    pipeline: Pipeline<S>,
}

impl<S: State> InMemory<S> {
    pub(super) fn new(
        bench: &Bench,
        name: &'static str,
        make: fn(u32) -> S,
        events: fn(u64, u64) -> Events<S::Event>,
    ) -> Result<Self> {
        let pipeline = Pipeline::<S>::builder(bench.path(name))
            .durability(Durability::Memory)
            .open(make)?;
        // Every player appears before the first measurement.
        let count = bench.sizes.memory_events.min(WARM_UP);
        run(&pipeline, bench, count, 1, Manner::InBatches, events)?;
        Ok(Self {
            name,
            events,
            pipeline,
        })
    }
}

impl<S: State> Contender for InMemory<S> {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let count = bench.sizes.memory_events;
        let done = run(
            &self.pipeline,
            bench,
            count,
            1,
            Manner::InBatches,
            self.events,
        )?;
        bench.record_events(self.name, done.events, done.seconds);
        Ok(())
    }
}
