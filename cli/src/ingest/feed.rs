//! Takes the lines of one input in order: compares, publishes, rejects, counts.

use std::collections::VecDeque;

use anyhow::{Context, bail, ensure};
use ringlog::source::{Source, SourcePublishError};
use ringlog::{Archiver, PublishError, event};

use super::compare::{Journaled, Verdict};
use super::parse::{Batch, Line};
use super::rejected::Rejected;
use crate::Domain;

/// New lines that may lie between lines that the journal has, in bytes. A run that is killed loses
/// at most what its rings and buffers held, so this is never met by what `ingest` journaled.
const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What happened to lines, over all inputs.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Events handed to the pipeline.
    pub(super) published: u64,
    /// Lines that were found in the journal.
    pub(super) equal: u64,
    /// Lines that are no events.
    pub(super) rejected: u64,
    /// Bytes read, decompressed.
    pub(super) bytes: u64,
}

/// One input on its way into the journal.
pub(super) struct Feed<'a, D: Domain> {
    source: Source<D::Event>,
    /// `None` when everything that the journal had of the source was met.
    journaled: Option<Journaled>,
    /// Lines that wait until everything that the journal had of the source was met.
    held: VecDeque<Held<D::Event>>,
    held_bytes: usize,
    archiver: Archiver,
    is_strict: bool,
    rejected: &'a mut Rejected,
    figures: &'a mut Figures,
}

struct Held<E> {
    number: u64,
    text: Vec<u8>,
    parsed: Result<E, String>,
}

impl<'a, D: Domain> Feed<'a, D> {
    pub(super) fn new(
        source: Source<D::Event>,
        journaled: Journaled,
        is_strict: bool,
        rejected: &'a mut Rejected,
        figures: &'a mut Figures,
    ) -> Self {
        Self {
            source,
            journaled: Some(journaled).filter(|journaled| !journaled.is_done()),
            held: VecDeque::new(),
            held_bytes: 0,
            archiver: Archiver::default(),
            is_strict,
            rejected,
            figures,
        }
    }

    /// Takes the next lines.
    pub(super) fn take(&mut self, mut batch: Batch<D::Event>) -> anyhow::Result<()> {
        self.figures.bytes += batch.input_bytes;
        for line in std::mem::take(&mut batch.lines) {
            let Line {
                number,
                place,
                parsed,
            } = line;
            let text = batch.text(place);
            let Some(journaled) = &mut self.journaled else {
                self.settle(number, text, parsed)?;
                continue;
            };
            // An event that is too long for an archive was not journaled: it is no event here.
            let mut archive: &[u8] = &[];
            let parsed = parsed.and_then(|event| {
                archive = event::to_archive(&event, &mut self.archiver)
                    .map_err(|error| error.to_string())?;
                Ok(event)
            });
            let candidate = parsed.as_ref().ok().map(|event| (event, archive));
            match journaled.compare::<D>(number, candidate)? {
                Verdict::New => self.hold(number, text, parsed)?,
                Verdict::Equal => {
                    self.figures.equal += 1;
                    if journaled.is_done() {
                        self.release()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Ends the input: everything that the journal has of its source must have been met.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        if let Some(journaled) = &self.journaled {
            journaled.check_met(u64::MAX)?;
        }
        Ok(())
    }

    /// Keeps a line that the journal does not have. Should a later one turn out to differ, this
    /// one must not have been taken.
    fn hold(
        &mut self,
        number: u64,
        text: &[u8],
        parsed: Result<D::Event, String>,
    ) -> anyhow::Result<()> {
        let held_bytes = self.held_bytes + text.len();
        if let Err(reason) = &parsed {
            // To note what was noted before changes nothing. What is new waits with the others,
            // unless it is so much that somebody must have removed the notes.
            let is_noted = self.rejected.has(self.source.name(), number);
            if is_noted || held_bytes > HELD_BYTES_MAX {
                return self.reject(number, text, reason);
            }
        }
        self.held_bytes = held_bytes;
        ensure!(
            held_bytes <= HELD_BYTES_MAX,
            "more than {HELD_BYTES_MAX} bytes of new lines lie in front of lines that source `{}` \
             has journaled: it was not filled by `ingest` alone, and cannot be compared",
            self.source.name()
        );
        self.held.push_back(Held {
            number,
            text: text.to_owned(),
            parsed,
        });
        Ok(())
    }

    /// Takes everything that was kept: the input is the one that the journal knows.
    fn release(&mut self) -> anyhow::Result<()> {
        self.journaled = None;
        self.held_bytes = 0;
        while let Some(held) = self.held.pop_front() {
            self.settle(held.number, &held.text, held.parsed)?;
        }
        Ok(())
    }

    /// Publishes or rejects a line that the journal does not have.
    fn settle(
        &mut self,
        number: u64,
        text: &[u8],
        parsed: Result<D::Event, String>,
    ) -> anyhow::Result<()> {
        let event = match parsed {
            Ok(event) => event,
            Err(reason) => return self.reject(number, text, &reason),
        };
        let published = self.source.publish(number, &event).map(drop);
        match published {
            Ok(()) => {
                self.figures.published += 1;
                Ok(())
            }
            // This line's own fault, as when it is too long for an archive.
            Err(SourcePublishError::Publish(PublishError::Archive(error))) => {
                self.reject(number, text, &error.to_string())
            }
            Err(error) => Err(error).with_context(|| {
                format!(
                    "line {number} of source `{}` was not taken",
                    self.source.name()
                )
            }),
        }
    }

    fn reject(&mut self, number: u64, text: &[u8], reason: &str) -> anyhow::Result<()> {
        let source = self.source.name();
        self.rejected.note(source, number, reason, text)?;
        self.figures.rejected += 1;
        if self.is_strict {
            bail!("line {number} of source `{source}` is malformed: {reason}");
        }
        Ok(())
    }
}
