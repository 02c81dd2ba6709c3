//! What one would write by hand.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crc_fast::{CrcAlgorithm, checksum};

use super::{Entry, Journal};

const ALIGNMENT: usize = 4096;
const HEADER_BYTES: usize = 16;
const FILE_BYTES: usize = 256 * 1024 * 1024;
const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// One `pwrite` a batch into a file that was written once before; the batch has a length, a count
/// and a checksum, and starts on a block.
///
/// Durable by `O_DIRECT | O_DSYNC`: the write returns when the device has confirmed it. The file is
/// overwritten from its start when it is full, so that nothing is ever allocated.
#[derive(Debug)]
pub struct Direct {
    file: File,
    buffer: Vec<u8>,
    start: usize,
    position: usize,
}

impl Direct {
    pub fn open(directory: &Path) -> Self {
        // Not through rustix 1.1, which opens with `O_SYNC` where it is asked for `DSYNC`.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(libc::O_DIRECT | libc::O_DSYNC)
            .open(directory.join("journal"))
            .expect("the disk can do direct I/O");
        let buffer = vec![0; WRITE_BYTES_MAX + ALIGNMENT];
        let start = buffer.as_ptr().align_offset(ALIGNMENT);
        let mut direct = Self {
            file,
            buffer,
            start,
            position: 0,
        };
        while direct.position < FILE_BYTES {
            direct.write(WRITE_BYTES_MAX);
        }
        direct
    }

    fn write(&mut self, bytes: usize) {
        let bytes = &self.buffer[self.start..self.start + bytes];
        self.file
            .write_all_at(bytes, self.position as u64)
            .expect("it writes");
        self.position += bytes.len();
    }
}

impl Journal for Direct {
    fn append(&mut self, entries: &[Entry]) {
        let used = HEADER_BYTES + size_of_val(entries);
        let bytes = used.next_multiple_of(ALIGNMENT);
        let (header, rest) = self.buffer[self.start..][..bytes].split_at_mut(HEADER_BYTES);
        let (body, padding) = rest.split_at_mut(used - HEADER_BYTES);
        body.copy_from_slice(entries.as_flattened());
        padding.fill(0);
        #[expect(clippy::cast_possible_truncation, reason = "lengths are small")]
        let (count, length) = (entries.len() as u32, body.len() as u32);
        header[..4].copy_from_slice(&count.to_le_bytes());
        header[4..8].copy_from_slice(&length.to_le_bytes());
        let sum = checksum(CrcAlgorithm::Crc32Iscsi, body);
        header[8..].copy_from_slice(&sum.to_le_bytes());
        if self.position + bytes > FILE_BYTES {
            self.position = 0;
        }
        self.write(bytes);
    }
}
