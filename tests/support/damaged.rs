//! Journals of several segments, and ways to damage them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "each test file uses its own part; the doors are the library's"
)]

use std::fs;
use std::path::{Path, PathBuf};

use ringlog::journal::{Gap, JournalReader};

use crate::support::{added, open, segments};

/// The unit of the journal's writes.
pub const BLOCK: usize = 4096;
/// Events in each segment of [`journal`], each in a group and a block of its own.
pub const EVENTS_PER_SEGMENT: u64 = 10;

/// A journal of one partition with `openings` segments: in each the header's block, one block per
/// event, and the block of the closing witness. Closed cleanly.
pub fn journal(directory: &Path, openings: u64) -> Vec<PathBuf> {
    for opening in 0..openings {
        let pipeline = open(directory, 1);
        let publisher = pipeline.publisher();
        for event in 1..=EVENTS_PER_SEGMENT {
            let amount = opening * EVENTS_PER_SEGMENT + event;
            let receipt = publisher.publish(&added(1, amount)).unwrap();
            receipt.wait().unwrap();
        }
        pipeline.close().unwrap();
    }
    let found = segments(directory);
    assert_eq!(found.len() as u64, openings);
    found
}

pub fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Flips a bit in the block of the `event`-th event of a segment, counted from 1.
pub fn flip(segment: &Path, event: usize) {
    edit(segment, |bytes| bytes[event * BLOCK + 100] ^= 4);
}

pub fn zero(segment: &Path, blocks: std::ops::Range<usize>) {
    edit(segment, |bytes| {
        bytes[blocks.start * BLOCK..blocks.end * BLOCK].fill(0);
    });
}

pub fn forget_control_word(directory: &Path) {
    fs::remove_file(directory.join("partition-0000/control")).unwrap();
}

/// What a plain cursor reads, and whether it ended with corruption.
pub fn readable(directory: &Path) -> (Vec<u64>, bool) {
    let reader = JournalReader::open(directory).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let mut sequences = Vec::new();
    loop {
        match cursor.next_event() {
            Ok(Some(event)) => sequences.push(event.meta.sequence),
            Ok(None) => return (sequences, false),
            Err(error) => {
                assert!(error.is_corruption(), "{error}");
                return (sequences, true);
            }
        }
    }
}

/// What salvage reads, and the gaps between.
pub fn salvaged(directory: &Path) -> (Vec<u64>, Vec<Gap>) {
    let reader = JournalReader::open(directory).unwrap();
    let mut cursor = reader.cursor(0).unwrap();
    let (mut sequences, mut gaps) = (Vec::new(), Vec::new());
    loop {
        match cursor.next_event() {
            Ok(Some(event)) => sequences.push(event.meta.sequence),
            Ok(None) => return (sequences, gaps),
            Err(error) => {
                assert!(error.is_corruption(), "{error}");
                gaps.extend(cursor.skip_damage().unwrap());
            }
        }
    }
}
