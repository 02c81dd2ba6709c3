//! Half a million events of real games, folded: every figure must be the one that another program
//! found.
//!
//! The data is no part of the project. It is looked for in `../shared/realdata` beside the
//! workspace, or where `RINGLOG_REAL_DATA` says.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;

use ringlog_cli::{Domain, Game};
use serde_json::Value;
use support::{fold, printed, with_view};

/// The lines of a data set and its expected figures; `None`, and a word about it, without them.
fn data(name: &str) -> Option<(String, Value)> {
    let folder = std::env::var_os("RINGLOG_REAL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/realdata"),
        PathBuf::from,
    );
    let file = folder.join(format!("{name}.ndjson.zst"));
    let Ok(packed) = open(&file) else {
        // Not `eprintln!`: the test harness would swallow it, and a skipped test look like a passed
        // one.
        writeln!(std::io::stderr(), "SKIPPED: there is no {}", file.display()).unwrap();
        return None;
    };
    let mut lines = String::new();
    zstd::Decoder::new(packed)
        .unwrap()
        .read_to_string(&mut lines)
        .unwrap();
    let expected = open(&folder.join(format!("{name}.expected.json"))).unwrap();
    Some((lines, serde_json::from_reader(expected).unwrap()))
}

#[expect(
    clippy::disallowed_types,
    reason = "test data is not the engine's to inject faults into"
)]
fn open(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    std::fs::File::open(path)
}

fn assert_expected_figures(name: &str, arenas_count: usize) {
    let Some((lines, expected)) = data(name) else {
        return;
    };
    let arenas = fold(lines.lines(), arenas_count);
    let stats = Game::stats(&arenas);
    for figure in [
        "players_with_own_events",
        "kills_by_a_player",
        "deaths",
        "items",
    ] {
        assert_eq!(stats[figure], expected[figure], "{figure}");
    }
    assert_eq!(stats["not_applied"], 0);
    let top = expected["top_killers"].as_array().unwrap();
    assert_eq!(&Game::top(&arenas, top.len()), top);
    let players = expected["players"].as_object().unwrap();
    assert!(!players.is_empty());
    for (user_id, player) in players {
        let state = Game::user_state(&arenas, user_id.parse().unwrap());
        assert_eq!(state.as_ref(), Some(player));
    }
}

#[test]
fn league_of_legends_in_one_partition() {
    assert_expected_figures("lol_timelines", 1);
}

#[test]
fn league_of_legends_in_four_partitions() {
    assert_expected_figures("lol_timelines", 4);
}

#[test]
fn starcraft_in_one_partition() {
    assert_expected_figures("sc2_replays", 1);
}

#[test]
fn starcraft_in_four_partitions() {
    assert_expected_figures("sc2_replays", 4);
}

#[test]
fn every_line_comes_back_equal_and_under_its_type() {
    for name in ["lol_timelines", "sc2_replays"] {
        let Some((lines, expected)) = data(name) else {
            continue;
        };
        let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
        for line in lines.lines() {
            let event = Game::parse(line.as_bytes()).unwrap();
            let event_type = with_view(&event, |view| Game::type_name(&view).to_owned());
            *by_type.entry(event_type).or_default() += 1;
            let printed: Value = serde_json::from_str(&printed(line)).unwrap();
            assert_eq!(printed, serde_json::from_str::<Value>(line).unwrap());
        }
        assert_eq!(serde_json::to_value(&by_type).unwrap(), expected["by_type"]);
        assert_eq!(
            by_type.values().sum::<u64>(),
            expected["events"].as_u64().unwrap()
        );
    }
}
