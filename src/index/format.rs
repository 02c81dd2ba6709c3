//! The bytes of an index's files. `docs/format.md` draws what is defined here.

use bytemuck::{Pod, Zeroable};

use crate::journal::format::{Damage, FrameHeader, GROUP_BYTES_MAX, Position, checksum};
use crate::storage::BLOCK_BYTES;

const MAGIC: u64 = u64::from_le_bytes(*b"RINGINDX");
const VERSION: u16 = 2;
/// A file is cut behind the group that fills it so far. It bounds the memory that building takes.
pub(super) const PIECE_ENTRIES: usize = 1 << 22;
const PIECE_ENTRIES_MAX: u64 = (PIECE_ENTRIES + GROUP_BYTES_MAX / FrameHeader::BYTES) as u64;

const BLOCK_HEADER_BYTES: usize = 16;
/// Entries in a full block.
pub(super) const BLOCK_ENTRIES: usize = (BLOCK_BYTES - BLOCK_HEADER_BYTES) / size_of::<Entry>();
const _: () = assert!(BLOCK_HEADER_BYTES + BLOCK_ENTRIES * size_of::<Entry>() == BLOCK_BYTES);

/// One event's place. Sorted by number, then by sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// From the piece's start on.
    pub(super) sequence: u32,
    /// Where the frame starts in the segment, in units of 16 bytes.
    place: u32,
    /// Bytes of the frame, header included, without its padding.
    pub(super) length: u32,
    /// CRC-32C of those bytes.
    pub(super) checksum: u32,
}

impl Entry {
    /// The entry of a frame at `byte`; `None` where it does not fit, which is in no segment that is
    /// within its limits.
    pub(super) fn new(number: u64, sequence: u64, byte: u64, frame: &[u8]) -> Option<Self> {
        Some(Self {
            number,
            sequence: u32::try_from(sequence).ok()?,
            place: u32::try_from(byte / 16).ok()?,
            length: u32::try_from(frame.len()).ok()?,
            checksum: checksum(frame),
        })
    }

    /// Counts the sequence from an earlier start on, `moved` events earlier; or a later one.
    pub(super) fn move_start(&mut self, moved: i64) {
        let moved = i64::from(self.sequence) + moved;
        self.sequence = u32::try_from(moved).expect("the caller has looked that it fits");
    }

    pub(super) fn byte(&self) -> u64 {
        u64::from(self.place) * 16
    }

    pub(super) fn order(&self) -> (u64, u32) {
        (self.number, self.sequence)
    }
}

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    magic: u64,
    /// CRC-32C of the fields behind it.
    checksum: u32,
    version: u16,
    reserved: u16,
    pub(super) journal_id: [u64; 2],
    pub(super) definition: u64,
    /// The segment's.
    pub(super) salt: u64,
    /// Random: the blocks of this file carry it.
    pub(super) build: u64,
    pub(super) segment_first_group: u64,
    start_group: u64,
    start_sequence: u64,
    start_byte: u64,
    end_group: u64,
    end_sequence: u64,
    end_byte: u64,
    pub(super) entries: u64,
    pub(super) partition: u32,
    /// CRC-32C of the first numbers of all blocks.
    pub(super) fences_checksum: u32,
}

/// Which stretch of which journal an index's file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) journal_id: [u64; 2],
    pub(super) partition: u32,
    pub(super) definition: u64,
    pub(super) salt: u64,
    pub(super) start: Position,
    pub(super) end: Position,
}

impl Header {
    const BYTES: usize = size_of::<Self>();

    pub(super) fn new(stretch: &Stretch, build: u64, entries: u64) -> Self {
        let Stretch {
            journal_id,
            partition,
            definition,
            salt,
            start,
            end,
        } = *stretch;
        Self {
            magic: MAGIC,
            version: VERSION,
            journal_id,
            definition,
            salt,
            build,
            segment_first_group: start.segment_first_group,
            start_group: start.group,
            start_sequence: start.sequence,
            start_byte: start.byte,
            end_group: end.group,
            end_sequence: end.sequence,
            end_byte: end.byte,
            entries,
            partition,
            ..Self::zeroed()
        }
    }

    pub(super) fn start(&self) -> Position {
        Position {
            group: self.start_group,
            sequence: self.start_sequence,
            segment_first_group: self.segment_first_group,
            byte: self.start_byte,
        }
    }

    pub(super) fn end(&self) -> Position {
        Position {
            group: self.end_group,
            sequence: self.end_sequence,
            segment_first_group: self.segment_first_group,
            byte: self.end_byte,
        }
    }

    /// The header as the block to write.
    pub(super) fn seal(&self) -> [u8; BLOCK_BYTES] {
        let header = Self {
            checksum: checksum(&bytemuck::bytes_of(self)[12..]),
            ..*self
        };
        let mut block = [0; BLOCK_BYTES];
        block[..Self::BYTES].copy_from_slice(bytemuck::bytes_of(&header));
        block
    }

    /// The header at the start of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let bytes = bytes.get(..Self::BYTES).ok_or(Damage::Short)?;
        let header: Self = bytemuck::pod_read_unaligned(bytes);
        if header.magic != MAGIC {
            return Err(Damage::Magic);
        }
        if checksum(bytes.get(12..).unwrap_or_default()) != header.checksum {
            return Err(Damage::Checksum);
        }
        // Another version is built anew, whichever is newer.
        if header.version != VERSION {
            return Err(Damage::Version(header.version));
        }
        if header.entries > PIECE_ENTRIES_MAX {
            return Err(Damage::OutOfRange("entries of an index"));
        }
        let (start, end) = (header.start().checked()?, header.end().checked()?);
        if (end.group, end.sequence, end.byte) < (start.group, start.sequence, start.byte) {
            return Err(Damage::OutOfRange("position"));
        }
        Ok(header)
    }

    pub(super) fn blocks(&self) -> u64 {
        self.entries.div_ceil(BLOCK_ENTRIES as u64)
    }

    /// How many entries block `number` has.
    pub(super) fn entries_of(&self, number: u64) -> usize {
        let before = number.saturating_mul(BLOCK_ENTRIES as u64);
        let left = self.entries.saturating_sub(before);
        usize::try_from(left).map_or(BLOCK_ENTRIES, |left| left.min(BLOCK_ENTRIES))
    }
}

/// Writes block `number` into `block`, which is as long as one.
pub(super) fn seal_block(block: &mut [u8], number: u64, build: u64, entries: &[Entry]) {
    block.fill(0);
    block[4..8].copy_from_slice(&short(number).to_le_bytes());
    block[8..16].copy_from_slice(&build.to_le_bytes());
    let bytes: &[u8] = bytemuck::cast_slice(entries);
    block[BLOCK_HEADER_BYTES..][..bytes.len()].copy_from_slice(bytes);
    let sum = checksum(&block[4..]);
    block[..4].copy_from_slice(&sum.to_le_bytes());
}

/// The entries of block `number` of the file with this header.
pub(super) fn read_block<'a>(
    block: &'a [u8],
    number: u64,
    header: &Header,
) -> Result<&'a [Entry], Damage> {
    let (fields, entries) = block
        .split_at_checked(BLOCK_HEADER_BYTES)
        .ok_or(Damage::Short)?;
    if block.len() != BLOCK_BYTES {
        return Err(Damage::Short);
    }
    if fields[..4] != checksum(&block[4..]).to_le_bytes() {
        return Err(Damage::Checksum);
    }
    if fields[4..8] != short(number).to_le_bytes() || fields[8..16] != header.build.to_le_bytes() {
        return Err(Damage::Misplaced("another index's block"));
    }
    let entries: &[Entry] =
        bytemuck::try_cast_slice(entries).map_err(|_| Damage::Misplaced("an unaligned block"))?;
    entries
        .get(..header.entries_of(number))
        .ok_or(Damage::Short)
}

/// Blocks are far fewer than 2^32.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The name of the stretch's file. The definition is in it: programs of different versions look at
/// one journal, and none is to write over what another one keeps.
pub(super) fn file_name(stretch: &Stretch) -> String {
    let Stretch {
        start, definition, ..
    } = stretch;
    let first_group = start.segment_first_group;
    format!("{first_group:020}-{:020}-{definition:016x}.idx", start.byte)
}

/// The segment's first group in a file's name; `None` for any other name.
pub(super) fn parse_file_name(name: &str) -> Option<u64> {
    let (group, rest) = name.strip_suffix(".idx")?.split_once('-')?;
    let (byte, definition) = rest.split_once('-')?;
    let is_number = |text: &str| text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_definition =
        definition.len() == 16 && definition.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_number(group) && is_number(byte) && is_definition).then_some(())?;
    group.parse().ok()
}
