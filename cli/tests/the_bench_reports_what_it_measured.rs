//! `ringlog bench`, as small as it gets: its answers, its page, its refusals. The figures mean
//! nothing here.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "helpers of tests are tests, which clippy cannot see"
)]
#![allow(
    dead_code,
    reason = "every test program uses its own part of the support"
)]

#[path = "support/program.rs"]
mod program;

use program::{Place, ringlog};
use serde_json::Value;

/// A directory on a disk: the system's temporary one may be in memory.
fn disk() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn bench(directory: &tempfile::TempDir, arguments: &[&str]) -> program::Ended {
    let path = directory.path().to_str().unwrap();
    let mut all = vec!["bench", "--quick", "--tiny", "--dir", path];
    all.extend(arguments);
    ringlog(&all)
}

#[test]
fn every_round_of_a_row_and_of_its_rivals_is_in_the_answer() {
    let directory = disk();
    let answer = bench(&directory, &["--json", "--only", "arena,lone-ack"])
        .expect(0)
        .json();
    let names: Vec<&str> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["arena", "lone-ack"]);
    let figures = answer["figures"].as_object().unwrap();
    for name in [
        "arena",
        "arena.bytes",
        "device",
        "rival",
        "rival.rkyv",
        "rival.crossbeam",
        "memory",
        "lone-ack.p99",
        "lone-ack.bare-p99",
    ] {
        let figure = &figures[name];
        let value = |key: &str| figure[key].as_f64().unwrap();
        assert_eq!(figure["rounds"].as_array().unwrap().len(), 2, "{name}");
        assert!(value("min") > 0.0, "{name}");
        assert!(value("min") <= value("median") && value("median") <= value("max"));
    }
    assert!(!figures.contains_key("endless"), "it was not asked for");
    for aim in answer["rows"][0]["aims"].as_array().unwrap() {
        let outcome = aim["outcome"].as_str().unwrap();
        assert!(["reached", "missed", "skipped"].contains(&outcome), "{aim}");
    }
    assert_eq!(answer["is_durable"], true);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn the_report_is_one_page_that_needs_nothing_else() {
    let (directory, place) = (disk(), Place::new());
    let report = place.path("report");
    let ended = bench(
        &directory,
        &["--only", "lone-ack,one-by-one,scaling", "--report", &report],
    )
    .expect(0);
    assert!(ended.stdout.contains("lone-ack"), "{}", ended.stdout);
    let page = std::fs::read_to_string(place.path("report/index.html")).unwrap();
    let elsewhere = page
        .replace("http://www.w3.org/2000/svg", "")
        .to_lowercase();
    for reference in [
        "http:", "https:", "src=", "href=", "@import", "url(", "<script", "<link",
    ] {
        assert!(!elsewhere.contains(reference), "{reference}");
    }
    assert_eq!(page.matches("<svg").count(), 3, "bars, groups and curves");
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.contains("bare 4 KiB durable write"));
    assert_eq!(std::fs::read_dir(place.path("report")).unwrap().count(), 1);
}

#[test]
fn the_rows_are_listed_and_an_unknown_one_is_wrong_usage() {
    let listed: Value = ringlog(&["bench", "--list", "--json"]).expect(0).json();
    let listed: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(listed.contains(&"arena") && listed.contains(&"scaling"));
    let text = ringlog(&["bench", "--list"]).expect(0).stdout;
    assert_eq!(text.lines().count(), listed.len());
    ringlog(&["bench", "--only", "arena,what"])
        .expect(2)
        .says("what");
    ringlog(&["bench", "--rounds", "0"]).expect(2);
}

#[test]
fn nothing_is_called_durable_on_a_file_system_in_memory() {
    let memory = std::path::Path::new("/dev/shm");
    let Ok(directory) = tempfile::tempdir_in(memory) else {
        eprintln!("SKIPPED: there is no writable /dev/shm");
        return;
    };
    let ended = bench(&directory, &["--only", "arena,memory-trivial"]).expect(0);
    assert!(ended.stdout.contains("NOTHING IS DURABLE"), "{ended:#?}");
    assert!(ended.stdout.contains("SKIPPED: nothing is durable"));
    let answer = bench(&directory, &["--only", "arena,memory-trivial", "--json"])
        .expect(0)
        .json();
    assert_eq!(answer["is_durable"], false);
    assert!(answer["figures"]["arena"].is_null());
    assert!(answer["figures"]["memory-trivial"]["median"].is_number());
    assert!(answer["skipped"]["arena"].is_string());
}
