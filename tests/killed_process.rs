//! `SIGKILL` at any moment: what was acknowledged is there, once, in order.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the doors are the library's"
)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use support::{added, open};

const CHILD: &str = "RINGLOG_TEST_CHILD_DIRECTORY";
const PARTITIONS: u32 = 2;
const CYCLES: u64 = 25;

/// Not a test of its own: what the killed process does. It publishes numbers through a source,
/// waits for each hundredth, and says so.
#[test]
fn child_publishes_until_it_is_killed() {
    let Ok(directory) = std::env::var(CHILD) else {
        return;
    };
    let pipeline = open(Path::new(&directory), PARTITIONS);
    let source = pipeline.source("feed").unwrap();
    let mut out = std::io::stdout().lock();
    for number in 1.. {
        let receipt = source.publish(number, &added(number % 5, number)).unwrap();
        if number % 100 == 0 {
            receipt.wait().unwrap();
            // The receipt stands for everything before it in its partition, counter included.
            writeln!(out, "acked {} {number}", number % 5).unwrap();
        }
    }
}

#[test]
fn what_was_acknowledged_before_a_sigkill_is_there_once_and_in_order() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            let now = SystemTime::now();
            now.duration_since(SystemTime::UNIX_EPOCH)
                .map_or(1, |since| u64::from(since.subsec_nanos()))
        });
    println!("reproduce: SEED={seed} cargo test --test killed_process");
    let mut random = seed;
    let directory = tempfile::tempdir().unwrap();
    let mut acked = std::collections::BTreeMap::<u64, u64>::new();
    for cycle in 0..CYCLES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_publishes_until_it_is_killed",
                "--nocapture",
            ])
            .env(CHILD, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros((random >> 33) % 150_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in out.lines().map_while(Result::ok) {
            // A line that the kill cut short does not parse, and proves nothing.
            if let Some((counter, number)) = line.strip_prefix("acked ").and_then(|rest| {
                let (counter, number) = rest.split_once(' ')?;
                Some((counter.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
            }) {
                let highest = acked.entry(counter).or_default();
                *highest = number.max(*highest);
            }
        }
        let pipeline = open(directory.path(), PARTITIONS);
        for state in support::states(&pipeline) {
            let count = state.sequences.len() as u64;
            assert_eq!(
                state.sequences,
                (1..=count).collect::<Vec<_>>(),
                "cycle {cycle}"
            );
            for (counter, amounts) in &state.amounts {
                // Every number of this counter from the first on: nothing lost in between,
                // nothing twice, nothing out of order.
                let first = if *counter == 0 { 5 } else { *counter };
                let expected: Vec<u64> = (0..amounts.len() as u64)
                    .map(|index| first + index * 5)
                    .collect();
                assert!(*amounts == expected, "cycle {cycle}, counter {counter}");
                let highest = acked.get(counter).copied().unwrap_or(0);
                let last = amounts.last().copied().unwrap_or(0);
                assert!(
                    last >= highest,
                    "cycle {cycle}: {highest} was acknowledged, {last} is last"
                );
            }
        }
        pipeline.close().unwrap();
    }
    assert!(
        !acked.is_empty(),
        "no cycle lived long enough to acknowledge anything"
    );
}
