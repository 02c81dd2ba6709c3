//! Walks one segment's groups, whatever its bytes are.

use std::io;

use super::format::{Damage, GROUP_HEADER_BYTES, GroupHeader, SegmentHeader};
use super::recovery::{Finding, LaterGroups};
use crate::storage::{AlignedBuffer, BLOCK_BYTES, StorageFile};

/// How much is read at once: enough for the disk to be the limit.
const READ_BYTES: usize = 1024 * 1024;

/// What stands at a position of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// A sound group; its frames are in [`GroupScanner::frames`] until the next step.
    Group(GroupHeader),
    /// No group: the position stays where it is.
    None(Finding),
}

/// Reads a segment group by group. Memory is bounded by the longest group.
#[derive(Debug)]
pub(crate) struct GroupScanner {
    file: Box<dyn StorageFile>,
    partition: u32,
    salt: u64,
    /// The segment's first group, where the file held another segment before.
    recycled_at: Option<u64>,
    position: u64,
    buffer: AlignedBuffer,
    /// The file position of the buffer's first byte, and how many of its bytes are valid.
    loaded_from: u64,
    loaded_bytes: usize,
    /// The last group's frames, as a range of the buffer.
    frames: std::ops::Range<usize>,
}

/// What lies behind a finding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    pub(crate) later: Option<LaterGroups>,
    /// The position behind the last byte that is not zero; 0 when all are zero. In a recycled file
    /// the end of the last of the segment's own groups, as far as its header can be believed.
    pub(crate) nonzero_end: u64,
}

impl GroupScanner {
    /// A scanner over the segment in `file`, from its first group on.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub(crate) fn new(file: Box<dyn StorageFile>, header: &SegmentHeader) -> io::Result<Self> {
        // No more memory than the file fills: a program may have many small ones open.
        let bytes = usize::try_from(file.len()?).map_or(READ_BYTES, |bytes| bytes.min(READ_BYTES));
        Ok(Self {
            file,
            partition: header.partition,
            salt: header.salt,
            recycled_at: header.is_recycled().then_some(header.first_group),
            position: BLOCK_BYTES as u64,
            buffer: AlignedBuffer::zeroed(bytes.max(BLOCK_BYTES)),
            loaded_from: 0,
            loaded_bytes: 0,
            frames: 0..0,
        })
    }

    /// The salt of the segment.
    pub(crate) fn salt(&self) -> u64 {
        self.salt
    }

    /// Where the next group is expected.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Expects the next group at `position`.
    pub(crate) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The frames of the group that [`step`](Self::step) returned last.
    pub(crate) fn frames(&self) -> &[u8] {
        self.buffer.get(self.frames.clone()).unwrap_or_default()
    }

    /// Forgets the frames of the last group.
    pub(crate) fn leave_group(&mut self) {
        self.frames = 0..0;
    }

    /// Reads what stands at the position; moves behind it if it is a sound group.
    pub(crate) fn step(&mut self) -> io::Result<Scanned> {
        let scanned = self.read_group(self.position)?;
        if let Scanned::Group(header) = scanned {
            self.position += header.padded_bytes() as u64;
        }
        Ok(scanned)
    }

    fn read_group(&mut self, position: u64) -> io::Result<Scanned> {
        let none = |finding| Ok(Scanned::None(finding));
        let (partition, salt, recycled_at) = (self.partition, self.salt, self.recycled_at);
        let block = self.load(position, BLOCK_BYTES)?;
        if block.is_empty() {
            return none(Finding::EndOfFile);
        }
        if is_zero(block) {
            return none(Finding::Zeros);
        }
        if is_stale(recycled_at, block, salt) {
            return none(Finding::Stale);
        }
        let header = match GroupHeader::read(block, partition, salt, position) {
            Ok(header) => header,
            Err(damage) => return none(Finding::Damage(damage)),
        };
        // The length is bounded by GROUP_BYTES_MAX, but not yet covered by a checked checksum.
        let bytes = self.load(position, header.padded_bytes())?;
        match header.frames(bytes) {
            Ok(frames) => {
                let frames_bytes = frames.len();
                #[expect(clippy::cast_possible_truncation, reason = "within the buffer")]
                let start = (position - self.loaded_from) as usize + GROUP_HEADER_BYTES;
                self.frames = start..start + frames_bytes;
                Ok(Scanned::Group(header))
            }
            Err(damage) => none(Finding::Damage(damage)),
        }
    }

    /// Looks at everything behind the current position: what a decision about it needs.
    pub(crate) fn inspect_rest(&mut self) -> io::Result<Rest> {
        let mut rest = Rest {
            later: None,
            nonzero_end: 0,
        };
        let mut position = self.position;
        let (salt, recycled_at) = (self.salt, self.recycled_at);
        loop {
            let block = self.load(position, BLOCK_BYTES)?;
            if block.is_empty() {
                return Ok(rest);
            }
            if is_zero(block) || is_stale(recycled_at, block, salt) {
                position += BLOCK_BYTES as u64;
                continue;
            }
            if let Some(last) = block.iter().rposition(|byte| *byte != 0) {
                rest.nonzero_end = match recycled_at {
                    None => position + last as u64 + 1,
                    Some(_) => position + GroupHeader::claimed_bytes(block),
                };
                if position > self.position
                    && let Scanned::Group(header) = self.read_group(position)?
                {
                    // Every later group is evidence: the first may prove less than the last.
                    let later = rest.later.get_or_insert_default();
                    later.was_synced_in_order |= header.durability == 0;
                    later.synced_group = later.synced_group.max(header.synced_group);
                }
            }
            position += BLOCK_BYTES as u64;
        }
    }

    /// The bytes from `position` to `end`, for the quarantine; block-aligned, in chunks.
    pub(crate) fn copy_range(
        &mut self,
        mut position: u64,
        end: u64,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while position < end {
            let bytes = self.load(position, BLOCK_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            sink(bytes)?;
            position += BLOCK_BYTES as u64;
        }
        Ok(())
    }

    /// Up to `bytes` bytes at `position`; fewer only where the file ends.
    fn load(&mut self, position: u64, bytes: usize) -> io::Result<&[u8]> {
        let loaded_end = self.loaded_from + self.loaded_bytes as u64;
        let is_loaded = self.loaded_bytes > 0
            && position >= self.loaded_from
            && position + bytes as u64 <= loaded_end;
        if !is_loaded {
            if bytes > self.buffer.len() {
                self.buffer = AlignedBuffer::zeroed(bytes);
            }
            self.loaded_from = position;
            self.loaded_bytes = 0;
            self.loaded_bytes = self.file.read_at(&mut self.buffer, position)?;
        }
        #[expect(clippy::cast_possible_truncation, reason = "within the buffer")]
        let start = (position - self.loaded_from) as usize;
        let end = (start + bytes).min(self.loaded_bytes);
        Ok(self.buffer.get(start..end).unwrap_or_default())
    }
}

/// Whether a block of a recycled file is what the file held before.
fn is_stale(recycled_at: Option<u64>, block: &[u8], salt: u64) -> bool {
    recycled_at.is_some_and(|first_group| !GroupHeader::is_of_segment(block, salt, first_group))
}

/// Whether a block, or what there is of one, has nothing but zeros.
fn is_zero(block: &[u8]) -> bool {
    // Compared as a whole: prepared space is long.
    static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    ZEROS.get(..block.len()) == Some(block)
}

/// Reads a segment's header block with any kind of handle.
pub(crate) fn read_segment_header(
    file: &dyn StorageFile,
) -> io::Result<Result<SegmentHeader, Damage>> {
    let mut block = AlignedBuffer::zeroed(BLOCK_BYTES);
    let read = file.read_at(&mut block, 0)?;
    Ok(SegmentHeader::read(block.get(..read).unwrap_or_default()))
}
