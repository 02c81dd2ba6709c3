//! The bytes of one simulated file: as cached reads see them, and as the device has them.

use std::collections::{BTreeMap, BTreeSet};

use super::SyncFailure;
use super::random::Random;
use crate::sync::Arc;

pub(super) const SECTOR_BYTES: usize = 512;
/// Versions of one sector that a power cut chooses from. A file that is overwritten for ever without
/// a sync forgets some older ones.
const VERSIONS_MAX: usize = 32;

type Sector = [u8; SECTOR_BYTES];

#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    cache: Arc<Vec<u8>>,
    device: Arc<Vec<u8>>,
    /// What each sector was since it was last durable, oldest first.
    dirty: BTreeMap<usize, Vec<Arc<Sector>>>,
    /// Sectors that a failed sync marked clean although the device lacks them.
    lost: BTreeSet<usize>,
    /// The lengths that the file had since its length was last durable.
    lengths: Vec<usize>,
    /// What the last write replaced.
    replaced: (usize, Vec<u8>),
}

/// What a power cut does with the sectors and lengths that are not durable.
pub(super) trait Survival {
    /// Which of `versions` a sector or a length has; 0 is the durable one.
    fn version(&mut self, versions: usize) -> usize;

    /// How many bytes of that version were written over the one before.
    fn written(&mut self) -> usize {
        SECTOR_BYTES
    }
}

impl Contents {
    pub(super) fn len(&self) -> usize {
        self.cache.len()
    }

    pub(super) fn cached(&self) -> &[u8] {
        &self.cache
    }

    pub(super) fn on_device(&self) -> &[u8] {
        &self.device
    }

    /// Reads what is there of `position..`; returns how much.
    pub(super) fn read(&self, bytes: &mut [u8], position: usize, uncached: bool) -> usize {
        let source = self.cache.get(position..).unwrap_or_default();
        let read = source.len().min(bytes.len());
        bytes[..read].copy_from_slice(&source[..read]);
        if uncached {
            for sector in &self.lost {
                let start = (sector * SECTOR_BYTES).max(position);
                let end = ((sector + 1) * SECTOR_BYTES).min(position + read);
                for at in start..end {
                    bytes[at - position] = self.device.get(at).copied().unwrap_or(0);
                }
            }
        }
        read
    }

    /// Shows what the last write replaced, where that is within `bytes`.
    pub(super) fn read_stale(&self, bytes: &mut [u8], position: usize) {
        let (start, replaced) = &self.replaced;
        for (offset, byte) in replaced.iter().enumerate() {
            if let Some(target) = (start + offset)
                .checked_sub(position)
                .and_then(|index| bytes.get_mut(index))
            {
                *target = *byte;
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8], position: usize) {
        if bytes.is_empty() {
            return;
        }
        self.store(bytes, position);
        for sector in sectors(position, bytes.len()) {
            self.make_dirty(sector);
        }
    }

    /// As [`write`](Self::write), durable on return: the bytes, and the length to find them.
    pub(super) fn write_durable(&mut self, bytes: &[u8], position: usize) {
        if bytes.is_empty() {
            return;
        }
        self.store(bytes, position);
        let length = self.cache.len();
        let device = Arc::make_mut(&mut self.device);
        device.resize(length, 0);
        let touched = sectors(position, bytes.len());
        let (start, end) = (
            touched.start * SECTOR_BYTES,
            (touched.end * SECTOR_BYTES).min(length),
        );
        device[start..end].copy_from_slice(&self.cache[start..end]);
        if !(self.dirty.is_empty() && self.lost.is_empty()) {
            for sector in touched {
                self.dirty.remove(&sector);
                self.lost.remove(&sector);
            }
        }
        self.lengths.clear();
    }

    fn store(&mut self, bytes: &[u8], position: usize) {
        let end = position + bytes.len();
        let kept = self.cache.get(position..).unwrap_or_default();
        self.replaced = (position, kept[..kept.len().min(bytes.len())].to_vec());
        if end > self.cache.len() {
            self.lengths.push(end);
        }
        let cache = Arc::make_mut(&mut self.cache);
        if end > cache.len() {
            cache.resize(end, 0);
        }
        cache[position..end].copy_from_slice(bytes);
    }

    fn make_dirty(&mut self, sector: usize) {
        let mut version = [0; SECTOR_BYTES];
        let bytes = self.cache.get(sector * SECTOR_BYTES..).unwrap_or_default();
        let length = bytes.len().min(SECTOR_BYTES);
        version[..length].copy_from_slice(&bytes[..length]);
        self.lost.remove(&sector);
        if !self.dirty.contains_key(&sector) && self.device_has(sector, &version) {
            // Whether such a write survives makes no difference.
            return;
        }
        let versions = self.dirty.entry(sector).or_default();
        if versions.len() == VERSIONS_MAX {
            versions.remove(VERSIONS_MAX / 2);
        }
        versions.push(Arc::new(version));
    }

    /// Whether the device has these bytes there, or nothing, which reads as zeros.
    fn device_has(&self, sector: usize, version: &Sector) -> bool {
        let bytes = self.device.get(sector * SECTOR_BYTES..).unwrap_or_default();
        let (same, rest) = version.split_at(bytes.len().min(SECTOR_BYTES));
        bytes.starts_with(same) && rest.iter().all(|byte| *byte == 0)
    }

    pub(super) fn set_len(&mut self, length: usize) {
        if length == self.cache.len() {
            return;
        }
        let cut = self.cache.get(length..).unwrap_or_default();
        let nonzero: BTreeSet<usize> = cut
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte != 0)
            .map(|(offset, _)| (length + offset) / SECTOR_BYTES)
            .collect();
        Arc::make_mut(&mut self.cache).resize(length, 0);
        self.lengths.push(length);
        // Extended again, these sectors are zeros.
        for sector in nonzero {
            self.make_dirty(sector);
        }
    }

    pub(super) fn sync(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        self.write_back(dirty.into_keys());
        self.sync_length();
    }

    fn sync_length(&mut self) {
        self.lengths.clear();
        if self.device.len() != self.cache.len() {
            Arc::make_mut(&mut self.device).resize(self.cache.len(), 0);
        }
    }

    fn write_back(&mut self, sectors: impl Iterator<Item = usize>) {
        for sector in sectors {
            let start = sector * SECTOR_BYTES;
            let bytes = self.cache.get(start..).unwrap_or_default();
            let bytes = &bytes[..bytes.len().min(SECTOR_BYTES)];
            let device = Arc::make_mut(&mut self.device);
            if device.len() < start + bytes.len() {
                device.resize(start + bytes.len(), 0);
            }
            device[start..start + bytes.len()].copy_from_slice(bytes);
        }
    }

    pub(super) fn fail_sync(&mut self, failure: SyncFailure, random: &mut Random) {
        match failure {
            SyncFailure::KeepsDirty => {}
            SyncFailure::MarksClean | SyncFailure::MarksSomeClean => {
                let (written, lost): (Vec<_>, Vec<_>) = std::mem::take(&mut self.dirty)
                    .into_keys()
                    .partition(|_| failure == SyncFailure::MarksSomeClean && random.coin());
                self.write_back(written.into_iter());
                self.lost.extend(lost);
                // Metadata goes through the file system's own journal, and another call's sync may
                // have written it.
                if random.coin() {
                    self.sync_length();
                }
            }
            SyncFailure::RevertsCache => {
                self.dirty.clear();
                self.lost.clear();
                self.lengths.clear();
                self.cache = Arc::clone(&self.device);
            }
        }
    }

    /// Lets clean pages go: what a failed sync marked clean is read from the device again.
    pub(super) fn drop_cache(&mut self) {
        for sector in std::mem::take(&mut self.lost) {
            let start = sector * SECTOR_BYTES;
            let cache = Arc::make_mut(&mut self.cache);
            let bytes = cache.iter_mut().enumerate().skip(start);
            for (at, byte) in bytes.take(SECTOR_BYTES) {
                *byte = self.device.get(at).copied().unwrap_or(0);
            }
        }
    }

    /// How many versions each sector, and the length, may have after a power cut.
    pub(super) fn unsynced(&self) -> impl Iterator<Item = usize> {
        self.dirty
            .values()
            .map(|versions| versions.len() + 1)
            .chain((!self.lengths.is_empty()).then(|| self.lengths.len() + 1))
    }

    /// The file as the next boot finds it.
    pub(super) fn cut(&mut self, survival: &mut impl Survival) {
        let device = Arc::make_mut(&mut self.device);
        let length = device.len();
        for (sector, versions) in std::mem::take(&mut self.dirty) {
            let version = survival.version(versions.len() + 1);
            let (start, end) = (sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
            if version == 0 {
                continue;
            }
            if device.len() < end {
                device.resize(end, 0);
            }
            let written = survival.written();
            if version > 1 && written < SECTOR_BYTES {
                device[start..end].copy_from_slice(&versions[version - 2][..]);
            }
            device[start..start + written].copy_from_slice(&versions[version - 1][..written]);
        }
        let lengths = std::mem::take(&mut self.lengths);
        let chosen = match lengths.is_empty() {
            true => 0,
            false => survival.version(lengths.len() + 1),
        };
        let length = chosen
            .checked_sub(1)
            .map_or(length, |chosen| lengths[chosen]);
        device.resize(length, 0);
        self.lost.clear();
        self.replaced = (0, Vec::new());
        self.cache = Arc::clone(&self.device);
    }

    /// Puts `bytes` there, on the device and in the cache, as nobody wrote them.
    pub(super) fn corrupt(&mut self, bytes: &[u8], position: usize) {
        for side in [&mut self.cache, &mut self.device] {
            let end = (position + bytes.len()).min(side.len());
            if position < end {
                Arc::make_mut(side)[position..end].copy_from_slice(&bytes[..end - position]);
            }
        }
    }

    /// Puts back what the last write replaced.
    pub(super) fn revert_last_write(&mut self) {
        let (position, replaced) = self.replaced.clone();
        self.corrupt(&replaced, position);
    }
}

fn sectors(position: usize, bytes: usize) -> std::ops::Range<usize> {
    position / SECTOR_BYTES..(position + bytes).div_ceil(SECTOR_BYTES)
}
