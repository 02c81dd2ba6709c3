//! Commands decided and durable, many in flight, beside the same events published one by one: one
//! client, one partition, a trivial state, rounds that take turns.
//!
//! The client waits for a quarter of what is in flight whenever its places are taken, so that an answer
//! takes as long as the queue in front of it.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads the clock and the disk itself"
)]

mod support;

use std::collections::VecDeque;
use std::time::Instant;

use ringlog::Pipeline;
use support::{BenchDir, Move, Sum, median, moved, open};

const ROUNDS: usize = 5;
const COMMANDS: u64 = 6_000_000;
const IN_FLIGHT: usize = 16_384;

fn main() {
    // `cargo test --benches` runs it with `--test`, for which one short round is enough.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (rounds, commands) = match is_test {
        true => (1, 20_000),
        false => (ROUNDS, COMMANDS),
    };
    let directory = BenchDir::new();
    let pipeline = open(&directory);
    let (mut events, mut decided, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let rates = [
            publish(&pipeline, commands),
            decide(&pipeline, commands, true),
            decide(&pipeline, commands, false),
        ];
        // The first round prepares segments for the others.
        if round > 0 {
            for (rates, rate) in [&mut events, &mut decided, &mut rejected]
                .into_iter()
                .zip(rates)
            {
                rates.push(rate);
            }
        }
    }
    for (what, rates) in [
        ("events", &mut events),
        ("commands accepted", &mut decided),
        ("commands rejected", &mut rejected),
    ] {
        let middle = median(rates);
        let (least, most) = (rates[0], rates[rates.len() - 1]);
        println!("{what}: {middle:.2} M/s ({least:.2}-{most:.2})");
    }
}

/// Millions a second.
fn rate(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn publish(pipeline: &Pipeline<Sum>, count: u64) -> f64 {
    let publisher = pipeline.publisher();
    let start = Instant::now();
    let mut last = None;
    for player in 0..count {
        last = Some(publisher.publish(&moved(player)).expect("it is taken"));
    }
    if let Some(receipt) = last {
        receipt.wait().expect("it is durable");
    }
    rate(count, start)
}

fn decide(pipeline: &Pipeline<Sum>, count: u64, is_allowed: bool) -> f64 {
    let client = pipeline
        .client_with(IN_FLIGHT)
        .expect("there is one client");
    let mut pending = VecDeque::with_capacity(IN_FLIGHT);
    let start = Instant::now();
    for player in 0..count {
        if pending.len() == IN_FLIGHT {
            wait(pending.drain(..IN_FLIGHT / 4), is_allowed);
        }
        let command = Move { player, is_allowed };
        pending.push_back(client.send(&command).expect("it is taken"));
    }
    wait(pending.drain(..), is_allowed);
    rate(count, start)
}

fn wait<'a>(
    pending: impl Iterator<Item = ringlog::Pending<'a, ringlog::Outcome<u64, u64>>>,
    is_allowed: bool,
) {
    for pending in pending {
        let outcome = pending.wait().expect("it is answered");
        assert_eq!(outcome.is_accepted(), is_allowed);
    }
}
