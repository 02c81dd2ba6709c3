//! The command line: wrong usage, help, formats, filters, moments, pipes, a running writer.
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

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use program::{Place, command, counts, end, line, lines, ringlog, ringlog_reading};
use serde_json::{Value, json};

#[test]
fn wrong_usage_exits_with_2_and_changes_nothing() {
    let place = Place::new();
    let (journal, one) = (place.journal(), place.file("one", lines(1)));
    std::fs::create_dir(place.path("folder")).unwrap();
    let same_name = place.file("folder/one", lines(1));
    for arguments in [
        vec!["ingest", &one],
        vec!["ingest", "--dir", &journal],
        vec!["ingest", "-", "--dir", &journal],
        vec!["ingest", &one, &same_name, "--dir", &journal],
        vec!["ingest", &one, &one, "--source", "s", "--dir", &journal],
        vec!["ingest", &one, "--source", "", "--dir", &journal],
        vec!["ingest", &one, "--partitions", "0", "--dir", &journal],
        vec!["stats"],
        vec!["state", "--dir", &journal, "--user", "1", "--top", "1"],
        vec!["state", "--dir", &journal, "--at-sequence", "7"],
        vec!["dump", "--dir", &journal, "--user", "one"],
        vec!["verify", "--dir", &journal, "--what"],
        vec!["what"],
    ] {
        ringlog(&arguments).expect(2);
    }
    assert!(std::fs::metadata(&journal).is_err());
    place.ingest(&[&one]);
    place.run("dump", &["--partition", "2"]).expect(2);
    place.run("state", &["--at-sequence", "2:1"]).expect(2);
}

#[test]
fn every_subcommand_has_help() {
    for subcommand in [
        "bench", "demo", "ingest", "stats", "state", "diff", "history", "trace", "dump", "verify",
        "repair",
    ] {
        let ended = ringlog(&[subcommand, "--help"]).expect(0);
        assert!(ended.stdout.contains("--json"), "{subcommand}");
    }
    assert!(ringlog(&["--help"]).expect(0).stdout.contains("Exit codes"));
    ringlog(&["--version"]).expect(0);
}

#[test]
fn packed_files_and_standard_input_are_read_as_plain_ones() {
    let text = lines(300);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstandard = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let place = Place::new();
    for (name, bytes) in [
        ("e", text.as_bytes()),
        ("e.gz", &gzip),
        ("e.zst", &zstandard),
    ] {
        let file = place.file(name, bytes);
        let answer = place.ingest(&[&file]);
        assert_eq!(counts(&answer), [300, 300, 0, 0], "{name}");
        assert_eq!(answer["bytes"], text.len());
        let journal = place.journal();
        let arguments = ["ingest", "-", "--source", name, "--json", "--dir", &journal];
        let answer = ringlog_reading(&arguments, bytes).expect(0).json();
        assert_eq!(counts(&answer), [300, 0, 300, 0], "{name} from a pipe");
    }
    // Half a packed file is an error, not a shorter file.
    let half = place.file("half.zst", &zstandard[..zstandard.len() / 2]);
    place.run("ingest", &[&half]).expect(1).says("half.zst");
    place
        .run("ingest", &[&place.path("missing")])
        .expect(1)
        .says("missing");
}

#[test]
fn the_partition_count_is_the_journals_own() {
    let place = Place::new();
    let file = place.file("events", lines(10));
    place.ingest(&[&file, "--partitions", "3"]);
    assert_eq!(counts(&place.ingest(&[&file])), [10, 0, 10, 0]);
    place
        .run("ingest", &[&file, "--partitions", "2"])
        .expect(1)
        .says("3 partitions");
}

#[test]
fn dump_prints_what_was_asked_for() {
    let place = Place::new();
    let file = place.file("events", lines(200));
    place.ingest(&[&file]);
    let all = place.dump(&[]);
    assert_eq!(all.len(), 200);
    let events: Vec<Value> = all
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |keep: &dyn Fn(&Value) -> bool| events.iter().filter(|event| keep(event)).count();
    for (arguments, expected) in [
        (vec!["--user", "5"], count(&|event| event["user_id"] == 5)),
        (vec!["--type", "test.unknown"], 50),
        (
            vec!["--partition", "1"],
            count(&|event| event["partition"] == 1),
        ),
        (vec!["--partition", "0", "--from", "3", "--to", "7"], 5),
        (vec!["--type", "what"], 0),
    ] {
        assert_eq!(place.dump(&arguments).len(), expected, "{arguments:?}");
    }
    let mut bare = place.dump(&["--bare"]);
    let mut input: Vec<String> = lines(200).lines().map(str::to_owned).collect();
    bare.sort();
    input.sort();
    assert_eq!(bare, input);
    let array = place
        .run("dump", &["--type", "chat.message"])
        .expect(0)
        .json();
    assert_eq!(array.as_array().unwrap().len(), 50);
    assert_eq!(
        place.run("dump", &["--user", "0"]).expect(0).json(),
        json!([])
    );
    let raw: Value = serde_json::from_str(&place.dump(&["--raw"])[0]).unwrap();
    assert_eq!(raw["sequence"], 1);
    assert_eq!(
        raw["archive_hex"].as_str().unwrap().len() as u64,
        2 * raw["bytes"].as_u64().unwrap()
    );
}

#[test]
fn state_can_be_had_as_of_a_moment() {
    let place = Place::new();
    let file = place.file("events", lines(100));
    place.ingest(&[&file, "--partitions", "1"]);
    let of = |arguments: &[&str]| place.run("state", arguments).expect(0).json();
    // Event n has the time 1,000 + n and, with one partition, sequence n.
    for moment in [["--at-time", "1040"], ["--at-sequence", "0:40"]] {
        let state = of(&moment);
        assert_eq!(state["events"], 40);
        assert_eq!(state["kills_by_a_player"], 10);
        assert_eq!(state["items"], 10);
    }
    assert_eq!(of(&["--at-time", "-1"])["events"], 0);
    assert_eq!(of(&[])["events"], 100);
    assert_eq!(
        of(&["--user", "5", "--at-time", "1004"])["last_update"],
        1_004
    );
    assert_eq!(of(&["--user", "5"])["last_update"], 1_089);
    let nobody = place
        .run("state", &["--user", "5", "--at-time", "1000"])
        .expect(1);
    assert_eq!(nobody.json(), Value::Null);
    assert_eq!(of(&["--top", "2"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let place = Place::new();
    let file = place.file("events", lines(20_000));
    place.ingest(&[&file]);
    let journal = place.journal();
    let mut child = command(&["dump", "--dir", &journal]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with('{'));
    let ended = end(child).expect(0);
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_tools_work_beside_a_running_writer() {
    let place = Place::new();
    let journal = place.journal();
    let arguments = [
        "ingest", "-", "--source", "pipe", "--dir", &journal, "--json",
    ];
    let mut writer = command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = writer.stdin.take().unwrap();
    for round in 1..=5_u64 {
        for number in (round - 1) * 100 + 1..=round * 100 {
            pipe.write_all((line(number) + "\n").as_bytes()).unwrap();
        }
        // What was written becomes visible though the pipe stays open and silent.
        for attempt in 0.. {
            let ended = place.run("stats", &[]);
            if ended.code == Some(0) && ended.json()["events"] == round * 100 {
                break;
            }
            assert!(attempt < 500, "{ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        let verdict = place.run("verify", &[]).expect(0).json();
        assert_eq!(verdict["has_writer"], true);
        assert_eq!(place.dump(&[]).len() as u64, round * 100);
        assert_eq!(
            place.run("state", &[]).expect(0).json()["events"],
            round * 100
        );
        // There is one writer.
        let file = place.file("events", lines(1));
        place.run("ingest", &[&file]).expect(1).says("already open");
    }
    drop(pipe);
    let answer = end(writer).expect(0).json();
    assert_eq!(counts(&answer), [500, 500, 0, 0]);
}
