//! A line that is no event goes to `rejected.ndjson` with its reason, once, and does not stop the
//! run, unless that was asked for.
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

use std::io::Write;

use program::{Place, counts, line, lines};
use serde_json::{Value, json};

fn rejected(place: &Place) -> Vec<Value> {
    place
        .read("journal/rejected.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Three events and three lines that are none.
fn mixed() -> Vec<u8> {
    let mut text = format!("{}\n\n{{\"event_type\": 1}}\n{}\n", line(1), line(2)).into_bytes();
    text.extend_from_slice(b"\xff\xfe\n \t[1]\r\n");
    text.extend_from_slice(line(3).as_bytes());
    text
}

#[test]
fn they_are_noted_with_source_line_reason_and_text() {
    let place = Place::new();
    let file = place.file("events", mixed());
    for (journaled, duplicates) in [(3, 0), (0, 3), (0, 3)] {
        assert_eq!(
            counts(&place.ingest(&[&file])),
            [6, journaled, duplicates, 3]
        );
        let notes = rejected(&place);
        assert_eq!(notes.len(), 3);
        for (note, (line, key, text)) in notes.iter().zip([
            (3, "text", r#"{"event_type": 1}"#),
            (5, "text_hex", "fffe"),
            (6, "text", " \t[1]\r"),
        ]) {
            assert_eq!(note["source"], "events");
            assert_eq!(note["line"], line);
            assert_eq!(note[key], text);
            assert!(!note["reason"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn half_a_note_that_a_killed_run_left_is_written_again() {
    let place = Place::new();
    let file = place.file("events", mixed());
    place.ingest(&[&file]);
    let whole = place.read("journal/rejected.ndjson");
    let mut notes = std::fs::File::create(place.path("journal/rejected.ndjson")).unwrap();
    notes
        .write_all(&whole.as_bytes()[..whole.len() - 7])
        .unwrap();
    place.ingest(&[&file]);
    assert_eq!(place.read("journal/rejected.ndjson"), whole);
}

#[test]
fn without_malformed_lines_there_is_no_such_file() {
    let place = Place::new();
    place.ingest(&[&place.file("events", lines(3))]);
    assert!(std::fs::metadata(place.path("journal/rejected.ndjson")).is_err());
}

#[test]
fn a_line_that_is_too_long_is_malformed_and_costs_no_memory() {
    let place = Place::new();
    let long = |bytes: usize| line(2).replace("line 2", &"x".repeat(bytes));
    let file = place.file(
        "events",
        [line(1), long(300_000), long(17 << 20), line(3)].join("\n"),
    );
    for journaled in [2, 0] {
        let answer = place.ingest(&[&file]);
        assert_eq!(counts(&answer), [4, journaled, 2 - journaled, 2]);
    }
    let notes = rejected(&place);
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[0]["text"], Value::from(long(300_000)));
    assert!(notes[1]["text"].as_str().unwrap().len() < 1 << 20);
}

#[test]
fn strict_stops_at_the_first_one_and_keeps_what_came_before() {
    let place = Place::new();
    let text = lines(10) + "malformed\n" + &line(12);
    let file = place.file("events", &text);
    for _ in 0..2 {
        place
            .run("ingest", &[&file, "--strict"])
            .expect(1)
            .says("line 11");
        assert_eq!(place.stats()["events"], 10);
        assert_eq!(rejected(&place).len(), 1);
    }
    // Without it the run goes on from there.
    assert_eq!(counts(&place.ingest(&[&file])), [12, 1, 10, 1]);
    assert_eq!(rejected(&place)[0]["line"], json!(11));
}
