//! Half a million events of real games, folded: every figure must be the one that another program
//! found.
//!
//! The data is no part of the project. It is looked for in `../shared/realdata` beside the
//! workspace, or where `RINGLOG_REAL_DATA` says.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;

use ringlog::game::{Arena, GameEvent};
use ringlog_cli::{Domain, Game};
use serde_json::Value;
use support::{fold, parsed, with_view};

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
        let mut stderr = std::io::stderr();
        writeln!(stderr, "SKIPPED: there is no {}", file.display()).unwrap();
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

fn assert_expected_figures(arenas: &[Arena], expected: &Value) {
    let stats = Game::stats(arenas);
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
    assert_eq!(&Game::top(arenas, top.len()), top);
    let players = expected["players"].as_object().unwrap();
    assert!(!players.is_empty());
    for (user_id, player) in players {
        let state = Game::user_state(arenas, user_id.parse().unwrap());
        assert_eq!(state.as_ref(), Some(player));
    }
}

/// Every line comes back equal and under its own type.
fn assert_nothing_is_lost(lines: &str, events: &[GameEvent], expected: &Value) {
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    let mut printed = Vec::new();
    for (line, event) in lines.lines().zip(events) {
        with_view(event, |view| {
            *by_type
                .entry(Game::type_name(&view).to_owned())
                .or_default() += 1;
            printed.clear();
            Game::print(&view, &mut printed);
        });
        // Most lines come back byte for byte; the others differ in the order of their keys.
        if printed != line.as_bytes() {
            let printed: Value = serde_json::from_slice(&printed).unwrap();
            assert_eq!(printed, serde_json::from_str::<Value>(line).unwrap());
        }
    }
    assert_eq!(serde_json::to_value(&by_type).unwrap(), expected["by_type"]);
    assert_eq!(
        by_type.values().sum::<u64>(),
        expected["events"].as_u64().unwrap()
    );
}

fn assert_data_set(name: &str) {
    let Some((lines, expected)) = data(name) else {
        return;
    };
    let events: Vec<GameEvent> = lines.lines().map(parsed).collect();
    for arenas_count in [1, 4] {
        assert_expected_figures(&fold(&events, arenas_count), &expected);
    }
    assert_nothing_is_lost(&lines, &events, &expected);
}

#[test]
fn league_of_legends() {
    assert_data_set("lol_timelines");
}

#[test]
fn starcraft() {
    assert_data_set("sc2_replays");
}
