//! A snapshot's header and name. Behind the header lie frames that rebuild the tables, then the
//! state as the user's `save` wrote it.

use bytemuck::{Pod, Zeroable};

use super::{Damage, FORMAT_VERSION, Position, checksum};

const MAGIC: u64 = u64::from_le_bytes(*b"RINGSNAP");

/// What a snapshot says of itself. Its existence under its final name witnesses that every group up
/// to `group` is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct SnapshotHeader {
    magic: u64,
    /// CRC-32C of the fields behind it.
    checksum: u32,
    version: u16,
    reserved: u16,
    pub(crate) journal_id: [u64; 2],
    /// The fingerprint of the event types of the program that took it.
    pub(crate) schema: u64,
    /// The last sequence that is in it; 0 for none.
    pub(crate) sequence: u64,
    /// The last group that is in it.
    pub(crate) group: u64,
    /// The first group of the segment that `group` lies in, and where in it the next one starts.
    pub(crate) segment_first_group: u64,
    pub(crate) byte: u64,
    /// The journal time of the last event.
    pub(crate) journal_time_ns: u64,
    /// The least and the greatest event time; the least is above the greatest where there is no event.
    pub(crate) first_event_time_ms: i64,
    pub(crate) last_event_time_ms: i64,
    pub(crate) created_ns: u64,
    /// Bytes of the frames behind the header, and of the state behind them.
    pub(crate) tables_bytes: u64,
    pub(crate) state_bytes: u64,
    pub(crate) partition: u32,
    /// `State::SNAPSHOT_VERSION` of the program that took it.
    pub(crate) state_version: u32,
    /// CRC-32C of everything behind the header.
    pub(crate) body_checksum: u32,
    reserved_too: u32,
}

impl SnapshotHeader {
    pub(crate) const BYTES: usize = size_of::<Self>();

    /// The header of a snapshot at this place. Times, lengths and the body's checksum are still to
    /// be filled in.
    pub(crate) fn new(
        journal_id: [u64; 2],
        partition: u32,
        at: Position,
        schema: u64,
        state_version: u32,
        created_ns: u64,
    ) -> Self {
        Self {
            journal_id,
            partition,
            sequence: at.sequence,
            group: at.group,
            segment_first_group: at.segment_first_group,
            byte: at.byte,
            schema,
            state_version,
            created_ns,
            ..Self::zeroed()
        }
    }

    /// Where the journal goes on behind it.
    pub(crate) fn position(&self) -> Position {
        Position {
            group: self.group,
            sequence: self.sequence,
            segment_first_group: self.segment_first_group,
            byte: self.byte,
        }
    }

    /// The header as bytes, with its checksum.
    pub(crate) fn seal(&self) -> [u8; Self::BYTES] {
        let mut header = Self {
            magic: MAGIC,
            version: FORMAT_VERSION,
            ..*self
        };
        header.checksum = checksum(&bytemuck::bytes_of(&header)[12..]);
        bytemuck::cast(header)
    }

    /// The header at the start of `bytes`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let bytes = bytes.get(..Self::BYTES).ok_or(Damage::Short)?;
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
        if header.sequence == u64::MAX || header.group == u64::MAX {
            return Err(Damage::OutOfRange("group or sequence number"));
        }
        Ok(header)
    }
}

/// The name of the snapshot at this sequence and group. Names sort in journal order.
pub(crate) fn snapshot_file_name(sequence: u64, group: u64) -> String {
    format!("{sequence:020}-{group:020}.snap")
}

/// Sequence and group of a snapshot's file name; `None` for any other name.
pub(crate) fn parse_snapshot_file_name(name: &str) -> Option<(u64, u64)> {
    super::segment::parse_two_numbers(name.strip_suffix(".snap")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_every_bit_flip_in_it_is_detected() {
        let header = SnapshotHeader {
            sequence: 7,
            group: 3,
            ..SnapshotHeader::zeroed()
        };
        let bytes = header.seal();
        let read = SnapshotHeader::read(&bytes).unwrap();
        assert_eq!((read.sequence, read.group), (7, 3));
        for bit in 0..SnapshotHeader::BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                SnapshotHeader::read(&flipped).is_err(),
                "bit {bit} flipped unseen"
            );
        }
    }

    #[test]
    fn file_names_read_back_and_foreign_ones_do_not() {
        assert_eq!(
            parse_snapshot_file_name(&snapshot_file_name(0, 3)),
            Some((0, 3))
        );
        assert_eq!(parse_snapshot_file_name("snapshot.tmp"), None);
        assert_eq!(parse_snapshot_file_name("1-1.snap"), None);
    }
}
