//! `history`, `trace` and `diff`: compared with what is computed from the lines themselves.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests are tests, which clippy cannot see"
)]
#![allow(
    dead_code,
    reason = "every test program uses its own part of the support"
)]

#[path = "support/program.rs"]
mod program;

use program::{Ended, Place, command, end, line, lines, ringlog};
use serde_json::{Value, json};

/// Line `number`, as one of a chain of three.
fn chained(number: u64) -> String {
    let id = format!(r#""correlation_id":"c-{}""#, number / 3);
    line(number).replace(r#""correlation_id":"c""#, &id)
}

fn chained_lines(last: u64) -> String {
    (1..=last).map(|number| chained(number) + "\n").collect()
}

/// Runs a subcommand without `--json`.
fn text(place: &Place, subcommand: &str, arguments: &[&str]) -> Ended {
    let journal = place.journal();
    let mut all = vec![subcommand, "--dir", &journal];
    all.extend(arguments);
    ringlog(&all)
}

fn printed(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The lines that `is_wanted` takes, as `dump --bare` would print them.
fn wanted(all: &str, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    all.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(is_wanted)
        .collect()
}

#[test]
fn history_prints_the_events_of_one_user_in_order_with_and_without_an_index() {
    let place = Place::new();
    let all = lines(200);
    let file = place.file("events", &all);
    place.ingest(&[&file, "--partitions", "3"]);
    for arguments in [&["--no-index"][..], &[], &[]] {
        for user in ["1", "5", "17"] {
            let user_id: u64 = user.parse().unwrap();
            let expected = wanted(&all, |line| line["user_id"] == user_id);
            let arguments = [&["--user", user, "--bare"], arguments].concat();
            let ended = text(&place, "history", &arguments).expect(0);
            assert_eq!(printed(&ended), expected, "{arguments:?}");
        }
    }
    let by_key = text(&place, "history", &["--key", "5", "--limit", "3"]).expect(0);
    let (by_key, dumped) = (printed(&by_key), place.dump(&["--user", "5"]));
    assert_eq!(by_key.len(), 3);
    assert_eq!(
        by_key[0],
        serde_json::from_str::<Value>(&dumped[0]).unwrap()
    );
    let array = place.run("history", &["--user", "5"]).expect(0).json();
    assert_eq!(array.as_array().unwrap().len(), dumped.len());
    // Also where nothing can be written: a file is in the way of the folder.
    std::fs::remove_dir_all(place.path("journal/index")).ok();
    place.file("journal/index", "in the way");
    let ended = text(&place, "history", &["--user", "5"]).expect(0);
    assert_eq!(printed(&ended).len(), dumped.len());
}

#[test]
fn trace_prints_the_events_of_one_correlation_in_the_order_they_came() {
    let place = Place::new();
    let all = chained_lines(90);
    let file = place.file("events", &all);
    place.ingest(&[&file, "--partitions", "1"]);
    for arguments in [&["--no-index"][..], &[]] {
        let arguments = [&["--correlation", "c-7", "--bare"], arguments].concat();
        let ended = text(&place, "trace", &arguments).expect(0);
        assert_eq!(
            printed(&ended),
            wanted(&all, |line| line["correlation_id"] == "c-7")
        );
    }
    let other = Place::new();
    other.ingest(&[&file, "--partitions", "3"]);
    let ended = text(&other, "trace", &["--correlation", "c-7"]).expect(0);
    assert_eq!(printed(&ended).len(), 3);
    let nothing = text(&place, "trace", &["--correlation", "c-x"]).expect(1);
    nothing.says("no event with the correlation id `c-x`");
}

#[test]
fn diff_shows_who_appeared_and_which_fields_changed() {
    let place = Place::new();
    let file = place.file("events", lines(100));
    place.ingest(&[&file, "--partitions", "1"]);
    let difference = place
        .run("diff", &["--from", "0:5", "--to", "0:20"])
        .expect(0)
        .json();
    let at = |arguments: &[&str]| place.run("state", arguments).expect(0).json();
    let (old, new) = (
        at(&["--at-sequence", "0:5"]),
        at(&["--at-sequence", "0:20"]),
    );
    assert_eq!(difference["figures"]["events"], json!([5, 20]));
    for figure in ["kills_by_a_player", "items", "players_with_own_events"] {
        assert_eq!(
            difference["figures"][figure],
            json!([old[figure], new[figure]])
        );
    }
    // Up to the fifth event there are users 2 to 6; up to the 20th all, and 18 as a victim.
    let ids = |list: &str| -> Vec<u64> {
        let users = difference[list].as_array().unwrap().iter();
        users.map(|user| user["user"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids("gone"), [0; 0]);
    assert_eq!(ids("changed"), [2, 3, 4, 5]);
    assert_eq!(
        ids("appeared"),
        [1, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    );
    for list in ["changed", "appeared"] {
        for user in difference[list].as_array().unwrap() {
            let id = user["user"].to_string();
            let state = at(&["--user", &id, "--at-sequence", "0:20"]);
            for (name, value) in user["state"].as_object().unwrap() {
                let new = match list {
                    "appeared" => value,
                    _ => &value[1],
                };
                let path = format!("/{}", name.replace('.', "/"));
                assert_eq!(state.pointer(&path), Some(new), "{id} {name}");
            }
        }
    }
    // The other way round, by time, and nothing at all.
    let back = place
        .run("diff", &["--from", "time:1020", "--to", "time:1005"])
        .expect(0)
        .json();
    assert_eq!(back["gone"].as_array().unwrap().len(), 13);
    assert_eq!(back["figures"]["events"], json!([20, 5]));
    let same = text(&place, "diff", &["--from", "latest", "--to", "0:100"]).expect(0);
    assert_eq!(same.stdout, "nothing changed\n");
    let one = text(
        &place,
        "diff",
        &["--from", "0:0", "--to", "0:1", "--user", "2"],
    )
    .expect(0);
    assert!(
        one.stdout.contains("+ 2: player_id 2, level 1"),
        "{}",
        one.stdout
    );
}

#[test]
fn what_cannot_be_answered_is_said_with_an_exit_code() {
    let place = Place::new();
    let file = place.file("events", lines(50));
    place.ingest(&[&file, "--partitions", "1"]);
    text(&place, "history", &["--user", "77"])
        .expect(1)
        .says("no event of user 77");
    text(&place, "history", &[]).expect(2);
    text(&place, "history", &["--user", "1", "--key", "1"]).expect(2);
    text(&place, "trace", &[]).expect(2);
    text(&place, "diff", &["--from", "7"])
        .expect(2)
        .says("PARTITION:SEQUENCE");
    text(&place, "diff", &["--from", "3:7"])
        .expect(2)
        .says("no such partition");
    for subcommand in [
        &["state", "--at-sequence", "0:51"][..],
        &["diff", "--from", "0:51"],
        &["diff", "--from", "0:1", "--to", "0:51"],
    ] {
        let ended = text(&place, subcommand[0], &subcommand[1..]).expect(1);
        ended.says("its last event is number 50");
        let greatest: Vec<_> = subcommand
            .iter()
            .map(|argument| argument.replace("0:51", "0:18446744073709551615"))
            .collect();
        let greatest: Vec<_> = greatest.iter().map(String::as_str).collect();
        let ended = text(&place, greatest[0], &greatest[1..]).expect(1);
        ended.says("no sequence 18446744073709551615 yet: its last event is number 50");
    }
    text(&place, "state", &["--at-time", "3"])
        .expect(0)
        .says("no event has a time");
    for subcommand in [
        &["history", "--user", "1"][..],
        &["trace", "--correlation", "c"],
        &["diff", "--from", "0:1"],
    ] {
        let mut arguments = vec![subcommand[0], "--dir", "nowhere"];
        arguments.extend(&subcommand[1..]);
        ringlog(&arguments).expect(1).says("not a ringlog journal");
    }
}

#[test]
fn the_exit_code_is_the_same_where_nobody_reads_standard_error() {
    let place = Place::new();
    let file = place.file("events", lines(50));
    place.ingest(&[&file, "--partitions", "1"]);
    let journal = place.journal();
    for (code, arguments) in [
        (1, &["history", "--dir", &journal, "--user", "999"][..]),
        (1, &["trace", "--dir", &journal, "--correlation", "none"]),
        (1, &["stats", "--dir", "nowhere"]),
        (2, &["diff", "--dir", &journal, "--from", "3:7"]),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = command(arguments).stderr(writer).spawn().unwrap();
        end(child).expect(code);
    }
}

#[test]
fn damage_ends_a_history_with_its_exit_code() {
    let place = Place::new();
    let file = place.file("events", lines(50));
    place.ingest(&[&file, "--partitions", "1"]);
    let segment = "journal/partition-0000/00000000000000000001-00000000000000000001.seg";
    let mut bytes = std::fs::read(place.path(segment)).unwrap();
    // In the group behind the one that names the source.
    bytes[2 * 4096 + 200] ^= 1;
    std::fs::write(place.path(segment), bytes).unwrap();
    for subcommand in [
        &["history", "--user", "1"][..],
        &["history", "--user", "1", "--no-index"],
        &["trace", "--correlation", "c"],
        &["diff", "--from", "0:1"],
        &["state", "--at-sequence", "0:1"],
    ] {
        text(&place, subcommand[0], &subcommand[1..])
            .expect(4)
            .says("is damaged");
    }
}
