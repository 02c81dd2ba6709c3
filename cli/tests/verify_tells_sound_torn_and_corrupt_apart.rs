//! `verify` explains what is wrong with a journal and says it with its exit code; the other tools
//! say corruption with theirs.
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
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use program::{Place, lines};

/// The bytes at which groups are aligned.
const BLOCK_BYTES: usize = 4096;

fn closed_journal() -> Place {
    let place = Place::new();
    let file = place.file("events", lines(2_000));
    place.ingest(&[&file, "--partitions", "2"]);
    place
}

/// The last segment of partition 0 that holds anything, and where its content ends.
fn last_segment(place: &Place) -> (PathBuf, u64) {
    let mut segments: Vec<PathBuf> = fs::read_dir(place.path("journal/partition-0000"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "tmp"))
        .filter(|path| path.file_name().unwrap() != "control")
        .collect();
    segments.sort();
    let last = segments.pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    (last, end.next_multiple_of(BLOCK_BYTES) as u64)
}

fn overwrite(path: &PathBuf, position: u64, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, position).unwrap();
}

#[test]
fn a_closed_journal_is_sound() {
    let place = closed_journal();
    let answer = place.run("verify", &[]).expect(0).json();
    assert_eq!(answer["verdict"], "sound");
    assert_eq!(answer["events"], 2_000);
    assert_eq!(answer["partitions"].as_array().unwrap().len(), 2);
}

#[test]
fn garbage_behind_the_last_group_is_a_torn_tail_and_nothing_is_lost() {
    let place = closed_journal();
    let (segment, end) = last_segment(&place);
    overwrite(&segment, end, &[0xa5; 100]);
    let answer = place.run("verify", &[]).expect(3).json();
    assert_eq!(answer["verdict"], "torn tail");
    assert_eq!(answer["events"], 2_000);
    assert_eq!(answer["partitions"][0]["torn_tail"]["position"], end);
    let finding = answer["partitions"][0]["findings"][0].as_str().unwrap();
    assert!(finding.contains("never acknowledged"), "{finding}");
    // The other tools read what is there, and the next ingest sets the tail aside.
    assert_eq!(place.stats()["events"], 2_000);
    place.ingest(&[&place.path("events")]);
    place.run("verify", &[]).expect(0);
}

#[test]
fn a_flipped_bit_in_what_was_durable_is_corruption_for_every_tool() {
    let place = closed_journal();
    let mut segments: Vec<PathBuf> = fs::read_dir(place.path("journal/partition-0000"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "control")
        .collect();
    segments.sort();
    let segment = segments.first().unwrap();
    // In the middle of an event: padding between groups matters to nobody.
    let bytes = fs::read(segment).unwrap();
    let text = b"test.unknown";
    let position = bytes
        .windows(text.len())
        .position(|window| window == text)
        .unwrap();
    overwrite(segment, position as u64, b"T");
    let answer = place.run("verify", &[]).expect(4).json();
    assert_eq!(answer["verdict"], "corruption");
    let corruption = &answer["partitions"][0]["corruption"];
    assert_eq!(
        corruption["segment"],
        segment.file_name().unwrap().to_str().unwrap()
    );
    assert!(corruption["first_lost"].as_u64().unwrap() >= 1);
    let file = place.path("events");
    for (subcommand, arguments) in [
        ("stats", vec![]),
        ("state", vec![]),
        ("state", vec!["--user", "1"]),
        ("dump", vec![]),
        ("ingest", vec![file.as_str()]),
    ] {
        place
            .run(subcommand, &arguments)
            .expect(4)
            .says("corruption");
    }
}

#[test]
fn a_missing_segment_is_corruption() {
    let place = closed_journal();
    // A second run goes on in a segment of its own, or in the same one.
    let (segment, _) = last_segment(&place);
    fs::remove_file(segment).unwrap();
    place.run("verify", &[]).expect(4);
}

#[test]
fn a_directory_that_holds_no_journal_cannot_be_read() {
    let place = Place::new();
    for subcommand in ["verify", "stats", "state", "dump"] {
        place
            .run(subcommand, &[])
            .expect(1)
            .says("not a ringlog journal");
    }
    fs::create_dir(place.journal()).unwrap();
    place.file("journal/foreign", "something else");
    for subcommand in ["verify", "stats", "state", "dump"] {
        place.run(subcommand, &[]).expect(1);
    }
    let file = place.file("events", lines(1));
    place.run("ingest", &[&file]).expect(1).says("foreign");
}
