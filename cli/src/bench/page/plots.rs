//! Which figures are drawn, and how.

use super::bars::{Bar, Group, lying, standing};
use super::curves::{Curve, percentiles};
use crate::bench::answer::Answer;
use crate::bench::figure::Spread;
use crate::bench::workload::MATCH_FRAME_BYTES;

/// The engine beside its limit and its rivals; nothing where neither was measured.
pub(super) fn throughput(answer: &Answer) -> String {
    let frames = 1e6 * MATCH_FRAME_BYTES as f64;
    let shown = [
        (
            "device",
            "the disk alone, as 80-byte frames",
            "limit",
            frames,
        ),
        ("memory", "engine, without a journal", "limit", 1e6),
        ("arena", "engine, durable", "engine", 1e6),
        ("endless", "engine, durable, without end", "engine", 1e6),
        ("one-by-one", "engine, durable, one by one", "engine", 1e6),
        (
            "rival.disruptor-apart",
            "disruptor + postcard, two consumers",
            "rival",
            1e6,
        ),
        (
            "rival.disruptor",
            "disruptor + postcard, pinned",
            "rival",
            1e6,
        ),
        (
            "rival.readme",
            "disruptor + postcard, spinning",
            "rival",
            1e6,
        ),
        (
            "rival.crossbeam",
            "crossbeam-channel + postcard",
            "rival",
            1e6,
        ),
        ("rival.rkyv", "disruptor + rkyv to_bytes", "rival", 1e6),
        ("busy", "engine, beside busy loops", "engine", 1e6),
        (
            "busy-rival",
            "the best rival, beside busy loops",
            "rival",
            1e6,
        ),
    ];
    let bars: Vec<Bar> = shown
        .into_iter()
        .filter_map(|(figure, name, class, by)| {
            let spread = answer.figures.spread(figure)?;
            Some(Bar {
                name: name.into(),
                class,
                spread: scaled(spread, by),
            })
        })
        .collect();
    if bars.is_empty() {
        return String::new();
    }
    let plot = lying(
        "Bars: durable throughput of the engine beside the bare disk and the rivals",
        "million events a second",
        &bars,
    );
    section(
        "Throughput",
        "Events of a game with 100,000 players at random keys; one in ten is a kill, which touches \
         two of them. An event counts when it is durable and applied. Limits are what the disk does \
         without an engine and the engine without a disk. Rivals are glued together by hand from \
         well-known crates: they encode, write, sync and keep the same state, without checks, order \
         across publishers or recovery.",
        &plot,
    )
}

/// Throughput by publishers and partitions.
pub(super) fn threads(answer: &Answer) -> String {
    let found = answer.scaling();
    if found.is_empty() {
        return String::new();
    }
    let mut publishers: Vec<u64> = found.iter().map(|(publishers, ..)| *publishers).collect();
    publishers.sort_unstable();
    publishers.dedup();
    let mut partitions: Vec<u32> = found.iter().map(|(_, partitions, _)| *partitions).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let steps = match partitions.len() {
        ..=2 => ["step-1", "step-3", "", ""],
        _ => ["step-1", "step-2", "step-3", "step-4"],
    };
    let series: Vec<(String, &'static str)> = partitions
        .iter()
        .zip(steps)
        .map(|(count, class)| (counted(u64::from(*count), "partition"), class))
        .collect();
    let bar = |publishers: u64, partitions: u32, class: &'static str| {
        let (.., spread) = found
            .iter()
            .find(|(p, q, _)| (*p, *q) == (publishers, partitions))?;
        Some(Bar {
            name: format!("{publishers} to {partitions}"),
            class,
            spread: scaled(*spread, 1e6),
        })
    };
    let groups: Vec<Group> = publishers
        .iter()
        .map(|count| Group {
            name: counted(*count, "publisher"),
            bars: partitions
                .iter()
                .zip(steps)
                .map(|(partitions, class)| bar(*count, *partitions, class))
                .collect(),
        })
        .collect();
    let plot = standing(
        "Bars: durable throughput by publishers and partitions",
        "million events a second",
        &series,
        &groups,
    );
    section(
        "Throughput by threads",
        &format!(
            "Durable, the same events. Each partition adds a thread that applies and one that \
             writes; this machine has {} for all of them.",
            counted(answer.machine.cpus as u64, "CPU")
        ),
        &plot,
    )
}

/// Latencies by percentile.
pub(super) fn latency(answer: &Answer) -> String {
    let classes = [
        "hue-1",
        "hue-1 bare",
        "hue-2",
        "hue-2 bare",
        "hue-3",
        "hue-3 bare",
    ];
    let curves: Vec<Curve<'_>> = answer
        .latencies
        .iter()
        .zip(classes)
        .filter(|((_, latencies), _)| !latencies.is_empty())
        .map(|((name, latencies), class)| Curve {
            name,
            class,
            latencies,
        })
        .collect();
    if curves.is_empty() {
        return String::new();
    }
    let plot = percentiles("Curves: latencies by percentile", &curves);
    section(
        "Latency",
        &format!(
            "From publishing to the acknowledgement of a durable event, and, without a journal, to \
             its application. Under the offered load of {} events a second, time counts from the \
             moment at which an event was to be published, so that a stall is charged to everything \
             that it held up. Dashed: the same without an engine.",
            crate::output::grouped(answer.rate)
        ),
        &plot,
    )
}

fn section(title: &str, text: &str, plot: &str) -> String {
    format!("<h2>{title}</h2>\n<p>{text}</p>\n{plot}")
}

fn scaled(spread: Spread, by: f64) -> Spread {
    Spread {
        median: spread.median / by,
        min: spread.min / by,
        max: spread.max / by,
    }
}

/// `1 partition`, `2 partitions`.
fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
