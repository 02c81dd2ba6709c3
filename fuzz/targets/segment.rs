//! A segment file of any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringlog_fuzz::{Journal, ask, write_seeds};

fuzz_target!(
    init: write_seeds(Journal::get().files.iter().filter_map(|(path, bytes)| {
        path.to_string_lossy().ends_with(".seg").then(|| bytes.clone())
    })),
    |data: &[u8]| {
        let journal = Journal::get();
        ask(&journal.with(&journal.file(".seg").0, data));
    }
);
