//! Changes to any file of a journal, with every checksum made good again.
//!
//! A change is four bytes and some more: which file, how many bytes, where (two bytes), and the bytes.
//! A change of no bytes cuts the file there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringlog_fuzz::{Journal, ask, reseal, write_seeds};

/// One change in the header of each file and of the first group.
fn seeds() -> Vec<Vec<u8>> {
    let files = Journal::get().files.iter().zip(0u8..);
    files
        .flat_map(|((_, bytes), index)| {
            [12usize, 40, 56, 4096 + 24, 4096 + 56, 4096 + 64]
                .into_iter()
                .filter(move |at| at + 8 <= bytes.len())
                .map(move |at| {
                    let mut seed = vec![index, 8];
                    seed.extend_from_slice(&u16::try_from(at).unwrap().to_le_bytes());
                    seed.extend_from_slice(&bytes[at..at + 8]);
                    seed
                })
        })
        .collect()
}

fuzz_target!(
    init: write_seeds(seeds()),
    |data: &[u8]| {
        let journal = Journal::get();
        let mut files: Vec<_> = journal.files.iter().map(|(_, bytes)| bytes.clone()).collect();
        let mut is_changed = vec![false; files.len()];
        let mut rest = data;
        while let [index, length, low, high, more @ ..] = rest {
            let index = usize::from(*index) % files.len();
            let bytes = &mut files[index];
            let at = usize::from(u16::from_le_bytes([*low, *high]));
            let length = usize::from(*length).min(more.len());
            let (patch, left) = more.split_at(length);
            rest = left;
            is_changed[index] = true;
            if length == 0 {
                bytes.truncate(at);
            } else if let Some(target) = bytes.get_mut(at..at + length) {
                target.copy_from_slice(patch);
            }
        }
        let disk = journal.disk.fork();
        for (((path, _), mut bytes), is_changed) in journal.files.iter().zip(files).zip(is_changed) {
            if is_changed {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                reseal(&name, &mut bytes);
                ringlog_fuzz::replace(&disk, path, &bytes);
            }
        }
        ask(&disk);
    }
);
