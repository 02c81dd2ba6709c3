//! A segment's header: the first block of every segment file.

use bytemuck::{Pod, Zeroable};

use super::{Damage, FORMAT_VERSION, checksum};
use crate::storage::BLOCK_BYTES;

const MAGIC: u64 = u64::from_le_bytes(*b"RINGLOGS");

/// What a segment says of itself. Its existence under its final name witnesses that every group
/// before `first_group` is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct SegmentHeader {
    magic: u64,
    /// CRC-32C of the fields behind it.
    checksum: u32,
    version: u16,
    /// 1 where the file held another segment before: what lies behind the groups is then stale
    /// bytes instead of zeros.
    is_recycled: u16,
    pub(crate) journal_id: [u64; 2],
    /// The fingerprint of the event types of the program that wrote it.
    pub(crate) schema: u64,
    /// Random: groups of this segment carry it, stale or copied ones do not.
    pub(crate) salt: u64,
    pub(crate) first_sequence: u64,
    pub(crate) first_group: u64,
    pub(crate) created_ns: u64,
    pub(crate) partition: u32,
    reserved_too: u32,
}

impl SegmentHeader {
    const BYTES: usize = size_of::<Self>();

    pub(crate) fn new(journal_id: [u64; 2], partition: u32, schema: u64) -> Self {
        Self {
            journal_id,
            partition,
            schema,
            ..Self::zeroed()
        }
    }

    /// The header of one segment of the partition.
    pub(crate) fn starting_at(
        &self,
        salt: u64,
        first_sequence: u64,
        first_group: u64,
        created_ns: u64,
    ) -> Self {
        Self {
            salt,
            first_sequence,
            first_group,
            created_ns,
            ..*self
        }
    }

    /// The header of a segment in a file that held another one before.
    pub(crate) fn recycled(self) -> Self {
        Self {
            is_recycled: 1,
            ..self
        }
    }

    /// Whether stale bytes of an earlier segment may lie behind the groups.
    pub(crate) fn is_recycled(&self) -> bool {
        self.is_recycled != 0
    }

    /// The header as the block to write.
    pub(crate) fn seal(&self) -> [u8; BLOCK_BYTES] {
        let mut header = Self {
            magic: MAGIC,
            checksum: 0,
            version: FORMAT_VERSION,
            ..*self
        };
        header.checksum = checksum(&bytemuck::bytes_of(&header)[12..]);
        let mut block = [0; BLOCK_BYTES];
        block[..Self::BYTES].copy_from_slice(bytemuck::bytes_of(&header));
        block
    }

    /// The header in a segment's first block.
    pub(crate) fn read(block: &[u8]) -> Result<Self, Damage> {
        let bytes = block.get(..Self::BYTES).ok_or(Damage::Short)?;
        let header: Self = bytemuck::pod_read_unaligned(bytes);
        if header.magic != MAGIC {
            return Err(Damage::Magic);
        }
        if checksum(bytes.get(12..).unwrap_or_default()) != header.checksum {
            return Err(Damage::Checksum);
        }
        if header.version > FORMAT_VERSION {
            return Err(Damage::Version(header.version));
        }
        Ok(header)
    }
}

/// The name of the segment that starts with this sequence and group. Names sort in journal order.
pub(crate) fn segment_file_name(first_sequence: u64, first_group: u64) -> String {
    format!("{first_sequence:020}-{first_group:020}.seg")
}

/// First sequence and first group of a segment's file name; `None` for any other name.
pub(crate) fn parse_segment_file_name(name: &str) -> Option<(u64, u64)> {
    // Both count from 1.
    parse_two_numbers(name.strip_suffix(".seg")?)
        .filter(|(sequence, group)| *sequence > 0 && *group > 0)
}

/// Two numbers of twenty digits each with a hyphen between them.
pub(super) fn parse_two_numbers(stem: &str) -> Option<(u64, u64)> {
    let (first, second) = stem.split_once('-')?;
    let well_formed =
        |digits: &str| digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    if !well_formed(first) || !well_formed(second) {
        return None;
    }
    Some((first.parse().ok()?, second.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_every_bit_flip_in_it_is_detected() {
        let mut header = SegmentHeader::new([1, 2], 3, 4);
        header.salt = 5;
        let block = header.seal();
        let read = SegmentHeader::read(&block).unwrap();
        assert_eq!((read.journal_id, read.partition, read.salt), ([1, 2], 3, 5));
        for bit in 0..SegmentHeader::BYTES * 8 {
            let mut flipped = block;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                SegmentHeader::read(&flipped).is_err(),
                "bit {bit} flipped unseen"
            );
        }
    }

    #[test]
    fn file_names_read_back_and_foreign_ones_do_not() {
        assert_eq!(
            parse_segment_file_name(&segment_file_name(7, 3)),
            Some((7, 3))
        );
        for foreign in [
            "control",
            "prepared.tmp",
            "1-1.seg",
            "+0000000000000000001-x.seg",
            "00000000000000000000-00000000000000000001.seg",
        ] {
            assert_eq!(parse_segment_file_name(foreign), None);
        }
    }
}
