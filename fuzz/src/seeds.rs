//! The first corpus of a target, written by the target itself.

use std::path::Path;

/// Writes `seeds` into the directory that `FUZZ_SEEDS` names, if it does.
///
/// # Panics
///
/// When they cannot be written.
pub fn write_seeds(seeds: impl IntoIterator<Item = Vec<u8>>) {
    let Some(directory) = std::env::var_os("FUZZ_SEEDS") else {
        return;
    };
    for (number, seed) in seeds.into_iter().enumerate() {
        let path = Path::new(&directory).join(format!("seed-{number:02}"));
        std::fs::write(path, seed).expect("the seeds can be written");
    }
}
