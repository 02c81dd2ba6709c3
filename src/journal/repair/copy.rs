//! Bytes of a segment on their way to the quarantine.

use std::io;
use std::path::Path;

use crate::journal::directory::{QUARANTINE_DIR, TEMPORARY_SUFFIX};
use crate::journal::error::ReadError;
use crate::journal::format::Checksum;
use crate::storage::{AlignedBuffer, OpenMode, Storage, StorageFile};

const CHUNK_BYTES: usize = 1024 * 1024;

/// Bytes to copy: from `position` to the last byte that is not zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) segment: String,
    pub(super) position: u64,
    pub(super) bytes: u64,
    pub(super) checksum: u32,
}

impl Copy {
    /// Measures what is to be copied; `None` where there are only zeros.
    pub(super) fn of(
        storage: &dyn Storage,
        folder: &Path,
        segment: &str,
        position: u64,
    ) -> Result<Option<Self>, ReadError> {
        let path = folder.join(segment);
        let measure = || -> io::Result<Option<Self>> {
            let file = storage.open(&path, OpenMode::ReadUncached)?;
            let (mut at, mut end) = (position, position);
            for_each_chunk(&*file, position, u64::MAX, |chunk| {
                if let Some(last) = chunk.iter().rposition(|byte| *byte != 0) {
                    end = at + last as u64 + 1;
                }
                at += chunk.len() as u64;
                Ok(())
            })?;
            let mut checksum = Checksum::new();
            for_each_chunk(&*file, position, end, |chunk| {
                checksum.update(chunk);
                Ok(())
            })?;
            Ok((end > position).then(|| Self {
                segment: segment.to_owned(),
                position,
                bytes: end - position,
                checksum: checksum.finish(),
            }))
        };
        measure().map_err(ReadError::io("read", &path))
    }

    /// The copy's name in the quarantine. The checksum tells two segments of one name apart, of
    /// which the second replaced the first; and the same bytes copied again get the same name.
    pub(super) fn name(&self, partition: u32) -> String {
        format!(
            "partition-{partition:04}-{}-{}-{:08x}.cut",
            self.segment, self.position, self.checksum
        )
    }

    /// Copies and syncs; the copy has its name when it is whole.
    pub(super) fn make(
        &self,
        storage: &dyn Storage,
        root: &Path,
        folder: &Path,
        partition: u32,
    ) -> Result<(), ReadError> {
        let quarantine = root.join(QUARANTINE_DIR);
        let name = self.name(partition);
        let path = quarantine.join(&name);
        let temporary = quarantine.join(format!("{name}{TEMPORARY_SUFFIX}"));
        let copy = || -> io::Result<()> {
            storage.create_dir(&quarantine)?;
            let from = storage.open(&folder.join(&self.segment), OpenMode::ReadUncached)?;
            let to = storage.open(&temporary, OpenMode::WriteBuffered)?;
            to.set_len(0)?;
            let (mut written, mut checksum) = (0, Checksum::new());
            for_each_chunk(&*from, self.position, self.position + self.bytes, |chunk| {
                checksum.update(chunk);
                to.write_at(chunk, written)?;
                written += chunk.len() as u64;
                Ok(())
            })?;
            if (written, checksum.finish()) != (self.bytes, self.checksum) {
                return Err(io::Error::other("the device does not read the same twice"));
            }
            to.sync()?;
            storage.rename(&temporary, &path)?;
            storage.sync_dir(&quarantine)
        };
        copy().map_err(ReadError::io("copy to", &path))
    }
}

/// Hands on the bytes from `position`, which is block-aligned, to `end` or the end of the file.
fn for_each_chunk(
    file: &dyn StorageFile,
    mut position: u64,
    end: u64,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = AlignedBuffer::zeroed(CHUNK_BYTES);
    while position < end {
        let read = file.read_at(&mut buffer, position)?;
        let wanted = usize::try_from(end - position).unwrap_or(usize::MAX);
        let chunk = buffer.get(..read.min(wanted)).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        take(chunk)?;
        position += chunk.len() as u64;
        if read < CHUNK_BYTES {
            break;
        }
    }
    Ok(())
}
