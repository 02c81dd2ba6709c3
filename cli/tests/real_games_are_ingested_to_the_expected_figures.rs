//! The program, end to end, on half a million events of real games: every figure is the one that
//! another program found, with any number of partitions, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]
#![allow(
    dead_code,
    reason = "every test program uses its own part of the support"
)]

#[path = "support/program.rs"]
mod program;

use std::collections::HashMap;
use std::path::Path;

use program::{Place, counts, expected, real_data, unpacked};
use serde_json::Value;

const FIGURES: [&str; 8] = [
    "events",
    "by_type",
    "first_timestamp",
    "last_timestamp",
    "players_with_own_events",
    "kills_by_a_player",
    "deaths",
    "items",
];

fn assert_figures(place: &Place, partitions: usize, expected: &Value) {
    let stats = place.stats();
    for figure in FIGURES {
        assert_eq!(stats[figure], expected[figure], "{figure}");
    }
    let by_partition = stats["by_partition"].as_array().unwrap();
    assert_eq!(by_partition.len(), partitions);
    let total: u64 = by_partition
        .iter()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(total, expected["events"].as_u64().unwrap());
    let top = place.run("state", &["--top", "10"]).expect(0).json();
    assert_eq!(top, expected["top_killers"]);
    for (user_id, player) in expected["players"].as_object().unwrap().iter().take(3) {
        let state = place.run("state", &["--user", user_id]).expect(0).json();
        assert_eq!(&state, player);
    }
}

/// Every line of the input is printed once, and nothing else.
fn assert_dump_equals(place: &Place, file: &Path) {
    let text = unpacked(file);
    let mut balance: HashMap<&str, i64> = HashMap::new();
    for line in text.lines() {
        *balance.entry(line).or_default() += 1;
    }
    let dumped = place.dump(&[]);
    let dumped: Vec<String> = dumped.iter().map(|line| without_place(line)).collect();
    for line in &dumped {
        *balance.entry(line).or_default() -= 1;
    }
    // Most lines come back byte for byte. The others must be equal in meaning.
    let mut difference: HashMap<String, i64> = HashMap::new();
    for (line, count) in balance.into_iter().filter(|(_, count)| *count != 0) {
        *difference.entry(canonical(line)).or_default() += count;
    }
    difference.retain(|_, count| *count != 0);
    assert!(difference.is_empty(), "{:?}", difference.iter().next());
}

/// `line` without the partition and sequence in front.
fn without_place(line: &str) -> String {
    let mut members = line.splitn(3, ',');
    assert!(members.next().unwrap().starts_with("{\"partition\":"));
    assert!(members.next().unwrap().starts_with("\"sequence\":"));
    format!("{{{}", members.next().unwrap())
}

fn canonical(line: &str) -> String {
    let mut event: Value = serde_json::from_str(line).unwrap();
    event.sort_all_objects();
    event.to_string()
}

fn assert_data_set(name: &str) {
    let Some(file) = real_data(name) else {
        return;
    };
    let path = file.to_str().unwrap();
    let expected = expected(&file);
    let events = expected["events"].as_u64().unwrap();
    // Without optimizations this takes a minute a round: one is enough there, and `.ci/run` ingests
    // both sets with the release build.
    let is_slow = cfg!(debug_assertions) && events > 100_000;
    let partition_counts: &[usize] = if is_slow { &[3] } else { &[1, 3] };
    for &partitions in partition_counts {
        let place = Place::new();
        let count = partitions.to_string();
        let first = place.ingest(&[path, "--partitions", &count]);
        assert_eq!(counts(&first), [events, events, 0, 0]);
        assert_figures(&place, partitions, &expected);
        if !is_slow {
            let second = place.ingest(&[path]);
            assert_eq!(counts(&second), [events, 0, events, 0]);
            assert_eq!(place.stats()["events"], expected["events"]);
        }
        if partitions == 3 {
            assert_dump_equals(&place, &file);
        }
        let verdict = place.run("verify", &[]).expect(0).json();
        assert_eq!(verdict["events"].as_u64(), Some(events));
    }
}

#[test]
fn league_of_legends() {
    assert_data_set("lol_timelines");
}

#[test]
fn starcraft() {
    assert_data_set("sc2_replays");
}
