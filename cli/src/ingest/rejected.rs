//! `rejected.ndjson`: the lines that are no events, each once, however often its file is ingested.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::input::Input;
use crate::files::{self, Appender};

const FILE_NAME: &str = "rejected.ndjson";

/// One line of the file.
#[derive(Serialize)]
struct Entry<'a> {
    source: &'a str,
    line: u64,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// In place of `text` where the line is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text_hex: Option<String>,
}

/// Which line an entry is about.
#[derive(Deserialize)]
struct Key {
    source: String,
    line: u64,
}

/// The file, and what it has of the sources at hand. Written only while the journal's lock is held.
#[derive(Debug)]
pub(super) struct Rejected {
    dir: PathBuf,
    path: PathBuf,
    /// The line numbers that are there, by source.
    seen: HashMap<String, HashSet<u64>>,
    /// Where the last whole line ends: a killed run may have left half a line behind it.
    whole_bytes: u64,
    file: Option<Appender>,
}

impl Rejected {
    /// Reads what the file in the journal's directory has of the sources of `inputs`.
    pub(super) fn load(dir: &Path, inputs: &[Input]) -> anyhow::Result<Self> {
        let path = dir.join(FILE_NAME);
        let mut rejected = Self {
            dir: dir.to_owned(),
            seen: inputs
                .iter()
                .map(|input| (input.source.clone(), HashSet::new()))
                .collect(),
            whole_bytes: 0,
            file: None,
            path,
        };
        match files::open(&rejected.path) {
            Ok(file) => rejected.read(BufReader::new(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
        .with_context(|| format!("cannot read {}", rejected.path.display()))?;
        Ok(rejected)
    }

    fn read(&mut self, mut file: impl BufRead) -> anyhow::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            file.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                return Ok(());
            }
            self.whole_bytes += line.len() as u64;
            // What somebody else wrote into the file is left alone.
            if let Ok(Key { source, line }) = serde_json::from_slice(&line)
                && let Some(seen) = self.seen.get_mut(&source)
            {
                seen.insert(line);
            }
        }
    }

    /// Whether the line was noted before.
    pub(super) fn has(&self, source: &str, line: u64) -> bool {
        self.seen
            .get(source)
            .is_some_and(|lines| lines.contains(&line))
    }

    /// Notes a malformed line, unless it was noted before.
    pub(super) fn note(
        &mut self,
        source: &str,
        line: u64,
        reason: &str,
        text: &[u8],
    ) -> anyhow::Result<()> {
        let is_new = self
            .seen
            .get_mut(source)
            .is_none_or(|seen| seen.insert(line));
        if !is_new {
            return Ok(());
        }
        let utf8 = str::from_utf8(text).ok();
        let entry = Entry {
            source,
            line,
            reason,
            text: utf8,
            text_hex: utf8.is_none().then(|| hex(text)),
        };
        self.append(&entry)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn append(&mut self, entry: &Entry<'_>) -> anyhow::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = Appender::open(&self.path, self.whole_bytes)?;
                self.file.insert(file)
            }
        };
        serde_json::to_writer(&mut *file, entry)?;
        file.write_all(b"\n")?;
        Ok(())
    }

    /// Makes what was noted durable.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self {
            dir, path, file, ..
        } = self;
        let Some(file) = file else {
            return Ok(());
        };
        file.sync()
            .and_then(|()| files::sync_dir(&dir))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
