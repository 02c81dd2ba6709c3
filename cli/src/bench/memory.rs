//! The engine without a journal.

use anyhow::Result;
use ringlog::{Durability, Pipeline, State};

use super::contender::{Bench, Contender};
use super::durable::{Events, run};
use super::publish::Manner;

/// Events in which nearly every player appears.
const WARM_UP: u64 = 1_000_000;

/// A pipeline that writes nothing.
pub(super) struct InMemory<S: State, I> {
    name: &'static str,
    events: Events<I>,
    pipeline: Pipeline<S>,
}

impl<S, I> InMemory<S, I>
where
    S: State,
    I: Iterator<Item = S::Event> + Send,
{
    pub(super) fn new(
        bench: &Bench,
        name: &'static str,
        make: fn(u32) -> S,
        events: Events<I>,
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

impl<S, I> Contender for InMemory<S, I>
where
    S: State,
    I: Iterator<Item = S::Event> + Send,
{
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
