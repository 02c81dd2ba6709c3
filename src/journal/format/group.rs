//! A group: the frames that are written, synced and recovered as one.

use bytemuck::{Pod, Zeroable};

use super::{Checksum, Damage, FORMAT_VERSION};
use crate::canary::{Canary, is_planted};
use crate::storage::BLOCK_BYTES;

/// Bytes in front of the frames.
pub(crate) const GROUP_HEADER_BYTES: usize = 64;
/// The longest group, header and padding included: bounds what a reader ever allocates.
pub(crate) const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What precedes it in a header is the magic and the checksum itself.
const CHECKED_FROM: usize = 8;

const MAGIC: u32 = u32::from_le_bytes(*b"RLGG");

/// The 64 bytes in front of a group's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct GroupHeader {
    magic: u32,
    /// CRC-32C of the frames, and then of the header from the next field on: the frames are known
    /// first.
    checksum: u32,
    version: u16,
    /// [`Durability`](crate::Durability) that the group was written with: 0 `Sync`, 1 `OsBuffer`.
    pub(crate) durability: u8,
    reserved: u8,
    pub(crate) partition: u32,
    /// The sequence of the first event in it; of the next event where it holds none.
    pub(crate) first_sequence: u64,
    /// The group's own number in its partition: from 1, without gaps.
    pub(crate) group: u64,
    /// The last group known to be synced when this one was written: a witness.
    pub(crate) synced_group: u64,
    salt: u64,
    position: u64,
    /// Bytes of the frames.
    pub(crate) length: u32,
    /// How many of the frames are events, each of which takes a sequence.
    pub(crate) events: u32,
}

const _: () = assert!(size_of::<GroupHeader>() == GROUP_HEADER_BYTES);

/// What a group is stamped with when it is sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupStamp {
    pub(crate) durability: u8,
    pub(crate) partition: u32,
    pub(crate) first_sequence: u64,
    pub(crate) group: u64,
    pub(crate) synced_group: u64,
    pub(crate) salt: u64,
    pub(crate) position: u64,
    pub(crate) events: u32,
}

/// Writes the header in front of `frames_bytes` bytes of frames that already lie in `buffer` and that
/// `checksum` covers, zeroes the padding, and returns how many bytes to write: whole blocks.
pub(crate) fn seal_group(
    buffer: &mut [u8],
    frames_bytes: usize,
    checksum: Checksum,
    stamp: &GroupStamp,
) -> usize {
    let end = GROUP_HEADER_BYTES + frames_bytes;
    let padded = end.next_multiple_of(BLOCK_BYTES);
    buffer[end..padded].fill(0);
    let mut header = GroupHeader {
        magic: MAGIC,
        checksum: 0,
        version: FORMAT_VERSION,
        durability: stamp.durability,
        reserved: 0,
        partition: stamp.partition,
        first_sequence: stamp.first_sequence,
        group: stamp.group,
        synced_group: stamp.synced_group,
        salt: stamp.salt,
        position: stamp.position,
        length: u32::try_from(frames_bytes).expect("a group is at most GROUP_BYTES_MAX long"),
        events: stamp.events,
    };
    header.checksum = with_header(checksum, bytemuck::bytes_of(&header));
    buffer[..GROUP_HEADER_BYTES].copy_from_slice(bytemuck::bytes_of(&header));
    padded
}

/// The checksum of a group whose frames `checksum` covers.
fn with_header(mut checksum: Checksum, header: &[u8]) -> u32 {
    if !is_planted(Canary::ChecksumWithoutHeader) {
        checksum.update(&header[CHECKED_FROM..]);
    }
    checksum.finish()
}

impl GroupHeader {
    /// The header at the start of `bytes`, which lie at `position` of a segment with this salt.
    /// Everything but the checksum has been checked.
    pub(crate) fn read(
        bytes: &[u8],
        partition: u32,
        salt: u64,
        position: u64,
    ) -> Result<Self, Damage> {
        let bytes = bytes.get(..GROUP_HEADER_BYTES).ok_or(Damage::Short)?;
        let header: Self = bytemuck::pod_read_unaligned(bytes);
        if header.magic != MAGIC {
            return Err(Damage::Magic);
        }
        if header.salt != salt && !is_planted(Canary::SaltNotChecked) {
            return Err(Damage::Misplaced("another segment's salt"));
        }
        if header.position != position || header.partition != partition {
            return Err(Damage::Misplaced("another position"));
        }
        if header.length as usize > GROUP_BYTES_MAX - GROUP_HEADER_BYTES {
            return Err(Damage::OutOfRange("group length"));
        }
        let has_next = header
            .first_sequence
            .checked_add(u64::from(header.events) + 1);
        if header.group.wrapping_sub(1) >= u64::MAX - 1
            || header.first_sequence == 0
            || has_next.is_none()
        {
            return Err(Damage::OutOfRange("group or sequence number"));
        }
        Ok(header)
    }

    /// Whether `block` may have been the start of a group of a segment with this salt, whose first
    /// group is `first_group`, whatever happened to it since. In a recycled file nothing else is of
    /// that segment: the groups that the file held before carry another salt and lower numbers.
    pub(crate) fn is_of_segment(block: &[u8], salt: u64, first_group: u64) -> bool {
        let Some(bytes) = block.get(..GROUP_HEADER_BYTES) else {
            return false;
        };
        let header: Self = bytemuck::pod_read_unaligned(bytes);
        let is_newer = header.group >= first_group || is_planted(Canary::SaltNotChecked);
        header.salt == salt || (header.magic == MAGIC && is_newer)
    }

    /// How many bytes the group at the start of `block` claims to take, within the limits.
    pub(crate) fn claimed_bytes(block: &[u8]) -> u64 {
        let length = block.get(..GROUP_HEADER_BYTES).map_or(0, |bytes| {
            bytemuck::pod_read_unaligned::<Self>(bytes).length as usize
        });
        let bytes = length.min(GROUP_BYTES_MAX - GROUP_HEADER_BYTES) + GROUP_HEADER_BYTES;
        bytes.next_multiple_of(BLOCK_BYTES) as u64
    }

    /// The salt that the bytes of a group claim, whatever else is wrong with them.
    pub(crate) fn claimed_salt(bytes: &[u8]) -> Option<u64> {
        let bytes = bytes.get(..GROUP_HEADER_BYTES)?;
        Some(bytemuck::pod_read_unaligned::<Self>(bytes).salt)
    }

    /// Checks the checksum over the whole group, which starts at the start of `bytes`, and returns
    /// its frames.
    pub(crate) fn frames<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Damage> {
        let end = GROUP_HEADER_BYTES + self.length as usize;
        let group = bytes.get(..end).ok_or(Damage::Short)?;
        let (header, frames) = group.split_at(GROUP_HEADER_BYTES);
        let mut checksum = Checksum::new();
        checksum.update(frames);
        if with_header(checksum, header) != self.checksum {
            return Err(Damage::Checksum);
        }
        // Judged last: a flipped bit in the version is damage, not the future.
        if self.version > FORMAT_VERSION {
            return Err(Damage::Version(self.version));
        }
        Ok(frames)
    }

    /// Bytes that the group takes in its segment, padding included.
    pub(crate) fn padded_bytes(&self) -> usize {
        (GROUP_HEADER_BYTES + self.length as usize).next_multiple_of(BLOCK_BYTES)
    }

    /// The sequence of the last event at or before the end of this group.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.events) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let mut buffer = vec![0xab; 2 * BLOCK_BYTES];
        let stamp = GroupStamp {
            durability: 0,
            partition: 3,
            first_sequence: 17,
            group: 5,
            synced_group: 4,
            salt: 99,
            position: 8192,
            events: 2,
        };
        let mut checksum = Checksum::new();
        checksum.update(&buffer[GROUP_HEADER_BYTES..][..500]);
        let bytes = seal_group(&mut buffer, 500, checksum, &stamp);
        buffer.truncate(bytes);
        buffer
    }

    #[test]
    fn a_sealed_group_reads_back_and_is_padded_with_zeros_to_a_block() {
        let bytes = sealed();
        assert_eq!(bytes.len(), BLOCK_BYTES);
        let header = GroupHeader::read(&bytes, 3, 99, 8192).unwrap();
        assert_eq!((header.first_sequence, header.last_sequence()), (17, 18));
        assert_eq!(header.frames(&bytes).unwrap(), &vec![0xab; 500][..]);
        assert!(bytes[564..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn every_bit_flip_before_the_padding_is_detected() {
        let good = sealed();
        for bit in 0..(GROUP_HEADER_BYTES + 500) * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = GroupHeader::read(&bytes, 3, 99, 8192)
                .and_then(|header| header.frames(&bytes).map(<[u8]>::len));
            assert!(read.is_err(), "bit {bit} flipped unseen");
        }
    }

    #[test]
    fn a_group_of_another_place_does_not_pass() {
        let bytes = sealed();
        assert!(GroupHeader::read(&bytes, 3, 98, 8192).is_err());
        assert!(GroupHeader::read(&bytes, 3, 99, 4096).is_err());
        assert!(GroupHeader::read(&bytes, 2, 99, 8192).is_err());
    }
}
