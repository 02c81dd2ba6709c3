//! The demo's load: publishers at full speed, with live figures.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use ringlog::{Pipeline, PublishError, Publisher, Receipt};

use super::latency::{Sampler, new_histogram, sampler};
use super::progress::show_progress;
use crate::{Synthetic, clock};

/// Events between two offers of a latency sample.
const SAMPLE_INTERVAL: u64 = 512;

/// How much is published, or sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Events, or commands.
    pub(super) count: u64,
    pub(super) seed: u64,
    /// Publishers, or clients.
    pub(super) threads: u64,
}

/// How it went.
pub(super) struct Outcome {
    /// From the first publish to the last acknowledgement.
    pub(super) elapsed: Duration,
    pub(super) latencies: Histogram<u64>,
}

impl Load {
    pub(super) fn publish<D: Synthetic>(self, pipeline: &Pipeline<D::State>) -> Result<Outcome> {
        let started = clock::now();
        let latencies = thread::scope(|scope| {
            let (mut publishing, mut waiting) = (Vec::new(), Vec::new());
            for index in 0..self.threads {
                let (sampler, waiter) = sampler();
                let publisher = pipeline.publisher();
                let traffic = D::traffic(self.seed, index);
                let events = self.share_of(index);
                let name = format!("demo-publisher-{index}");
                publishing.push(
                    thread::Builder::new()
                        .name(name)
                        .spawn_scoped(scope, move || {
                            publish(&publisher, traffic, events, &sampler)
                        })
                        .context("cannot start a publisher")?,
                );
                waiting.push(scope.spawn(move || {
                    waiter.collect(|receipt: Receipt<'static>| receipt.wait().is_ok())
                }));
            }
            show_progress(
                pipeline,
                self.count,
                |partition| partition.durable_sequence,
                || publishing.iter().all(|p| p.is_finished()),
            );
            for publisher in publishing {
                publisher.join().expect("publishers do not panic")?;
            }
            let mut latencies = new_histogram();
            for waiter in waiting {
                latencies.add(waiter.join().expect("waiters do not panic"))?;
            }
            anyhow::Ok(latencies)
        })?;
        Ok(Outcome {
            elapsed: started.elapsed(),
            latencies,
        })
    }

    /// How much of it one thread does.
    pub(super) fn share_of(self, thread: u64) -> u64 {
        let share = self.count / self.threads;
        share + u64::from(thread < self.count % self.threads)
    }
}

/// Publishes `events` events, and returns when all of them are durable.
fn publish<E: ringlog::Event>(
    publisher: &Publisher<E>,
    mut traffic: impl FnMut() -> E,
    events: u64,
    sampler: &Sampler<Receipt<'static>>,
) -> Result<()> {
    // The last receipt of each partition answers for everything before it.
    let mut last = Vec::new();
    for number in 0..events {
        let event = traffic();
        let is_sample = number % SAMPLE_INTERVAL == 0;
        let published = is_sample.then(clock::now);
        let receipt = publisher.publish(&event).map_err(describe)?;
        if let Some(published) = published {
            sampler.offer(published, receipt.detach());
        } else if events - number <= TAIL_RECEIPTS {
            last.push(receipt);
        }
    }
    for receipt in last {
        receipt.wait()?;
    }
    Ok(())
}

/// Receipts waited for at the end of a publisher's share: with this many, every partition that it
/// published to lately is among them; closing waits for the others all the same.
const TAIL_RECEIPTS: u64 = 256;

fn describe(error: PublishError) -> anyhow::Error {
    anyhow::Error::new(error).context("the pipeline took no more events")
}
