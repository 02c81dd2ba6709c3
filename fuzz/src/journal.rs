//! The journal that is fuzzed.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ringlog::Pipeline;
use ringlog::journal::JournalReader;
use ringlog::storage::sim::SimDisk;
use ringlog::storage::{OpenMode, Storage};
use ringlog_cli::{Domain, Game};

use crate::counted::Counted;

/// Where it lies on its disk.
pub const ROOT: &str = "/journal";

/// A journal of two sessions, with two snapshots and a named cursor, killed at its end.
pub struct Journal {
    /// The disk that it lies on; damage a [`fork`](SimDisk::fork).
    pub disk: SimDisk,
    /// Its files, in the order of their paths.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

static JOURNAL: LazyLock<Journal> = LazyLock::new(Journal::write);

impl Journal {
    /// The journal, which is the same in every run but for its times.
    pub fn get() -> &'static Self {
        &JOURNAL
    }

    /// The last file whose name ends so.
    pub fn file(&self, suffix: &str) -> &(PathBuf, Vec<u8>) {
        let mut files = self.files.iter().rev();
        let found = files.find(|(path, _)| path.to_string_lossy().ends_with(suffix));
        found.expect("the journal has such a file")
    }

    /// A copy of its disk on which one file is `bytes`.
    pub fn with(&self, path: &Path, bytes: &[u8]) -> SimDisk {
        let disk = self.disk.fork();
        replace(&disk, path, bytes);
        disk
    }

    fn write() -> Self {
        let mut disk = SimDisk::new(1);
        for session in 0..2 {
            let pipeline = Pipeline::<Counted>::builder(ROOT)
                .storage(disk.clone())
                .open(|_| Counted::default())
                .expect("it opens");
            let source = pipeline.source("feed").expect("it has room for a source");
            for (number, line) in (session * 10 + 1..).zip(lines()) {
                let event = Game::parse(line.as_bytes()).expect("it is an event");
                let receipt = source.publish(number, &event).expect("it is taken");
                receipt.wait().expect("it is durable");
            }
            pipeline.snapshot().expect("it takes snapshots");
            if session == 0 {
                pipeline.close().expect("it closes");
                let reader = JournalReader::open_in(disk.clone(), ROOT).expect("it is a journal");
                let mut cursor = reader.cursor(0).expect("it has a partition");
                cursor.next_event().expect("it is sound");
                cursor.store("audit").expect("it has room for a mark");
            } else {
                let event = Game::parse(lines()[0].as_bytes()).expect("it is an event");
                let receipt = source.publish(99, &event).expect("it is taken");
                receipt.wait().expect("it is durable");
                disk = disk.kill();
            }
        }
        let mut files = Vec::new();
        for path in disk.paths() {
            let mut bytes = disk.cached_bytes(&path).unwrap_or_default();
            if path.extension().is_some_and(|extension| extension == "tmp") {
                disk.remove(&path).expect("it is there");
                continue;
            }
            if path.extension().is_some_and(|extension| extension == "seg") {
                // Prepared space: a segment may end anywhere.
                let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
                bytes.truncate(end.next_multiple_of(4096) + 4096);
                replace(&disk, &path, &bytes);
            }
            if !bytes.is_empty() {
                files.push((path, bytes));
            }
        }
        files.sort();
        Self { disk, files }
    }
}

/// Makes the file at `path` of `disk` be `bytes`.
///
/// # Panics
///
/// When the disk has a fault planned.
pub fn replace(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    let file = disk.open(path, OpenMode::WriteBuffered).expect("it opens");
    file.set_len(bytes.len() as u64).expect("it has room");
    file.write_at(bytes, 0).expect("it has room");
    file.sync().expect("the disk has no faults");
}

/// A line of each type.
pub fn lines() -> Vec<String> {
    let payloads = [
        (
            "player.kill",
            r#"{"victim_id":2,"weapon":"axe","location":{"x":1.5,"y":-2}}"#,
        ),
        (
            "item.pickup",
            r#"{"item_id":5,"quantity":2,"source":"chest"}"#,
        ),
        (
            "player.levelup",
            r#"{"old_level":1,"new_level":2,"total_experience":300}"#,
        ),
        ("player.move", r#"{"x":1e3,"y":0.25,"speed":3}"#),
        ("player.attack", r#"{"target_id":3,"skill_id":4}"#),
        ("chat.message", r#"{"text":"gg \u00e4\n","channel":7}"#),
        ("match.ended", r#"{"winner":[1,2,{"a":null}]}"#),
        ("player.kill", r#"{"victim_id":"no number"}"#),
    ];
    payloads
        .iter()
        .zip(1..)
        .map(|((event_type, payload), number)| {
            format!(
                r#"{{"event_type":"{event_type}","event_id":"e-{number}","timestamp":143439342824{number},"user_id":{number},"correlation_id":"match-7","payload":{payload}}}"#
            )
        })
        .collect()
}
