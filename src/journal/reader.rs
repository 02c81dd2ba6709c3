//! Reading a journal, also while its writer is running.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::control::{ControlRead, ControlWord};
use super::directory::{has_writer, partition_dir, read_metadata};
use super::error::ReadError;
use super::format::{Frames, Metadata};
use super::history::{History, Step};
use crate::event::{Event, EventMeta, ViewError};
use crate::source::{SourceInfo, SourceTable};
use crate::storage::{Files, OpenMode, Storage};

/// A journal's directory, opened for reading only.
///
/// It takes no lock and changes nothing. Beside a running writer it shows what is durable (with
/// [`Durability::OsBuffer`](crate::Durability::OsBuffer): what the kernel has), up to the writer's
/// control word, and never an event that recovery could take back.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    metadata: Metadata,
}

/// One event as the journal holds it.
#[derive(Debug, Clone, Copy)]
pub struct RecordedEvent<'a> {
    /// The engine's facts about it.
    pub meta: EventMeta,
    /// The type's kind number.
    pub kind: u16,
    /// The version of the type's layout.
    pub version: u16,
    /// The archive.
    pub body: &'a [u8],
}

impl<'a> RecordedEvent<'a> {
    /// The event as the program's type, validated.
    ///
    /// # Errors
    ///
    /// [`ViewError`] when the program does not know the type, or the bytes are not of it.
    pub fn view<E: Event>(&self) -> Result<E::View<'a>, ViewError> {
        E::view(self.kind, self.version, self.body)
    }
}

impl JournalReader {
    /// Opens the journal in `path`.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotAJournal`], [`ReadError::NewerFormat`], or [`ReadError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref().to_owned();
        let metadata = read_metadata(&Files, &path)?.ok_or_else(|| ReadError::NotAJournal {
            path: path.clone(),
            reason: "it has no `journal.meta`".to_owned(),
        })?;
        Ok(Self { path, metadata })
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.metadata.partitions
    }

    /// Whether a writer has it open at this moment.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn has_writer(&self) -> Result<bool, ReadError> {
        has_writer(&Files, &self.path)
    }

    /// The events of `partition` from its first one on.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: also corruption that shows at once, such as a missing segment.
    pub fn cursor(&self, partition: u32) -> Result<Cursor, ReadError> {
        let directory = self.partition_dir(partition);
        let history = History::open(
            &Files,
            &directory,
            partition,
            self.journal_id(),
            OpenMode::Read,
        )?;
        Ok(Cursor {
            partition,
            history,
            offset: 0,
            next_sequence: 1,
            sources: SourceTable::default(),
        })
    }

    /// The last sequence of `partition` that its writer acknowledged, by the control word; `None`
    /// where there is none to be believed. After a power cut the journal may hold more.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn acknowledged_sequence(&self, partition: u32) -> Result<Option<u64>, ReadError> {
        let directory = self.partition_dir(partition);
        match ControlWord::read(&Files, &directory)
            .map_err(ReadError::io("read the control word in", &directory))?
        {
            ControlRead::Present(word) => Ok(Some(word.acknowledged_sequence)),
            ControlRead::Absent | ControlRead::Unreadable => Ok(None),
        }
    }

    /// How many segments `partition` has, and the bytes they take on the file system.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn segments(&self, partition: u32) -> Result<(u64, u64), ReadError> {
        let directory = self.partition_dir(partition);
        let (mut count, mut bytes) = (0, 0);
        for segment in super::directory::list_segments(&Files, &directory)?.unwrap_or_default() {
            let path = directory.join(&segment.name);
            let file = Files
                .open(&path, OpenMode::Read)
                .map_err(ReadError::io("open", &path))?;
            bytes += file.len().map_err(ReadError::io("measure", &path))?;
            count += 1;
        }
        Ok((count, bytes))
    }

    pub(crate) fn journal_id(&self) -> [u64; 2] {
        self.metadata.journal_id
    }

    pub(crate) fn partition_dir(&self, partition: u32) -> PathBuf {
        partition_dir(&self.path, partition)
    }
}

/// Walks the events of one partition in order. Memory is bounded by the longest group.
#[derive(Debug)]
pub struct Cursor {
    partition: u32,
    history: History<'static>,
    /// Where in the current group the next frame starts.
    offset: usize,
    next_sequence: u64,
    sources: SourceTable,
}

impl Cursor {
    /// The next event; `None` where the journal ends for now.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corruption`] where something that was durable cannot be read, or
    /// [`ReadError::Io`].
    pub fn next_event(&mut self) -> Result<Option<RecordedEvent<'_>>, ReadError> {
        loop {
            let mut frames = Frames::resume(self.history.frames(), self.offset);
            let frame = frames
                .next()
                .map_err(|damage| self.history.corruption(damage, None))?;
            let Some(frame) = frame else {
                self.offset = 0;
                let limit = self.history.acknowledged_group;
                match self.history.step(limit)? {
                    Step::Group(header) => self.next_sequence = header.first_sequence,
                    Step::End | Step::Torn(_) => {
                        self.history.leave_group();
                        return Ok(None);
                    }
                }
                continue;
            };
            self.offset = frames.offset();
            self.sources.replay(&frame);
            if frame.header.is_control() {
                continue;
            }
            let meta = frame.header.meta(self.partition, self.next_sequence);
            self.next_sequence += 1;
            let (kind, version) = (frame.header.kind, frame.header.version);
            let body = frame.header.length as usize;
            // Taken again from the history: the borrow checker cannot see that the frame of this
            // round is returned, not kept for the next.
            let start =
                self.offset - super::format::frame_bytes(body) + super::format::FrameHeader::BYTES;
            let body = self
                .history
                .frames()
                .get(start..start + body)
                .unwrap_or_default();
            return Ok(Some(RecordedEvent {
                meta,
                kind,
                version,
                body,
            }));
        }
    }

    /// Looks again at how far the journal goes; [`next_event`](Self::next_event) then goes on.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn refresh(&mut self) -> Result<(), ReadError> {
        self.history.refresh()
    }

    /// The sources met so far, by name.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, SourceInfo> {
        self.sources
            .iter()
            .map(|source| (source.name.clone(), source.clone()))
            .collect()
    }
}
