//! The control word: what the writer last acknowledged, for readers in other processes and for the
//! opening after a `SIGKILL`.
//!
//! It is stored after a sync and before the acknowledgement, so it is never ahead of the truth. It
//! lives in the page cache and is not synced itself: after a power cut it may be older.

use std::io;
use std::path::Path;

use bytemuck::{Pod, Zeroable};

use super::format::checksum;
use crate::canary::{Canary, is_planted};
use crate::storage::{OpenMode, Storage, StorageFile};

const MAGIC: u32 = u32::from_le_bytes(*b"RLGC");
pub(crate) const CONTROL_FILE: &str = "control";

/// A reader that meets a store in progress sees a torn word; the next look shows a whole one.
#[cfg(not(loom))]
const READ_ATTEMPTS: usize = 1000;
/// Under loom the writer may well stop half-way for that long.
#[cfg(loom)]
const READ_ATTEMPTS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ControlWord {
    magic: u32,
    checksum: u32,
    /// The last group that was acknowledged at the journal's durability level.
    pub(crate) acknowledged_group: u64,
    /// The last sequence in it or before it.
    pub(crate) acknowledged_sequence: u64,
    /// The last group that was synced: the witness. Behind `acknowledged_group` for `OsBuffer`.
    pub(crate) synced_group: u64,
}

/// What a look at the control file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlRead {
    /// No control word was ever stored.
    Absent,
    Present(ControlWord),
    /// There is one, but it cannot be believed: one witness less, which must be reported.
    Unreadable,
}

impl ControlWord {
    const BYTES: usize = size_of::<Self>();

    pub(crate) fn new(
        acknowledged_group: u64,
        acknowledged_sequence: u64,
        synced_group: u64,
    ) -> Self {
        let mut word = Self {
            magic: MAGIC,
            checksum: 0,
            acknowledged_group,
            acknowledged_sequence,
            synced_group,
        };
        word.checksum = checksum(&bytemuck::bytes_of(&word)[8..]);
        word
    }

    pub(crate) fn store(&self, file: &dyn StorageFile) -> io::Result<()> {
        file.write_at(bytemuck::bytes_of(self), 0)
    }

    pub(crate) fn read(storage: &dyn Storage, partition_dir: &Path) -> io::Result<ControlRead> {
        let file = match storage.open(&partition_dir.join(CONTROL_FILE), OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(ControlRead::Absent);
            }
            Err(error) => return Err(error),
        };
        for _ in 0..READ_ATTEMPTS {
            let mut bytes = [0; Self::BYTES];
            match file.read_at(&mut bytes, 0)? {
                0 => return Ok(ControlRead::Absent),
                Self::BYTES => {}
                _ => continue,
            }
            let word: Self = bytemuck::cast(bytes);
            let is_sound =
                word.checksum == checksum(&bytes[8..]) || is_planted(Canary::ControlNotChecked);
            if word.magic == MAGIC && is_sound {
                return Ok(ControlRead::Present(word));
            }
        }
        Ok(ControlRead::Unreadable)
    }
}
