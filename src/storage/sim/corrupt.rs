//! Damage on purpose, and looks at what is there.

use std::path::{Path, PathBuf};

use super::SimDisk;
use super::names::normal;
use crate::sync;

impl SimDisk {
    /// The disk's files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        let files = sync::lock(&self.shared).names.files();
        files.into_iter().map(|(path, _)| path).collect()
    }

    /// A file's bytes as cached reads see them; `None` where there is no such file. No call is
    /// counted.
    #[must_use]
    pub fn cached_bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.with_contents(path.as_ref(), |contents| contents.cached().to_vec())
    }

    /// A file's bytes as the device has them.
    #[must_use]
    pub fn device_bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.with_contents(path.as_ref(), |contents| contents.on_device().to_vec())
    }

    /// Flips one bit of a file, on the device and in the cache; `false` where there is none.
    pub fn flip_bit(&self, path: impl AsRef<Path>, bit: usize) -> bool {
        self.with_contents(path.as_ref(), |contents| {
            let Some(byte) = contents.cached().get(bit / 8) else {
                return false;
            };
            let flipped = [byte ^ (1 << (bit % 8))];
            contents.corrupt(&flipped, bit / 8);
            true
        })
        .unwrap_or_default()
    }

    /// Puts `bytes` into a file, on the device and in the cache, as nobody wrote them: a misdirected
    /// write of somebody else's. The file keeps its length. `false` where there is no such file.
    pub fn overwrite(&self, path: impl AsRef<Path>, position: usize, bytes: &[u8]) -> bool {
        self.with_contents(path.as_ref(), |contents| contents.corrupt(bytes, position))
            .is_some()
    }

    /// Puts back what the file's last write replaced, as if the device had lost it. `false` where
    /// there is no such file.
    pub fn revert_last_write(&self, path: impl AsRef<Path>) -> bool {
        self.with_contents(path.as_ref(), super::contents::Contents::revert_last_write)
            .is_some()
    }

    fn with_contents<R>(
        &self,
        path: &Path,
        look: impl FnOnce(&mut super::contents::Contents) -> R,
    ) -> Option<R> {
        let mut machine = sync::lock(&self.shared);
        let file = machine.names.file(&normal(path)).ok()?;
        Some(look(&mut machine.file(file).ok()?.contents))
    }
}
