//! Prepares segments ahead of the writers: files written with zeros once, off the hot path.
//!
//! Overwriting a block that was written before needs no file system metadata: it is about twice as
//! fast as appending. A preparer that falls behind, or whose disk is full, costs nothing but that:
//! the writer then appends.

use std::io;
use std::path::{Path, PathBuf};

use super::directory::TEMPORARY_SUFFIX;
use crate::canary::{Canary, is_planted};
use crate::idle::Signal;
use crate::storage::{AlignedBuffer, OpenMode, Storage, StorageFile};
use crate::sync::{self, Arc, AtomicBool, Mutex, Ordering};

/// How much is zeroed with one write: small, so that a journal write beside it does not wait long.
const CHUNK_BYTES: usize = 512 * 1024;

/// A file under a temporary name whose blocks were all written once, ready to become a segment.
#[derive(Debug)]
pub(crate) struct PreparedFile {
    pub(crate) file: Box<dyn StorageFile>,
    pub(crate) path: PathBuf,
    pub(crate) capacity: u64,
    /// Whether it held a segment before: it then holds stale groups instead of zeros, and is locked
    /// until it is a segment again.
    pub(crate) is_recycled: bool,
}

/// Retired segments that are kept per partition to be used again: as many as a snapshot with default
/// settings retires at once.
const RECYCLED_MAX: usize = 16;

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Empty,
    Wanted(u64),
    Ready(PreparedFile),
}

/// The preparer of all partitions of one journal, and the thread that does its work.
#[derive(Debug)]
pub(crate) struct Preparer {
    storage: Arc<dyn Storage>,
    partition_dirs: Vec<PathBuf>,
    slots: Vec<Mutex<Slot>>,
    recycled: Vec<Mutex<Vec<PreparedFile>>>,
    /// The size of the segments that are used again; 0 for none.
    recycled_bytes: u64,
    wanted: Signal,
    stopped: AtomicBool,
}

impl Preparer {
    /// A preparer for the partitions with these folders. Retired segments of `recycled_bytes` bytes
    /// are used again; 0 where the writers ask for no prepared segments.
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        partition_dirs: Vec<PathBuf>,
        recycled_bytes: u64,
    ) -> Self {
        let slots = partition_dirs.iter().map(|_| Mutex::default()).collect();
        let recycled = partition_dirs.iter().map(|_| Mutex::default()).collect();
        Self {
            storage,
            partition_dirs,
            slots,
            recycled,
            recycled_bytes,
            wanted: Signal::new(),
            stopped: AtomicBool::new(false),
        }
    }

    /// Asks for a segment of `capacity` bytes for `partition`, unless one is there already.
    pub(crate) fn request(&self, partition: u32, capacity: u64) {
        if let Some(slot) = self.slots.get(partition as usize) {
            let mut slot = sync::lock(slot);
            if !matches!(*slot, Slot::Ready(_)) {
                *slot = Slot::Wanted(capacity);
            }
        }
        self.wanted.notify();
    }

    /// The prepared segment of `partition`, if it is ready.
    pub(crate) fn take(&self, partition: u32) -> Option<PreparedFile> {
        let mut slot = sync::lock(self.slots.get(partition as usize)?);
        match std::mem::take(&mut *slot) {
            Slot::Ready(prepared) => Some(prepared),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// Whether a retired segment of `partition` would be used again.
    pub(crate) fn recycles(&self, partition: u32) -> bool {
        let pool = self.recycled.get(partition as usize);
        self.recycled_bytes > 0 && pool.is_some_and(|pool| sync::lock(pool).len() < RECYCLED_MAX)
    }

    /// The size of the segments that are used again.
    pub(crate) fn recycled_bytes(&self) -> u64 {
        self.recycled_bytes
    }

    /// Takes a retired segment, renamed, to be used again.
    pub(crate) fn donate(&self, partition: u32, file: PreparedFile) {
        if let Some(pool) = self.recycled.get(partition as usize) {
            sync::lock(pool).push(file);
        }
    }

    /// Ends [`run`](Self::run).
    pub(crate) fn stop(&self) {
        // ORDERING: release pairs with the acquire in `is_stopped`; it carries nothing else.
        self.stopped.store(true, Ordering::Release);
        if !is_planted(Canary::PreparerStoppedSilently) {
            self.wanted.notify();
        }
    }

    fn is_stopped(&self) -> bool {
        // ORDERING: acquire pairs with the release in `stop`.
        self.stopped.load(Ordering::Acquire)
    }

    /// The preparing thread: works until stopped, then removes what was not used.
    pub(crate) fn run(&self) {
        loop {
            self.wanted
                .wait_until(|| self.is_stopped() || self.next_wanted().is_some());
            if self.is_stopped() {
                break;
            }
            self.step();
        }
        self.remove_unused();
    }

    /// Prepares one segment that is wanted; `false` when none is.
    pub(crate) fn step(&self) -> bool {
        let Some((partition, capacity)) = self.next_wanted() else {
            return false;
        };
        let prepared = self.prepare(partition, capacity);
        if let Some(slot) = self.slots.get(partition) {
            *sync::lock(slot) = match prepared {
                Ok(Some(prepared)) => Slot::Ready(prepared),
                Ok(None) => Slot::Empty,
                Err(error) => {
                    tracing::warn!(partition, %error, "cannot prepare a segment; appending instead");
                    Slot::Empty
                }
            };
        }
        true
    }

    /// Removes what no writer took.
    pub(crate) fn remove_unused(&self) {
        for slot in &self.slots {
            if let Slot::Ready(prepared) = std::mem::take(&mut *sync::lock(slot)) {
                self.remove(&prepared);
            }
        }
        for pool in &self.recycled {
            for recycled in std::mem::take(&mut *sync::lock(pool)) {
                self.remove(&recycled);
            }
        }
    }

    /// A file that was not used. The next opening would remove it, too.
    fn remove(&self, unused: &PreparedFile) {
        if let Err(error) = self.storage.remove(&unused.path) {
            tracing::warn!(path = %unused.path.display(), %error, "cannot remove");
        }
    }

    fn next_wanted(&self) -> Option<(usize, u64)> {
        self.slots
            .iter()
            .enumerate()
            .find_map(|(partition, slot)| match *sync::lock(slot) {
                Slot::Wanted(capacity) => Some((partition, capacity)),
                _ => None,
            })
    }

    /// A recycled or a zeroed file, or `None` when stopped on the way.
    fn prepare(&self, partition: usize, capacity: u64) -> io::Result<Option<PreparedFile>> {
        if let Some(pool) = self.recycled.get(partition)
            && let Some(recycled) = take_fitting(&mut sync::lock(pool), capacity)
        {
            return Ok(Some(recycled));
        }
        let Some(directory) = self.partition_dirs.get(partition) else {
            return Ok(None);
        };
        let path = directory.join(format!("prepared{TEMPORARY_SUFFIX}"));
        let file = self.storage.open(&path, OpenMode::WriteDurable)?;
        let zeroed = zero_range(&*file, 0, capacity, || self.is_stopped());
        if let Ok(true) = zeroed {
            return Ok(Some(PreparedFile {
                file,
                path,
                capacity,
                is_recycled: false,
            }));
        }
        drop(file);
        self.storage.remove(&path)?;
        zeroed.map(|_| None)
    }
}

fn take_fitting(pool: &mut Vec<PreparedFile>, capacity: u64) -> Option<PreparedFile> {
    let index = pool.iter().position(|file| file.capacity >= capacity)?;
    Some(pool.swap_remove(index))
}

/// Writes zeros from `from` to `to`; `false` when `stop` said so on the way.
pub(crate) fn zero_range(
    file: &dyn StorageFile,
    from: u64,
    to: u64,
    stop: impl Fn() -> bool,
) -> io::Result<bool> {
    let range = usize::try_from(to.saturating_sub(from)).unwrap_or(CHUNK_BYTES);
    let zeros = AlignedBuffer::zeroed(range.min(CHUNK_BYTES));
    let mut position = from;
    while position < to {
        if stop() {
            return Ok(false);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most a chunk")]
        let bytes = (to - position).min(CHUNK_BYTES as u64) as usize;
        file.write_at(&zeros[..bytes], position)?;
        position += bytes as u64;
    }
    Ok(true)
}

/// Removes what an earlier process prepared or left half-written.
pub(crate) fn remove_temporaries(storage: &dyn Storage, directory: &Path) -> io::Result<()> {
    for name in storage.list(directory)? {
        // A cursor's mark in the making is another process's, which needs no lock for it.
        if name.ends_with(TEMPORARY_SUFFIX) && !name.contains(".cursor") {
            storage.remove(&directory.join(name))?;
        }
    }
    Ok(())
}
