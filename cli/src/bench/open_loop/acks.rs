//! One event at a time, each beside a bare write.

use anyhow::Result;
use ringlog::Pipeline;

use super::{latencies, nanoseconds};
use crate::bench::contender::{Bench, Contender};
use crate::bench::disk::{ALIGNMENT, BareFile};
use crate::bench::figure::Unit;
use crate::bench::players::Players;
use crate::bench::workload::Match;
use crate::clock;

const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// The first events start a segment, and the next one is prepared meanwhile.
const WARM_UP: u64 = 200;

/// Publishes one event, waits until it is durable, and writes 4 KiB without an engine; and again.
pub(in super::super) struct LoneAcks {
    file: BareFile,
    pipeline: Pipeline<Players>,
    events: Match,
}

impl LoneAcks {
    pub(in super::super) fn new(bench: &Bench) -> Result<Self> {
        let path = bench.path("lone-bare");
        let file = BareFile::written_once(&path, bench.method, ALIGNMENT, FILE_BYTES)?;
        let pipeline = Pipeline::<Players>::builder(bench.path("lone")).open(Players::new)?;
        let mut lone = Self {
            file,
            pipeline,
            events: Match::new(bench.seed),
        };
        let publisher = lone.pipeline.publisher();
        for event in lone.events.by_ref().take(WARM_UP as usize) {
            publisher.publish(&event)?.wait()?;
        }
        Ok(lone)
    }
}

impl Contender for LoneAcks {
    fn round(&mut self, bench: &mut Bench) -> Result<()> {
        let (mut acks, mut writes) = (latencies(), latencies());
        let publisher = self.pipeline.publisher();
        for event in self.events.by_ref().take(bench.sizes.lone_writes as usize) {
            let started = clock::now();
            self.file.overwrite(FILE_BYTES)?;
            writes.saturating_record(nanoseconds(started.elapsed()));
            let started = clock::now();
            publisher.publish(&event)?.wait()?;
            acks.saturating_record(nanoseconds(started.elapsed()));
        }
        for (figure, latencies, quantile) in [
            ("lone-ack.p50", &acks, 0.5),
            ("lone-ack.p99", &acks, 0.99),
            ("lone-ack.bare-p50", &writes, 0.5),
            ("lone-ack.bare-p99", &writes, 0.99),
        ] {
            let value = latencies.value_at_quantile(quantile);
            bench.record(figure, Unit::Nanoseconds, value as f64);
        }
        bench.add_latencies("one event at a time, durable", &acks);
        bench.add_latencies("bare 4 KiB durable write", &writes);
        Ok(())
    }
}
