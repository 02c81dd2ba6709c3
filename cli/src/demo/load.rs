//! The demo's load: publishers at full speed, with live figures.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use ringlog::{Pipeline, PublishError, Publisher};

use super::latency::{Sampler, new_histogram, sampler};
use crate::{Synthetic, clock};

/// Events between two offers of a latency sample.
const SAMPLE_INTERVAL: u64 = 512;

/// What is published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) events: u64,
    pub(super) seed: u64,
    pub(super) publishers: u64,
}

/// How it went.
pub(super) struct Outcome {
    /// From the first publish to the last acknowledgement.
    pub(super) elapsed: Duration,
    pub(super) latencies: Histogram<u64>,
}

impl Load {
    pub(super) fn run<D: Synthetic>(self, pipeline: &Pipeline<D::State>) -> Result<Outcome> {
        let started = clock::now();
        let latencies = thread::scope(|scope| {
            let (mut publishing, mut waiting) = (Vec::new(), Vec::new());
            for index in 0..self.publishers {
                let (sampler, waiter) = sampler();
                let publisher = pipeline.publisher();
                let traffic = D::traffic(self.seed, index);
                let events = self.events_of(index);
                let name = format!("demo-publisher-{index}");
                publishing.push(
                    thread::Builder::new()
                        .name(name)
                        .spawn_scoped(scope, move || {
                            publish(&publisher, traffic, events, &sampler)
                        })
                        .context("cannot start a publisher")?,
                );
                waiting.push(scope.spawn(move || waiter.collect()));
            }
            show_progress(pipeline, self.events, || {
                publishing.iter().all(|p| p.is_finished())
            });
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

    fn events_of(self, publisher: u64) -> u64 {
        let share = self.events / self.publishers;
        share + u64::from(publisher < self.events % self.publishers)
    }
}

/// Publishes `events` events, and returns when all of them are durable.
fn publish<E: ringlog::Event>(
    publisher: &Publisher<E>,
    mut traffic: impl FnMut() -> E,
    events: u64,
    sampler: &Sampler,
) -> Result<()> {
    // The last receipt of each partition answers for everything before it.
    let mut last = Vec::new();
    for number in 0..events {
        let event = traffic();
        let is_sample = number % SAMPLE_INTERVAL == 0;
        let published = is_sample.then(clock::now);
        let receipt = publisher.publish(&event).map_err(describe)?;
        if let Some(published) = published {
            sampler.offer(published, receipt);
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

/// Shows rate and lag on standard error until `done`; nothing where that is no terminal.
fn show_progress<S: ringlog::State>(pipeline: &Pipeline<S>, events: u64, done: impl Fn() -> bool) {
    let bar = ProgressBar::new(events);
    bar.set_style(
        ProgressStyle::with_template(
            "{bar:30} {human_pos} durable, {per_sec}, {eta} left, lag {msg}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let pause = if bar.is_hidden() {
        Duration::from_millis(20)
    } else {
        Duration::from_millis(100)
    };
    while !done() {
        thread::park_timeout(pause);
        let (mut durable, mut lag) = (0, 0);
        for partition in pipeline.stats() {
            durable += partition.durable_sequence;
            lag += partition
                .applied_sequence
                .saturating_sub(partition.durable_sequence);
        }
        bar.set_position(durable);
        bar.set_message(lag.to_string());
    }
    bar.finish_and_clear();
}
