//! One snapshot file: writing it, checking it, and reading its sections.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use bytemuck::Zeroable;

use super::Tables;
use crate::EVENT_BYTES_MAX;
use crate::canary::{Canary, is_planted};
use crate::command::KeyVersions;
use crate::journal::format::{Checksum, Damage, Frame, FrameHeader, SnapshotHeader, frame_bytes};
use crate::journal::{SnapshotName, read_snapshot_header};
use crate::storage::{OpenMode, Storage, StorageFile};

/// How much is written or read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Writes the body of a snapshot to `file`, then its header in front, and syncs it. The lengths and
/// the checksum in `header` are filled in.
pub(crate) fn write_snapshot(
    file: &dyn StorageFile,
    mut header: SnapshotHeader,
    tables: &Tables,
    save: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    file.set_len(0)?;
    let mut body = BodyWriter::new(file, SnapshotHeader::BYTES as u64);
    tables.for_each_record(|record, bytes| {
        let padding = [0; 16];
        let padding_bytes = frame_bytes(bytes.len()) - FrameHeader::BYTES - bytes.len();
        body.write_all(bytemuck::bytes_of(record))?;
        body.write_all(bytes)?;
        body.write_all(&padding[..padding_bytes])
    })?;
    header.tables_bytes = body.written();
    save(&mut body)?;
    header.state_bytes = body.written() - header.tables_bytes;
    let bytes = SnapshotHeader::BYTES as u64 + body.written();
    header.body_checksum = body.finish()?;
    file.write_at(&header.seal(), 0)?;
    if !is_planted(Canary::SnapshotNamedBeforeItsSync) {
        file.sync()?;
    }
    Ok(bytes)
}

/// What follows the header of a file that is written whole: buffered, and summed up.
pub(crate) struct BodyWriter<'a> {
    file: &'a dyn StorageFile,
    start: u64,
    position: u64,
    buffer: Vec<u8>,
    digest: Checksum,
}

impl<'a> BodyWriter<'a> {
    /// A body that starts at `start`.
    pub(crate) fn new(file: &'a dyn StorageFile, start: u64) -> Self {
        Self {
            file,
            start,
            position: start,
            buffer: Vec::with_capacity(CHUNK_BYTES),
            digest: Checksum::new(),
        }
    }

    /// Bytes of body so far.
    pub(crate) fn written(&self) -> u64 {
        self.position + self.buffer.len() as u64 - self.start
    }

    /// Writes what is buffered; the checksum of the body.
    pub(crate) fn finish(mut self) -> io::Result<u32> {
        self.flush()?;
        Ok(self.digest.finish())
    }
}

impl Write for BodyWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.digest.update(&self.buffer);
        self.file.write_at(&self.buffer, self.position)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// An open snapshot whose header has been checked.
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    file: Box<dyn StorageFile>,
    pub(crate) header: SnapshotHeader,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{0}")]
    Damaged(#[from] Damage),
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("its state has version {found}, this program's has {known}")]
    StateVersion { found: u32, known: u32 },
    #[error("it was taken with other event types")]
    Schema,
    #[error("it has the versions of other keys than this program would count")]
    KeyVersions,
    #[error("`load` refused it: {0}")]
    Load(io::Error),
    #[error("`load` panicked: {0}")]
    Panicked(String),
}

impl Unusable {
    /// Whether the file is damaged, rather than another program's.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(damage) if !matches!(damage, Damage::Version(_)))
    }
}

impl SnapshotFile {
    /// Opens a snapshot and checks its header and its length.
    pub(crate) fn open(
        storage: &dyn Storage,
        partition_dir: &Path,
        name: &SnapshotName,
        partition: u32,
        journal_id: [u64; 2],
    ) -> Result<Self, Unusable> {
        let file = storage.open(&partition_dir.join(&name.name), OpenMode::Read)?;
        let header = read_snapshot_header(&*file, name, partition, journal_id)??;
        let expected = (SnapshotHeader::BYTES as u64)
            .checked_add(header.tables_bytes)
            .and_then(|bytes| bytes.checked_add(header.state_bytes));
        if expected != Some(file.len()?) {
            return Err(Damage::Short.into());
        }
        Ok(Self { file, header })
    }

    /// Checks the checksum of everything behind the header.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        self.body().finish()
    }

    /// Everything behind the header, to be read once.
    pub(crate) fn body(&self) -> Body<'_> {
        let position = SnapshotHeader::BYTES as u64;
        let length = self.header.tables_bytes + self.header.state_bytes;
        let bytes = usize::try_from(length).unwrap_or(CHUNK_BYTES);
        let section = Section::new(&*self.file, position, position + length);
        Body {
            header: &self.header,
            // No more than there is to read: the buffer is zeroed first.
            reader: BufReader::with_capacity(bytes.clamp(1, CHUNK_BYTES), section),
        }
    }
}

/// What lies behind a snapshot's header: the tables, then the state. What was read proves right or
/// wrong in the end: a device may answer another way than when the checksum was looked at before.
pub(crate) struct Body<'a> {
    header: &'a SnapshotHeader,
    reader: BufReader<Section<'a>>,
}

impl Body<'_> {
    /// Reads on to the end, and compares the checksum of all that was read.
    pub(crate) fn finish(mut self) -> Result<(), Unusable> {
        loop {
            let bytes = self.reader.fill_buf()?.len();
            if bytes == 0 {
                break;
            }
            self.reader.consume(bytes);
        }
        let checksum = self.reader.into_inner().checksum();
        if checksum != self.header.body_checksum && !is_planted(Canary::SnapshotNotChecked) {
            return Err(Damage::Checksum.into());
        }
        Ok(())
    }

    /// The engine's tables, which come first, with the versions of up to so many keys.
    pub(crate) fn tables(&mut self, key_versions_max: usize) -> Result<Tables, Unusable> {
        let mut section = (&mut self.reader).take(self.header.tables_bytes);
        let mut tables = Tables {
            versions: KeyVersions::unread(key_versions_max),
            ..Tables::default()
        };
        let mut body = Vec::new();
        while !section.fill_buf()?.is_empty() {
            let mut header = FrameHeader::zeroed();
            section.read_exact(bytemuck::bytes_of_mut(&mut header))?;
            let length = header.length as usize;
            if length > EVENT_BYTES_MAX || !header.is_control() {
                return Err(Damage::OutOfRange("a table's record").into());
            }
            body.resize(frame_bytes(length) - FrameHeader::BYTES, 0);
            section.read_exact(&mut body)?;
            tables.replay(&Frame {
                header: &header,
                body: body.get(..length).unwrap_or_default(),
            });
        }
        tables.journal_time_ns = self.header.journal_time_ns;
        tables.totals.first_event_time_ms = self.header.first_event_time_ms;
        tables.totals.last_event_time_ms = self.header.last_event_time_ms;
        Ok(tables)
    }

    /// The state's bytes, behind the tables.
    pub(crate) fn state(&mut self) -> impl Read {
        (&mut self.reader).take(self.header.state_bytes)
    }
}

/// A range of a file, read from its start to its end.
pub(crate) struct Section<'a> {
    file: &'a dyn StorageFile,
    position: u64,
    end: u64,
    /// Of what was read.
    digest: Checksum,
}

impl<'a> Section<'a> {
    pub(crate) fn new(file: &'a dyn StorageFile, position: u64, end: u64) -> Self {
        Self {
            file,
            position,
            end,
            digest: Checksum::new(),
        }
    }

    /// The checksum of what was read.
    pub(crate) fn checksum(self) -> u32 {
        self.digest.finish()
    }
}

impl Read for Section<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = bytes.len().min(left);
        let read = self.file.read_at(&mut bytes[..wanted], self.position)?;
        self.digest.update(&bytes[..read]);
        self.position += read as u64;
        Ok(read)
    }
}
