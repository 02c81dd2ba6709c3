//! The metadata, the control word or a cursor's mark, of any bytes. The first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringlog_fuzz::{Journal, ask, reseal, write_seeds};

const FILES: [&str; 3] = ["journal.meta", "control", "audit.cursor"];

fuzz_target!(
    init: write_seeds(FILES.iter().zip(0u8..).map(|(name, index)| {
        let mut seed = vec![index];
        seed.extend_from_slice(&Journal::get().file(name).1);
        seed
    })),
    |data: &[u8]| {
        let Some((which, bytes)) = data.split_first() else {
            return;
        };
        let journal = Journal::get();
        let which = usize::from(*which);
        let name = FILES[which % FILES.len()];
        let mut bytes = bytes.to_vec();
        // Half of them with a good checksum.
        if which / FILES.len() % 2 == 1 {
            reseal(name, &mut bytes);
        }
        ask(&journal.with(&journal.file(name).0, &bytes));
    }
);
