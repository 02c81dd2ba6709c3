//! The load: clients at full speed, with live figures.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use ringlog::Pipeline;

use super::client::{self, PLACES, Sent};
use super::tally::Tally;
use crate::demo::latency::{Waiter, new_histogram, sampler};
use crate::demo::load::Load;
use crate::demo::progress::show_progress;
use crate::{SyntheticCommands, clock};

/// How it went.
pub(crate) struct Outcome {
    /// From the first command to the last outcome.
    pub(super) elapsed: Duration,
    pub(super) latencies: Histogram<u64>,
    pub(super) tally: Tally,
}

pub(super) fn send<D: SyntheticCommands>(
    load: Load,
    pipeline: &Pipeline<D::State>,
) -> Result<Outcome> {
    let started = clock::now();
    let (tally, latencies) = thread::scope(|scope| {
        let (mut sending, mut waiting) = (Vec::new(), Vec::new());
        for index in 0..load.threads {
            let (sampler, waiter) = sampler();
            let client = pipeline.client_with(PLACES)?;
            let commands = D::commands(load.seed, index);
            let count = load.share_of(index);
            sending.push(
                thread::Builder::new()
                    .name(format!("demo-client-{index}"))
                    .spawn_scoped(scope, move || {
                        client::send::<D>(&client, commands, count, &sampler)
                    })
                    .context("cannot start a client")?,
            );
            waiting.push(scope.spawn(move || collect::<D>(waiter)));
        }
        show_progress(
            pipeline,
            load.count,
            |partition| partition.commands_accepted + partition.commands_rejected,
            || sending.iter().all(|client| client.is_finished()),
        );
        let (mut tally, mut latencies) = (Tally::default(), new_histogram());
        for client in sending {
            tally.add(&client.join().expect("clients do not panic")?);
        }
        for waiter in waiting {
            let (sampled, of_samples) = waiter.join().expect("waiters do not panic")?;
            tally.add(&sampled);
            latencies.add(of_samples)?;
        }
        anyhow::Ok((tally, latencies))
    })?;
    Ok(Outcome {
        elapsed: started.elapsed(),
        latencies,
        tally,
    })
}

/// Waits for samples; they count as the others do.
fn collect<D: SyntheticCommands>(
    waiter: Waiter<Sent<'static, D::State>>,
) -> Result<(Tally, Histogram<u64>)> {
    let (mut tally, mut counted) = (Tally::default(), Ok(()));
    let latencies = waiter.collect(|sent| {
        let answer = client::count_answer::<D>(&mut tally, sent.wait());
        let is_answered = answer.is_ok();
        counted = std::mem::replace(&mut counted, Ok(())).and(answer);
        is_answered
    });
    counted.map(|()| (tally, latencies))
}
