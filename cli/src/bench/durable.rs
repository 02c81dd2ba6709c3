//! The engine with a journal: everything that is measured is durable before the clock stops.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use anyhow::Result;
use ringlog::{Pipeline, State};

use super::contender::{Bench, Contender};
use super::figure::Unit;
use super::lane::Lane;
use super::publish::{Manner, publish};
use super::threads::{beside_busy_loops, cpus, pin};
use crate::{clock, files};

/// A journal that several contenders write to by turns.
pub(super) type SharedLane<S> = Rc<RefCell<Lane<S>>>;

/// Makes the events of a publisher, by a seed and the publisher's number. Not boxed: a call through a
/// table for each event would be charged to the engine, and the rivals have none.
pub(super) type Events<I> = fn(seed: u64, publisher: u64) -> I;

/// Publishers at full speed, into segments that are ready.
pub(super) struct Burst<S: State, I> {
    pub(super) name: String,
    pub(super) lane: SharedLane<S>,
    pub(super) events: Events<I>,
    pub(super) frame_bytes: u64,
    pub(super) publishers: u64,
    pub(super) manner: Manner,
    /// Threads beside it that take the CPUs away.
    pub(super) busy_loops: usize,
    /// The part of a whole burst that is enough.
    pub(super) share: f64,
}

impl<S, I> Contender for Burst<S, I>
where
    S: State,
    I: Iterator<Item = S::Event> + Send,
{
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let bytes = (bench.sizes.burst_bytes as f64 * self.share) as u64;
        let count = bytes / self.frame_bytes;
        let mut lane = self.lane.borrow_mut();
        let pipeline = lane.with_room(bytes, (self.events)(bench.seed, u64::from(u32::MAX)))?;
        let done = beside_busy_loops(self.busy_loops, || {
            run(
                pipeline,
                bench,
                count,
                self.publishers,
                self.manner,
                self.events,
            )
        })?;
        bench.record_events(&self.name, done.events, done.seconds);
        bench.record_bytes(&format!("{}.bytes", self.name), done.bytes, done.seconds);
        Ok(())
    }
}

/// A fresh journal, written without a pause, so that further segments are prepared meanwhile.
pub(super) struct Endless<S: State, I> {
    pub(super) events: Events<I>,
    pub(super) frame_bytes: u64,
    pub(super) make: fn(u32) -> S,
}

impl<S, I> Contender for Endless<S, I>
where
    S: State,
    I: Iterator<Item = S::Event> + Send,
{
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let path = bench.path("endless");
        let pipeline = Pipeline::<S>::builder(&path).open(self.make)?;
        let count = bench.sizes.endless_bytes / self.frame_bytes;
        let done = run(&pipeline, bench, count, 1, Manner::InBatches, self.events);
        pipeline.close()?;
        files::remove_directory(&path)?;
        let done = done?;
        bench.record_events("endless", done.events, done.seconds);
        bench.record_bytes("endless.bytes", done.bytes, done.seconds);
        Ok(())
    }
}

/// What a burst came to.
pub(super) struct Done {
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
}

/// Publishes `count` events from `publishers` threads; the clock stops when all are acknowledged.
pub(super) fn run<S: State, I: Iterator<Item = S::Event> + Send>(
    pipeline: &Pipeline<S>,
    bench: &Bench,
    count: u64,
    publishers: u64,
    manner: Manner,
    events: Events<I>,
) -> Result<Done> {
    let written = || {
        pipeline
            .stats()
            .iter()
            .map(|p| p.bytes_written)
            .sum::<u64>()
    };
    let before = written();
    let share = count / publishers;
    let started = clock::now();
    thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..publishers)
            .map(|number| {
                let publisher = pipeline.publisher();
                // A single publisher gets a CPU of its own; several are spread by the system.
                let cpu = (publishers == 1).then(|| bench.publisher_cpu()).flatten();
                let mut events = events(bench.seed, number);
                scope.spawn(move || {
                    pin(cpu);
                    publish(&publisher, manner, share, &mut events)
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("publishers do not panic")?;
        }
        Ok(())
    })?;
    Ok(Done {
        events: share * publishers,
        seconds: started.elapsed().as_secs_f64(),
        bytes: written() - before,
    })
}

/// One pipeline in which nothing happens.
pub(super) struct Idle<S: State> {
    pub(super) make: fn(u32) -> S,
}

impl<S: State> Contender for Idle<S> {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let path = bench.path("idle");
        let pipeline = Pipeline::<S>::builder(&path).open(self.make)?;
        // The first moments are those of a pipeline that has just started.
        super::threads::sleep(bench.sizes.idle_time / 4);
        let (started, before) = (clock::now(), cpu_seconds());
        super::threads::sleep(bench.sizes.idle_time);
        let share = (cpu_seconds() - before) / started.elapsed().as_secs_f64();
        pipeline.close()?;
        files::remove_directory(&path)?;
        bench.record("idle", Unit::Cores, share);
        Ok(())
    }
}

/// The CPU time that this process took so far.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// How many foreign busy loops there are: one a CPU, and two at least.
pub(super) fn busy_loops() -> usize {
    cpus().len().max(2)
}
