//! One snapshot file: writing it, checking it, and reading its sections.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use super::Tables;
use crate::EVENT_BYTES_MAX;
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
    let mut body = BodyWriter {
        file,
        position: SnapshotHeader::BYTES as u64,
        buffer: Vec::with_capacity(CHUNK_BYTES),
        digest: Checksum::new(),
    };
    tables.for_each_record(|record, bytes| {
        let padding = [0; 16];
        let padding_bytes = frame_bytes(bytes.len()) - FrameHeader::BYTES - bytes.len();
        body.write_all(bytemuck::bytes_of(record))?;
        body.write_all(bytes)?;
        body.write_all(&padding[..padding_bytes])
    })?;
    header.tables_bytes = body.written();
    save(&mut body)?;
    body.flush()?;
    header.state_bytes = body.written() - header.tables_bytes;
    header.body_checksum = body.digest.finish();
    let bytes = body.position;
    file.write_at(&header.seal(), 0)?;
    file.sync()?;
    Ok(bytes)
}

struct BodyWriter<'a> {
    file: &'a dyn StorageFile,
    position: u64,
    buffer: Vec<u8>,
    digest: Checksum,
}

impl BodyWriter<'_> {
    /// Bytes of body so far.
    fn written(&self) -> u64 {
        self.position + self.buffer.len() as u64 - SnapshotHeader::BYTES as u64
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
    #[error("`load` refused it: {0}")]
    Load(io::Error),
    #[error("`load` panicked: {0}")]
    Panicked(String),
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

    /// What lies behind the header, to be read once from its start to its end.
    pub(crate) fn body(&self) -> Body<'_> {
        let position = SnapshotHeader::BYTES as u64;
        let section = Section {
            file: &*self.file,
            position,
            end: position + self.header.tables_bytes + self.header.state_bytes,
            digest: Checksum::new(),
        };
        Body {
            header: &self.header,
            section: BufReader::with_capacity(CHUNK_BYTES, section),
        }
    }
}

/// The body of a snapshot: the tables, then the state, and then [`finish`](Self::finish).
///
/// Nothing of it may be used before that has said that these were the bytes that were written. An
/// earlier [`check`](SnapshotFile::check) says nothing about them: a device that fails need not
/// return the same bytes twice.
pub(crate) struct Body<'a> {
    header: &'a SnapshotHeader,
    section: BufReader<Section<'a>>,
}

impl Body<'_> {
    /// The engine's tables.
    pub(crate) fn tables(&mut self) -> Result<Tables, Unusable> {
        let mut section = self.section.by_ref().take(self.header.tables_bytes);
        let mut tables = Tables::default();
        let mut body = Vec::new();
        while !section.fill_buf()?.is_empty() {
            let mut header = [0; FrameHeader::BYTES];
            section.read_exact(&mut header)?;
            let header = FrameHeader::read(&header)?;
            let length = header.length as usize;
            if length > EVENT_BYTES_MAX || !header.is_control() {
                return Err(Damage::OutOfRange("a table's record").into());
            }
            body.resize(frame_bytes(length) - FrameHeader::BYTES, 0);
            section.read_exact(&mut body)?;
            tables.replay(&Frame {
                header,
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
        self.section.by_ref().take(self.header.state_bytes)
    }

    /// Whether what was read, and the rest, is what was written.
    pub(crate) fn finish(mut self) -> Result<(), Unusable> {
        loop {
            let rest = self.section.fill_buf()?.len();
            if rest == 0 {
                break;
            }
            self.section.consume(rest);
        }
        let digest = self.section.into_inner().digest;
        if digest.finish() != self.header.body_checksum {
            return Err(Damage::Checksum.into());
        }
        Ok(())
    }
}

/// A range of a file, read from its start to its end.
struct Section<'a> {
    file: &'a dyn StorageFile,
    position: u64,
    end: u64,
    /// Of what was read so far.
    digest: Checksum,
}

impl Read for Section<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = bytes.len().min(left);
        let read = self.file.read_at(&mut bytes[..wanted], self.position)?;
        self.position += read as u64;
        self.digest.update(&bytes[..read]);
        Ok(read)
    }
}
