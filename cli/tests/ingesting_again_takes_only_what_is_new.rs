//! Ingesting is idempotent: by source and line number, whatever happened in between, and another
//! file under the same name changes nothing.
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

use std::time::Duration;

use program::{Place, command, counts, line, lines, real_data, ringlog_reading, unpacked};
use serde_json::Value;

/// Everything in a journal that must not change when nothing is taken.
fn content(place: &Place) -> (Vec<String>, Value, Option<String>) {
    let mut stats = place.stats();
    // Opening may prepare or supersede a segment.
    for figure in ["bytes", "segments"] {
        stats.as_object_mut().unwrap().remove(figure);
    }
    let rejected = std::fs::read_to_string(place.path("journal/rejected.ndjson")).ok();
    (place.dump(&[]), stats, rejected)
}

#[test]
fn the_same_file_again_is_all_duplicates() {
    let place = Place::new();
    let file = place.file("events.ndjson", lines(1_000));
    assert_eq!(counts(&place.ingest(&[&file])), [1_000, 1_000, 0, 0]);
    let before = content(&place);
    assert_eq!(counts(&place.ingest(&[&file])), [1_000, 0, 1_000, 0]);
    assert_eq!(content(&place), before);
    assert_eq!(before.1["sources"]["events.ndjson"]["last_number"], 1_000);
}

#[test]
fn a_file_that_grew_goes_on_where_it_ended() {
    let place = Place::new();
    let file = place.file("events.ndjson", lines(500));
    place.ingest(&[&file]);
    place.file("events.ndjson", lines(800));
    assert_eq!(counts(&place.ingest(&[&file])), [800, 300, 500, 0]);
    assert_eq!(place.stats()["events"], 800);
}

#[test]
fn blank_lines_are_numbered_but_are_no_lines() {
    let place = Place::new();
    let text = format!("\n{}\n  \r\n{}\r\n\n", line(1), line(2));
    let file = place.file("events.ndjson", text);
    assert_eq!(counts(&place.ingest(&[&file])), [2, 2, 0, 0]);
    assert_eq!(place.stats()["sources"]["events.ndjson"]["last_number"], 4);
    assert_eq!(counts(&place.ingest(&[&file])), [2, 0, 2, 0]);
}

#[test]
fn another_file_under_the_same_name_is_refused_and_changes_nothing() {
    let place = Place::new();
    let file = place.file("events.ndjson", lines(400) + "malformed\n");
    place.ingest(&[&file, "--partitions", "3"]);
    let before = content(&place);
    let longer = lines(500);
    let changed = |number: u64, to: &str| longer.replace(&(line(number) + "\n"), to);
    for (what, text) in [
        (
            "a changed line",
            changed(200, &(line(200).replace("e-200", "e-2OO") + "\n")),
        ),
        (
            "another user",
            changed(
                200,
                &(line(200).replace("\"user_id\":14", "\"user_id\":3") + "\n"),
            ),
        ),
        ("a line that is malformed now", changed(200, "{\n")),
        ("a line that is blank now", changed(200, "\n")),
        ("a line less", changed(200, "")),
        (
            "a line more",
            changed(200, &format!("{}\n{}\n", line(4), line(200))),
        ),
        ("a changed last line", changed(400, &(line(1) + "\n"))),
        ("a file that was cut", lines(399)),
        ("an empty file", String::new()),
    ] {
        place.file("events.ndjson", &text);
        let refused = place.run("ingest", &[&file]).expect(1).says("another file");
        assert!(refused.json()["error"].is_string());
        assert_eq!(content(&place), before, "{what}");
        // A pipe can be read only once, and changes nothing either.
        let journal = place.journal();
        let arguments = [
            "ingest",
            "-",
            "--source",
            "events.ndjson",
            "--dir",
            &journal,
        ];
        ringlog_reading(&arguments, text.as_bytes())
            .expect(1)
            .says("another file");
        assert_eq!(content(&place), before, "{what}");
    }
    // Under a name of its own it is welcome.
    place.ingest(&[&file, "--source", "other"]);
}

#[test]
fn a_line_that_is_only_spelled_differently_is_the_same() {
    let place = Place::new();
    let file = place.file("events.ndjson", line(3) + "\n");
    place.ingest(&[&file]);
    let members: serde_json::Map<String, Value> = serde_json::from_str(&line(3)).unwrap();
    let reversed: serde_json::Map<String, Value> = members.into_iter().rev().collect();
    let text = serde_json::to_string_pretty(&reversed)
        .unwrap()
        .replace('\n', " ");
    place.file("events.ndjson", text);
    assert_eq!(counts(&place.ingest(&[&file])), [1, 0, 1, 0]);
}

#[test]
fn several_files_are_sources_of_their_own() {
    let place = Place::new();
    let (one, two) = (place.file("one", lines(100)), place.file("two", lines(50)));
    assert_eq!(counts(&place.ingest(&[&one, &two])), [150, 150, 0, 0]);
    let sources = &place.stats()["sources"];
    assert_eq!(sources["one"]["last_number"], 100);
    assert_eq!(sources["two"]["last_number"], 50);
    assert_eq!(counts(&place.ingest(&[&two, &one])), [150, 0, 150, 0]);
}

/// Kills an ingest at a random moment, again and again: what it made durable is there before the
/// next one starts, and in the end everything is there once.
#[test]
fn a_killed_ingest_is_simply_run_again() {
    let text = match real_data("lol_timelines") {
        Some(file) => unpacked(&file)
            .lines()
            .take(30_000)
            .flat_map(|line| [line, "\n"])
            .collect(),
        None => lines(30_000),
    };
    let text = format!("{text}malformed\n");
    let whole = Place::new();
    let file = whole.file("events.ndjson", &text);
    assert_eq!(counts(&whole.ingest(&[&file])), [30_001, 30_000, 0, 1]);
    let expected = whole.stats();

    let place = Place::new();
    let file = place.file("events.ndjson", &text);
    let journal = place.journal();
    let mut durable = 0;
    // A few moments are enough here: the library's own tests kill far more often.
    for round in 0..12_u64 {
        let mut child = command(&["ingest", &file, "--dir", &journal])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(5 + (round * 7919) % 260));
        child.kill().unwrap();
        child.wait().unwrap();
        let ended = place.run("stats", &[]);
        let events = match ended.code {
            Some(0) => ended.json()["events"].as_u64().unwrap(),
            // It was killed before there was a journal.
            _ => 0,
        };
        assert!(
            events >= durable,
            "{events} events, {durable} before: {ended:?}"
        );
        durable = events;
        if ended.code == Some(0) {
            let code = place.run("verify", &[]).code;
            assert!(matches!(code, Some(0 | 3)), "verify says {code:?}");
        }
    }
    let last = place.ingest(&[&file]);
    let [lines, journaled, duplicates, rejected] = counts(&last);
    assert_eq!(
        [lines, journaled + duplicates, rejected],
        [30_001, 30_000, 1]
    );
    assert!(duplicates >= durable);
    let stats = place.stats();
    for figure in [
        "events",
        "by_type",
        "by_partition",
        "kills_by_a_player",
        "deaths",
        "items",
    ] {
        assert_eq!(stats[figure], expected[figure], "{figure}");
    }
    assert_eq!(place.read("journal/rejected.ndjson").lines().count(), 1);
    assert_eq!(counts(&place.ingest(&[&file])), [30_001, 0, 30_000, 1]);
}
