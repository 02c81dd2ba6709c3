//! Makes checksums good after a change, by `docs/format.md`: without it a fuzzer would never get
//! behind them.

use std::ops::Range;

const BLOCK_BYTES: usize = 4096;
const GROUP_HEADER_BYTES: usize = 64;
const SNAPSHOT_HEADER_BYTES: usize = 136;

/// Makes the checksums of the file `name` good.
pub fn reseal(name: &str, bytes: &mut Vec<u8>) {
    let length = bytes.len();
    if name.ends_with(".seg") {
        seal(bytes, 12..80, 8);
        let mut start = BLOCK_BYTES;
        while bytes.get(start..start + 4) == Some(b"RLGG") {
            start = seal_group(bytes, start);
        }
    } else if name.ends_with(".snap") {
        if length >= SNAPSHOT_HEADER_BYTES {
            seal(bytes, SNAPSHOT_HEADER_BYTES..length, 128);
        }
        seal(bytes, 12..SNAPSHOT_HEADER_BYTES, 8);
    } else if name.ends_with(".cursor") {
        seal(bytes, 12..length, 8);
    } else if name == "control" {
        seal(bytes, 8..32, 4);
    } else if name == "journal.meta" {
        let marker = b"checksum ";
        let found = bytes
            .windows(marker.len())
            .rposition(|window| window == marker);
        if let Some(end) = found {
            bytes.truncate(end);
            let sum = crc_fast::crc32_iscsi(bytes);
            bytes.extend_from_slice(format!("checksum {sum:08x}\n").as_bytes());
        }
    }
}

/// Makes the checksum of the group at `start` good; returns where the next one may start.
pub fn seal_group(bytes: &mut [u8], start: usize) -> usize {
    let length = bytes
        .get(start + 56..start + 60)
        .and_then(|length| length.try_into().ok())
        .map_or(0, u32::from_le_bytes) as usize;
    let end = (start + GROUP_HEADER_BYTES).saturating_add(length);
    if let Some(group) = bytes.get(start..end) {
        let (header, frames) = group.split_at(GROUP_HEADER_BYTES);
        let covered = [frames, &header[8..]].concat();
        let sum = crc_fast::crc32_iscsi(&covered).to_le_bytes();
        bytes[start + 4..start + 8].copy_from_slice(&sum);
    }
    end.min(bytes.len()).next_multiple_of(BLOCK_BYTES)
}

/// Puts the checksum of `range` at `at`, where the bytes are long enough for both.
fn seal(bytes: &mut [u8], range: Range<usize>, at: usize) {
    let Some(covered) = bytes.get(range) else {
        return;
    };
    let sum = crc_fast::crc32_iscsi(covered).to_le_bytes();
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&sum);
    }
}
