//! Reading a file ahead of whoever works on it: while one chunk is worked on, the next is read.

use std::io;

use crate::callback::{contain, panic_message};
use crate::idle::Signal;
use crate::storage::{AlignedBuffer, StorageFile};
use crate::sync::{Arc, ArrayQueue, AtomicBool, JoinHandle, Ordering, spawn_named};

/// How much is read at once: enough for the disk to be the limit.
#[cfg(not(loom))]
pub(super) const CHUNK_BYTES: usize = 1024 * 1024;
/// A block, so that loom sees a reader come back to its file.
#[cfg(loom)]
pub(super) const CHUNK_BYTES: usize = crate::storage::BLOCK_BYTES;
/// Room in front of a chunk, for the end of the one before it: what begins there goes on here.
pub(super) const LEAD_BYTES: usize = CHUNK_BYTES;
/// One being read and one waiting; the third is with whoever works on it.
const BUFFERS: usize = 2;

/// A file's bytes from a position on, chunk by chunk.
#[derive(Debug)]
pub(super) struct ReadAhead {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// The next [`CHUNK_BYTES`] of the file; fewer only where it ends.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The chunk begins [`LEAD_BYTES`] into it.
    pub(super) buffer: AlignedBuffer,
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Shared {
    full: ArrayQueue<io::Result<Chunk>>,
    empty: ArrayQueue<AlignedBuffer>,
    /// Wakes the reading thread.
    work: Signal,
    /// Wakes whoever waits for a chunk.
    ready: Signal,
    /// Nobody wants chunks any more.
    is_left: AtomicBool,
    /// No chunk will follow those in `full`.
    is_over: AtomicBool,
}

impl ReadAhead {
    /// Starts to read `file` from `position` on.
    ///
    /// # Errors
    ///
    /// When the operating system refuses another thread.
    pub(super) fn start(file: Arc<dyn StorageFile>, position: u64) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            full: ArrayQueue::new(BUFFERS + 1),
            empty: ArrayQueue::new(BUFFERS + 1),
            work: Signal::new(),
            ready: Signal::new(),
            is_left: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        for _ in 0..BUFFERS {
            let _ = shared.empty.push(new_buffer());
        }
        let reading = Arc::clone(&shared);
        let thread = spawn_named("ringlog-read".into(), move || {
            if let Err(payload) = contain(|| reading.read_all(&*file, position)) {
                let message = panic_message(&*payload);
                reading.give(Err(io::Error::other(message)));
            }
            // ORDERING: release: the chunks given before are seen by whoever sees the end.
            reading.is_over.store(true, Ordering::Release);
            reading.ready.notify();
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The next chunk; `None` behind the one that reached the file's end, or an error.
    ///
    /// # Errors
    ///
    /// The file's.
    pub(super) fn next(&self) -> io::Result<Option<Chunk>> {
        let shared = &self.shared;
        let mut next = None;
        shared.ready.wait_until(|| {
            // ORDERING: acquire pairs with the release in `start`; the end is looked at first, so
            // that a queue seen empty afterwards stays empty.
            let is_over = shared.is_over.load(Ordering::Acquire);
            if next.is_none() {
                next = shared.full.pop();
            }
            next.is_some() || is_over
        });
        next.transpose()
    }

    /// Gives a buffer back, to be read into.
    pub(super) fn give_back(&self, buffer: AlignedBuffer) {
        // One too many is dropped.
        let _ = self.shared.empty.push(buffer);
        self.shared.work.notify();
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        // ORDERING: relaxed: nothing else is published with it, and the notify orders it.
        self.shared.is_left.store(true, Ordering::Relaxed);
        self.shared.work.notify();
        if let Some(thread) = self.thread.take() {
            // It contains its panics.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn read_all(&self, file: &dyn StorageFile, mut position: u64) {
        loop {
            let mut empty = None;
            let mut is_left = false;
            self.work.wait_until(|| {
                // ORDERING: relaxed: it only ends the reading.
                is_left = self.is_left.load(Ordering::Relaxed);
                if empty.is_none() {
                    empty = self.empty.pop();
                }
                is_left || empty.is_some()
            });
            let Some(mut buffer) = empty.filter(|_| !is_left) else {
                return;
            };
            let target = &mut buffer[LEAD_BYTES..LEAD_BYTES + CHUNK_BYTES];
            let read = file.read_at(target, position);
            let is_last = !matches!(read, Ok(CHUNK_BYTES));
            self.give(read.map(|bytes| Chunk { buffer, bytes }));
            if is_last {
                return;
            }
            position += CHUNK_BYTES as u64;
        }
    }

    fn give(&self, chunk: io::Result<Chunk>) {
        // There are no more chunks than buffers, and an error is the last.
        let _ = self.full.push(chunk);
        self.ready.notify();
    }
}

/// A buffer that a chunk and what leads up to it fit into.
pub(super) fn new_buffer() -> AlignedBuffer {
    AlignedBuffer::zeroed(LEAD_BYTES + CHUNK_BYTES)
}
