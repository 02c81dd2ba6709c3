//! The marks of a publishing thread: all of it follows from thread and source number.

use crate::random::Random;
use crate::tally::{Marked, TallyEvent};

/// Keys of each thread.
const KEYS: u64 = 5;
/// Threads are told apart in a key by this factor.
const KEYS_APART: u64 = 100;
const PAYLOAD_BYTES_MAX: u64 = 4096;

/// The keys of `thread`.
pub(crate) fn keys(thread: u64) -> impl Iterator<Item = u64> {
    (0..KEYS).map(move |index| thread * KEYS_APART + index)
}

/// Whether a thread below `threads` has this key.
pub(crate) fn is_key(key: u64, threads: u64) -> bool {
    key / KEYS_APART < threads && key % KEYS_APART < KEYS
}

/// Key and number of the mark that `thread` publishes under `source_number`, from 1 on. The numbers
/// of each key count from 1, too.
pub(crate) fn mark_of(thread: u64, source_number: u64) -> (u64, u64) {
    let index = source_number - 1;
    (thread * KEYS_APART + index % KEYS, index / KEYS + 1)
}

/// The source number of a mark.
pub(crate) fn source_number_of(key: u64, number: u64) -> u64 {
    (number - 1) * KEYS + key % KEYS_APART + 1
}

/// The event of a mark.
pub(crate) fn event_of(thread: u64, source_number: u64) -> TallyEvent {
    let (key, number) = mark_of(thread, source_number);
    Marked {
        key,
        number,
        payload: payload_of(key, number),
    }
    .into()
}

/// The payload of a mark: one in eight has none, the others up to some KiB.
pub(crate) fn payload_of(key: u64, number: u64) -> Vec<u8> {
    let mut random = Random::new(key.wrapping_mul(0x9e37_79b9).wrapping_add(number));
    let length = match random.below(8) {
        0 => 0,
        1..=4 => random.below(256),
        _ => random.below(PAYLOAD_BYTES_MAX),
    };
    let mut payload = Vec::with_capacity(PAYLOAD_BYTES_MAX as usize);
    while (payload.len() as u64) < length {
        payload.extend_from_slice(&random.number().to_le_bytes());
    }
    payload.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_gives_its_source_number_back() {
        for thread in 0..3 {
            for source_number in 1..100 {
                let (key, number) = mark_of(thread, source_number);
                assert_eq!(source_number_of(key, number), source_number);
                assert!(is_key(key, thread + 1) && !is_key(key, thread));
                assert!(keys(thread).any(|own| own == key));
            }
        }
    }
}
