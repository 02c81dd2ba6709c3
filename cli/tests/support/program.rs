//! Runs the built program.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "what a test prepares is not the engine's to inject faults into"
)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The one JSON value on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn says(self, word: &str) -> Self {
        assert!(self.stderr.contains(word), "no `{word}` in {self:#?}");
        self
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringlog"));
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub(crate) fn ringlog(arguments: &[&str]) -> Ended {
    end(command(arguments).spawn().unwrap())
}

/// Runs the program with `input` on its standard input.
pub(crate) fn ringlog_reading(arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // A program that gives up early closes its end.
    let _ = child.stdin.take().unwrap().write_all(input);
    end(child)
}

pub(crate) fn end(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A directory for one test.
#[derive(Debug)]
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Where the journal is.
    pub(crate) fn journal(&self) -> String {
        self.path("journal")
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a subcommand on the journal, with `--json`.
    pub(crate) fn run(&self, subcommand: &str, arguments: &[&str]) -> Ended {
        let journal = self.journal();
        let mut all = vec![subcommand, "--json", "--dir", &journal];
        all.extend(arguments);
        ringlog(&all)
    }

    /// Ingests and expects success.
    #[track_caller]
    pub(crate) fn ingest(&self, arguments: &[&str]) -> Value {
        self.run("ingest", arguments).expect(0).json()
    }

    #[track_caller]
    pub(crate) fn stats(&self) -> Value {
        self.run("stats", &[]).expect(0).json()
    }

    /// The events as `dump` prints them, one a line.
    #[track_caller]
    pub(crate) fn dump(&self, arguments: &[&str]) -> Vec<String> {
        let journal = self.journal();
        let mut all = vec!["dump", "--dir", &journal];
        all.extend(arguments);
        let ended = ringlog(&all).expect(0);
        ended.stdout.lines().map(str::to_owned).collect()
    }
}

/// `[lines, journaled, duplicates, rejected]` of an ingest.
#[track_caller]
pub(crate) fn counts(answer: &Value) -> [u64; 4] {
    ["lines", "journaled", "duplicates", "rejected"].map(|name| answer[name].as_u64().unwrap())
}

/// The line of an event that every run of the tests makes alike.
pub(crate) fn line(number: u64) -> String {
    let user_id = number % 17 + 1;
    let (event_type, payload) = match number % 4 {
        0 => (
            "player.kill",
            format!(
                r#"{{"victim_id":{},"weapon":"bow","location":{{"x":{number},"y":2}}}}"#,
                number % 17 + 2
            ),
        ),
        1 => (
            "item.pickup",
            r#"{"item_id":2003,"quantity":1,"source":"shop"}"#.to_owned(),
        ),
        2 => ("chat.message", format!(r#"{{"text":"line {number}"}}"#)),
        _ => ("test.unknown", format!(r#"{{"number":{number}}}"#)),
    };
    format!(
        r#"{{"event_type":"{event_type}","event_id":"e-{number}","timestamp":{},"user_id":{user_id},"correlation_id":"c","payload":{payload}}}"#,
        1_000 + number
    )
}

/// Lines 1 to `last`.
pub(crate) fn lines(last: u64) -> String {
    (1..=last).map(|number| line(number) + "\n").collect()
}

/// Where a data set of real games is; `None`, and a word about it, where it is not.
pub(crate) fn real_data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("RINGLOG_REAL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/realdata"),
        PathBuf::from,
    );
    let file = folder.join(format!("{name}.ndjson.zst"));
    if file.exists() {
        return Some(file);
    }
    // Not `eprintln!`: the test harness would swallow it, and a skipped test look like a passed
    // one.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: there is no {}", file.display()).unwrap();
    None
}

/// The figures that the data set in `file` must give.
pub(crate) fn expected(file: &Path) -> Value {
    let path = file
        .to_str()
        .unwrap()
        .replace(".ndjson.zst", ".expected.json");
    serde_json::from_reader(File::open(path).unwrap()).unwrap()
}

/// The lines of a packed data set.
pub(crate) fn unpacked(file: &Path) -> String {
    let mut text = String::new();
    zstd::Decoder::new(File::open(file).unwrap())
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}
