//! Journals of the game that earlier programs wrote, read by this program:
//! `tests/golden/README.md` says how they came about. They are read for ever.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "helpers of tests are tests, which clippy cannot see"
)]
#![allow(
    dead_code,
    reason = "every test program uses its own part of the support"
)]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use program::{Place, ringlog};
use serde_json::Value;

const BLOCK: usize = 4096;

/// A line of each event type, with all that a line may say.
const LINES: &str = r#"{"event_type":"player.kill","event_id":"e-1","timestamp":1434393428244,"user_id":7,"correlation_id":"match","payload":{"victim_id":9,"weapon":"bow","location":{"x":1,"y":-2}}}
{"event_type":"item.pickup","event_id":"an id that does not fit into the string","timestamp":-5,"user_id":8,"correlation_id":"match","payload":{"item_id":2003,"quantity":1,"source":"shop","item_name":"a bow"}}
{"event_type":"player.levelup","event_id":"e-3","timestamp":3,"user_id":7,"correlation_id":"","payload":{"old_level":1,"new_level":2,"total_experience":323}}
{"v":2,"event_type":"player.move","event_id":"e-4","timestamp":4,"user_id":0,"correlation_id":"c","payload":{"x":561,"y":-581,"speed":0.5}}
{"event_type":"player.move","event_id":"e-5","timestamp":5,"user_id":9,"correlation_id":"c","payload":{"x":1e400,"y":2,"speed":3}}
{"event_type":"player.attack","event_id":"e-6","timestamp":6,"user_id":9,"correlation_id":"c","payload":{"target_id":44302337,"skill_id":1080829965}}
{"event_type":"chat.message","event_id":"e-7","timestamp":7,"user_id":7,"correlation_id":"c","payload":{"text":"aßc, and what goes on behind eight bytes"}}
{"event_type":"lol.ward_placed","event_id":"e-8","timestamp":8,"user_id":8,"correlation_id":"c","payload":{"big":123456789012345678901234567890}}
{"event_type":"chat.message","event_id":"e-9","timestamp":9,"user_id":8,"correlation_id":"c","payload":{"text":1}}
"#;

#[test]
fn every_golden_journal_of_the_game_is_read_as_it_was_written() {
    let mut count = 0;
    for entry in fs::read_dir(golden()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name.starts_with("game-") {
            let expected = fs::read_to_string(golden().join(format!("{name}.txt"))).unwrap();
            assert_eq!(look(&path), expected, "{name}");
            count += 1;
        }
    }
    assert!(count >= 1, "the golden journals are there");
}

/// `GOLDEN=game-2 cargo test -p ringlog-cli --test golden_journals_are_read -- --ignored`
#[test]
#[ignore = "writes a new golden journal, once the format has changed"]
fn write_a_golden_journal_of_the_game() {
    let name = std::env::var("GOLDEN").expect("GOLDEN names the new journal");
    let target = golden().join(&name);
    assert!(
        name.starts_with("game-") && !target.exists(),
        "golden journals stay as they are"
    );
    let place = Place::new();
    let (first, all) = LINES.split_at(LINES.match_indices('\n').nth(5).unwrap().0 + 1);
    let file = place.file("lines", first);
    place.ingest(&[&file, "--source", "golden", "--partitions", "2"]);
    place.run("snapshot", &[]).expect(0);
    let file = place.file("lines", first.to_owned() + all);
    place.ingest(&[&file, "--source", "golden"]);
    copy(Path::new(&place.journal()), &target, trimmed);
    fs::write(golden().join(format!("{name}.txt")), look(&target)).unwrap();
}

/// What the tools say of a golden journal.
fn look(golden: &Path) -> String {
    // A copy: ingesting changes the directory.
    let place = Place::new();
    copy(golden, Path::new(&place.journal()), |_, bytes| bytes);
    place.run("verify", &[]).expect(0);
    let lines = place.dump(&["--raw"]).into_iter().chain(place.dump(&[]));
    let mut text: String = lines.map(|line| line + "\n").collect();
    // The figures that the journal alone decides: the tools may come to say more.
    let figures = |answer: &Value, names: &[&str]| {
        let figures = names
            .iter()
            .map(|name| format!("{name}: {}\n", answer[name]));
        figures.collect::<String>()
    };
    let of_events = [
        "events",
        "by_type",
        "by_partition",
        "first_timestamp",
        "last_timestamp",
    ];
    let of_state = ["kills_by_a_player", "deaths", "items", "not_applied"];
    let stats = place.stats();
    text.push_str(&figures(&stats, &of_events));
    text.push_str(&figures(&stats, &["sources"]));
    text.push_str(&figures(&stats, &of_state));
    let before = place.run("state", &["--at-time", "5"]).expect(0).json();
    text.push_str(&figures(&before, &["events"]));
    text.push_str(&figures(&before, &of_state));
    // The engine knows what it has of the source: everything, with equal content.
    let file = place.file("lines", LINES);
    let again = place.ingest(&[&file, "--source", "golden"]);
    assert_eq!(again["journaled"], 0, "{again}");
    assert_eq!(again["duplicates"], 9, "{again}");
    text
}

#[test]
fn the_schema_is_printed_checked_and_written() {
    let place = Place::new();
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema.lock");
    let text = fs::read_to_string(&lock).unwrap();
    assert_eq!(ringlog(&["schema"]).expect(0).stdout, text);
    ringlog(&["schema", "--check", lock.to_str().unwrap()]).expect(0);

    let path = place.path("schema.lock");
    ringlog(&["schema", "--check", &path])
        .expect(1)
        .says("player.move version 1 is not locked yet");
    ringlog(&["schema", "--write", &path]).expect(0);
    assert_eq!(place.read("schema.lock"), text);
    let changed = place.file(
        "changed.lock",
        text.replace("0..8 timestamp: i64", "0..8 timestamp: u64"),
    );
    for option in ["--check", "--write"] {
        ringlog(&["schema", option, &changed])
            .expect(1)
            .says("the layout of player.move version 1 changed: restore it")
            .says("locked: 0..8 timestamp: u64")
            .says("now: 0..8 timestamp: i64");
    }
    let broken = place.file("broken.lock", "what\n");
    ringlog(&["schema", "--check", &broken])
        .expect(1)
        .says("line 1 of the lock");
    ringlog(&["schema", "--check", &path, "--write", &path]).expect(2);
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

/// Copies a journal's directory, its files as `change` makes them.
fn copy(from: &Path, to: &Path, change: fn(&Path, Vec<u8>) -> Vec<u8>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target, change);
        } else if path.extension().is_none_or(|extension| extension != "tmp") {
            fs::write(target, change(&path, fs::read(&path).unwrap())).unwrap();
        }
    }
}

/// A segment without the zeros that were written ahead of its end: the end of the file means the same.
fn trimmed(path: &Path, mut bytes: Vec<u8>) -> Vec<u8> {
    if path.extension().is_some_and(|extension| extension == "seg") {
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        bytes.truncate(used.next_multiple_of(BLOCK));
    }
    bytes
}
