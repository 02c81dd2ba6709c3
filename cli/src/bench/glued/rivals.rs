//! The rivals as contenders, each as good as it can be made without ceasing to be itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::super::contender::{Bench, Contender};
use super::super::durable::busy_loops;
use super::super::figure::Unit;
use super::super::threads::beside_busy_loops;
use super::super::workload::Match;
use super::channel::through_a_channel;
use super::codec::{Postcard, RkyvToBytes};
use super::journal::Journal;
use super::rings::{GiveWay, Pins, as_the_readme, has_cores, one_consumer, two_consumers};

/// Bytes that no codec exceeds for an event.
const ENCODED_BYTES_MAX: u64 = 64;

/// Every rival, one after the other.
pub(in super::super) struct Rivals {
    path: PathBuf,
    events: u64,
}

impl Rivals {
    pub(in super::super) fn new(bench: &Bench) -> Result<Self> {
        let path = bench.path("rival");
        // Half of what the engine publishes: they are slower, and have no segments to get into.
        let events = bench
            .sizes
            .events(super::super::workload::MATCH_FRAME_BYTES);
        Journal::prepare(&path, events * ENCODED_BYTES_MAX)?;
        Ok(Self { path, events })
    }
}

fn pins(bench: &Bench) -> Pins {
    Pins {
        publisher: bench.publisher_cpu(),
        consumer: bench.consumer_cpu(),
    }
}

impl Contender for Rivals {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let (path, count, pins) = (&self.path, self.events, pins(bench));
        let events = || Match::new(bench.seed);
        let rate = |elapsed: Duration| count as f64 / elapsed.as_secs_f64();
        let one = rate(one_consumer(
            path,
            Postcard::default(),
            GiveWay,
            pins,
            count,
            events(),
        )?);
        let two = rate(two_consumers(
            path,
            Postcard::default(),
            pins,
            count,
            events(),
        )?);
        let channel = rate(through_a_channel(
            path,
            Postcard::default(),
            pins,
            count,
            events(),
        )?);
        let rkyv_one = rate(one_consumer(
            path,
            RkyvToBytes,
            GiveWay,
            pins,
            count,
            events(),
        )?);
        let rkyv_two = rate(two_consumers(path, RkyvToBytes, pins, count, events())?);
        for (name, rate) in [
            ("rival.disruptor", one),
            ("rival.disruptor-apart", two),
            ("rival.crossbeam", channel),
            ("rival.rkyv", rkyv_one.max(rkyv_two)),
            ("rival", one.max(two).max(channel)),
        ] {
            bench.record(name, Unit::EventsPerSecond, rate);
        }
        if !has_cores(2) {
            let why = "spinning threads need a CPU each";
            bench.figures.skip("rival.readme", why.to_owned());
        } else {
            let count = count / 4;
            let elapsed = as_the_readme(path, Postcard::default(), count, Match::new(bench.seed))?;
            bench.record_events("rival.readme", count, elapsed.as_secs_f64());
        }
        Ok(())
    }
}

/// The best of them under foreign load.
pub(in super::super) struct BesideBusyLoops(pub(in super::super) Rivals);

impl Contender for BesideBusyLoops {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let Rivals { path, events } = &self.0;
        // Whoever pins beside foreign threads waits for them.
        let (count, nobody) = (events / 4, Pins::default());
        let pins = pins(bench);
        let elapsed = beside_busy_loops(busy_loops(), || {
            let events = || Match::new(bench.seed);
            anyhow::Ok([
                one_consumer(path, Postcard::default(), GiveWay, nobody, count, events())?,
                one_consumer(path, Postcard::default(), GiveWay, pins, count, events())?,
                two_consumers(path, Postcard::default(), nobody, count, events())?,
                through_a_channel(path, Postcard::default(), nobody, count, events())?,
            ])
        })?;
        let names = [
            "busy-rival.disruptor",
            "busy-rival.disruptor-pinned",
            "busy-rival.disruptor-apart",
            "busy-rival.crossbeam",
        ];
        let mut best = 0.0_f64;
        for (name, elapsed) in names.into_iter().zip(elapsed) {
            bench.record_events(name, count, elapsed.as_secs_f64());
            best = best.max(count as f64 / elapsed.as_secs_f64());
        }
        bench.record("busy-rival", Unit::EventsPerSecond, best);
        Ok(())
    }
}
