//! Frames of any bytes in a group whose checksum is good.
//!
//! The first byte says how many events the group claims to hold; the rest are its frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringlog_fuzz::{Journal, ask, seal_group, write_seeds};

const GROUP: usize = 4096;
const FRAMES: usize = GROUP + 64;

/// The frames of the last segment's first group.
fn seed() -> Vec<u8> {
    let (_, segment) = Journal::get().file(".seg");
    let length = u32::from_le_bytes(segment[GROUP + 56..GROUP + 60].try_into().unwrap()) as usize;
    let mut seed = vec![segment[GROUP + 60]];
    seed.extend_from_slice(&segment[FRAMES..FRAMES + length]);
    seed
}

fuzz_target!(
    init: write_seeds([seed()]),
    |data: &[u8]| {
        let Some((events, frames)) = data.split_first() else {
            return;
        };
        let journal = Journal::get();
        let (path, segment) = journal.file(".seg");
        let mut bytes = segment[..FRAMES].to_vec();
        bytes.extend_from_slice(frames);
        let length = u32::try_from(frames.len()).unwrap_or(u32::MAX);
        bytes[GROUP + 56..GROUP + 60].copy_from_slice(&length.to_le_bytes());
        bytes[GROUP + 60..GROUP + 64].copy_from_slice(&u32::from(*events).to_le_bytes());
        seal_group(&mut bytes, GROUP);
        ask(&journal.with(path, &bytes));
    }
);
