//! Reading a journal, also while its writer is running.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::control::{ControlRead, ControlWord};
use super::directory::{has_writer, partition_dir, read_metadata};
use super::error::ReadError;
use super::format::{Damage, Frames, Metadata};
use super::history::{History, Step};
use super::salvage::Gap;
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
        let metadata = read_metadata(&Files, &path)?.ok_or_else(|| ReadError::no_journal(&path))?;
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
    /// [`ReadError`]: also where the partition's folder is missing. Other corruption shows where the
    /// cursor comes to it.
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
            damaged: Damaged::No,
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
    damaged: Damaged,
}

/// Whether the last call of [`Cursor::next_event`] met damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damaged {
    No,
    /// Where a group was expected.
    BetweenGroups,
    /// In the frames of a group whose checksum is right.
    InGroup,
    /// And nothing sound follows it: the reading ended there.
    ToTheEnd,
}

impl Cursor {
    /// The next event; `None` where the journal ends for now.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corruption`] where something that was durable cannot be read, the same at every
    /// call until [`skip_damage`](Self::skip_damage); or [`ReadError::Io`].
    pub fn next_event(&mut self) -> Result<Option<RecordedEvent<'_>>, ReadError> {
        if self.damaged == Damaged::ToTheEnd {
            return Ok(None);
        }
        loop {
            let mut frames = Frames::resume(self.history.frames(), self.offset);
            let frame = match frames.next() {
                Ok(frame) => frame,
                Err(damage) => return Err(self.damaged_group(damage)),
            };
            let Some(frame) = frame else {
                if self.next_sequence != self.history.expected_sequence {
                    return Err(self.damaged_group(Damage::OutOfRange("event count")));
                }
                self.offset = 0;
                let limit = self.history.acknowledged_group;
                match self.history.step(limit) {
                    Ok(Step::Group(header)) => self.next_sequence = header.first_sequence,
                    Ok(Step::End | Step::Torn(_)) => {
                        self.history.leave_group();
                        return Ok(None);
                    }
                    Err(error) => {
                        self.history.leave_group();
                        if let ReadError::Corruption(_) = error {
                            self.damaged = Damaged::BetweenGroups;
                        }
                        return Err(error);
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

    /// Salvage: after a [`ReadError::Corruption`], moves behind the damage to the next sound group
    /// in journal order, in the same segment or a later one, and says which events were lost.
    /// [`next_event`](Self::next_event) then goes on there; behind a gap without an end it returns
    /// `None`.
    ///
    /// Without damage it does nothing and returns `None`. What is read behind a gap is sound, but
    /// no longer a history: state that is built from it is not the state that was.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`], [`ReadError::NewerFormat`].
    pub fn skip_damage(&mut self) -> Result<Option<Gap>, ReadError> {
        let gap = match self.damaged {
            Damaged::No | Damaged::ToTheEnd => return Ok(None),
            Damaged::InGroup => {
                self.history.leave_group();
                Gap {
                    partition: self.partition,
                    first_lost: self.next_sequence,
                    lost_up_to: Some(self.history.expected_sequence - 1),
                }
            }
            Damaged::BetweenGroups => {
                let limit = self.history.acknowledged_group;
                self.history.skip_damage(limit)?
            }
        };
        self.offset = 0;
        self.next_sequence = self.history.expected_sequence;
        self.damaged = match gap.lost_up_to {
            Some(_) => Damaged::No,
            None => Damaged::ToTheEnd,
        };
        Ok(Some(gap))
    }

    /// The rest of the current group is not what its header says.
    fn damaged_group(&mut self, damage: Damage) -> ReadError {
        self.damaged = Damaged::InGroup;
        let mut error = self.history.corruption(damage);
        if let ReadError::Corruption(corruption) = &mut error {
            // What precedes it in the group has been handed out.
            corruption.last_known = self.next_sequence - 1;
            corruption.first_lost = self.next_sequence;
        }
        error
    }

    /// Looks again at how far the journal goes; [`next_event`](Self::next_event) then goes on.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn refresh(&mut self) -> Result<(), ReadError> {
        if self.damaged == Damaged::ToTheEnd {
            // There may be something sound behind the damage by now.
            self.damaged = Damaged::No;
        }
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
