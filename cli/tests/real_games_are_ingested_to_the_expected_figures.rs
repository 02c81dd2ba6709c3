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
    let canonical = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event.sort_all_objects();
        let event_members = event.as_object_mut().unwrap();
        event_members.remove("partition");
        event_members.remove("sequence");
        event.to_string()
    };
    let mut dumped: Vec<String> = place.dump(&[]).iter().map(|line| canonical(line)).collect();
    let mut lines: Vec<String> = unpacked(file).lines().map(canonical).collect();
    dumped.sort_unstable();
    lines.sort_unstable();
    assert!(dumped == lines, "the dump is not the input");
}

fn assert_data_set(name: &str, checks_dump: bool) {
    let Some(file) = real_data(name) else {
        return;
    };
    let path = file.to_str().unwrap();
    let expected = expected(&file);
    let events = expected["events"].as_u64().unwrap();
    for partitions in [1, 3] {
        let place = Place::new();
        let count = partitions.to_string();
        let first = place.ingest(&[path, "--partitions", &count]);
        assert_eq!(counts(&first), [events, events, 0, 0]);
        assert_figures(&place, partitions, &expected);
        let second = place.ingest(&[path]);
        assert_eq!(counts(&second), [events, 0, events, 0]);
        assert_eq!(place.stats()["events"], expected["events"]);
        if checks_dump && partitions == 3 {
            assert_dump_equals(&place, &file);
        }
        let verdict = place.run("verify", &[]).expect(0).json();
        assert_eq!(verdict["events"].as_u64(), Some(events));
    }
}

#[test]
fn league_of_legends() {
    assert_data_set("lol_timelines", true);
}

#[test]
fn starcraft() {
    assert_data_set("sc2_replays", true);
}
