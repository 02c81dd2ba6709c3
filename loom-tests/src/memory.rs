//! A file system in memory for the models: each call is one step of the exploration, and a write of a
//! block or more is several, so that a reader beside it meets half of it, or all of it before it is
//! synced.
//!
//! It has what the journal's threads tell each other through files: names, bytes and advisory locks.
//! What a power cut leaves is the rigs' business; here it is enough to know up to which event
//! everything was synced. What a model does before [`Memory::start`] costs no steps: loom takes
//! time for each in every execution.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use loom::sync::Mutex;
use ringlog::internal::BLOCK_BYTES;
use ringlog::storage::{OpenMode, Storage, StorageFile};

/// A file system; clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Disk>);

#[derive(Debug, Default)]
struct Disk {
    /// Made before there are threads.
    directories: std::sync::Mutex<BTreeMap<PathBuf, Arc<Names>>>,
    /// Whether there are threads.
    is_shared: Arc<AtomicBool>,
    /// Handles and random numbers.
    next: AtomicU64,
    /// The last event of a group that was synced, whole.
    durable_sequence: AtomicU64,
    /// Whether the next write to a segment fails.
    fails: AtomicBool,
    /// Whether a write of less than a block is two steps, too.
    tears: AtomicBool,
    /// The name that no file can be made under.
    refused: std::sync::Mutex<Option<&'static str>>,
}

type Names = Step<BTreeMap<String, Arc<File>>>;

/// What threads share, one at a time.
#[derive(Debug, Default)]
struct Step<T> {
    value: std::sync::Mutex<T>,
    /// What loom sees of it.
    turn: Mutex<()>,
    is_shared: Arc<AtomicBool>,
}

impl<T: Default> Step<T> {
    fn new(disk: &Disk) -> Self {
        Self {
            is_shared: Arc::clone(&disk.is_shared),
            ..Self::default()
        }
    }

    fn take<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        let is_shared = self.is_shared.load(Ordering::Relaxed);
        let _turn = is_shared.then(|| self.turn.lock());
        body(&mut self.value.lock().unwrap())
    }
}

#[derive(Debug)]
struct File {
    bytes: Step<Vec<u8>>,
    lock: Step<Lock>,
    /// The last event of the groups that were written.
    written_sequence: AtomicU64,
}

#[derive(Debug, Default)]
struct Lock {
    holders: Vec<u64>,
    is_exclusive: bool,
}

impl Memory {
    /// An empty file system, inside a model.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on each call is a step of the exploration.
    pub fn start(&self) {
        self.0.is_shared.store(true, Ordering::Relaxed);
    }

    /// The last event that a power cut at this moment would leave. No step of the exploration.
    pub fn durable_sequence(&self) -> u64 {
        self.0.durable_sequence.load(Ordering::Relaxed)
    }

    /// Has the next write of a group fail.
    pub fn fail_next_group(&self) {
        self.0.fails.store(true, Ordering::Relaxed);
    }

    /// Has a reader also meet half of a control word.
    pub fn tear_short_writes(&self) {
        self.0.tears.store(true, Ordering::Relaxed);
    }

    /// Has no file made under `name`.
    pub fn refuse(&self, name: &'static str) {
        *self.0.refused.lock().unwrap() = Some(name);
    }

    /// The files of a directory, by name.
    pub fn names(&self, directory: &Path) -> Vec<String> {
        self.list(directory).unwrap_or_default()
    }

    fn next(&self) -> u64 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    fn directory(&self, path: &Path) -> io::Result<Arc<Names>> {
        let directories = self.0.directories.lock().unwrap();
        let found = directories.get(path).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The directory that `path` lies in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(Arc<Names>, String)> {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok((self.directory(path.parent().unwrap())?, name))
    }

    fn handle(&self, path: &Path, creates: bool, is_durable: bool) -> io::Result<Handle> {
        let (directory, name) = self.place(path)?;
        if *self.0.refused.lock().unwrap() == Some(&*name) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let made = creates.then(|| File {
            bytes: Step::new(&self.0),
            lock: Step::new(&self.0),
            written_sequence: AtomicU64::new(0),
        });
        let file = directory.take(|names| match (names.get(&name), made) {
            (Some(file), _) => Ok(Arc::clone(file)),
            (None, Some(made)) => {
                let made = Arc::new(made);
                names.insert(name, Arc::clone(&made));
                Ok(made)
            }
            (None, None) => Err(io::Error::from(io::ErrorKind::NotFound)),
        })?;
        Ok(Handle {
            disk: self.clone(),
            file,
            number: self.next(),
            is_durable,
            is_locked: AtomicBool::new(false),
        })
    }
}

impl Storage for Memory {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut directories = self.0.directories.lock().unwrap();
        for above in path.ancestors() {
            let new = || Arc::new(Names::new(&self.0));
            directories.entry(above.to_owned()).or_insert_with(new);
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let directory = self.directory(path)?;
        Ok(directory.take(|names| names.keys().cloned().collect()))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        let creates = matches!(mode, OpenMode::WriteDurable | OpenMode::WriteBuffered);
        let handle = self.handle(path, creates, mode == OpenMode::WriteDurable)?;
        Ok(Box::new(handle))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (directory, from) = self.place(from)?;
        let (_, to) = self.place(to)?;
        directory.take(|names| {
            let file = names.remove(&from).ok_or(io::ErrorKind::NotFound)?;
            names.insert(to, file);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (directory, name) = self.place(path)?;
        match directory.take(|names| names.remove(&name)) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        let handle = self.handle(path, true, false)?;
        let granted = handle.try_lock_exclusive()?;
        Ok(granted.then(|| Box::new(handle) as _))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let handle = self.handle(path, false, false)?;
        Ok(!handle.try_lock_shared()?)
    }

    fn is_volatile(&self, _: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn random(&self) -> io::Result<u64> {
        Ok(self.next())
    }
}

#[derive(Debug)]
struct Handle {
    disk: Memory,
    file: Arc<File>,
    number: u64,
    is_durable: bool,
    is_locked: AtomicBool,
}

impl Handle {
    fn try_lock(&self, exclusive: bool) -> bool {
        self.file.lock.take(|lock| {
            let is_alone = lock.holders.iter().all(|holder| *holder == self.number);
            if !is_alone && (exclusive || lock.is_exclusive) {
                return false;
            }
            lock.holders.retain(|holder| *holder != self.number);
            lock.holders.push(self.number);
            lock.is_exclusive = exclusive;
            self.is_locked.store(true, Ordering::Relaxed);
            true
        })
    }

    fn write(&self, bytes: &[u8], position: u64) {
        let start = usize::try_from(position).unwrap();
        self.file.bytes.take(|file| {
            if file.len() < start + bytes.len() {
                file.resize(start + bytes.len(), 0);
            }
            file[start..start + bytes.len()].copy_from_slice(bytes);
        });
    }
}

impl StorageFile for Handle {
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        let start = usize::try_from(position).unwrap();
        Ok(self.file.bytes.take(|file| {
            let rest = file.get(start..).unwrap_or_default();
            let read = rest.len().min(bytes.len());
            bytes[..read].copy_from_slice(&rest[..read]);
            read
        }))
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let last_event = last_event(bytes);
        if last_event.is_some() && self.disk.0.fails.swap(false, Ordering::Relaxed) {
            return Err(io::Error::other("planted"));
        }
        let is_block = bytes.len() >= BLOCK_BYTES && bytes.iter().any(|byte| *byte != 0);
        let is_torn = is_block || self.disk.0.tears.load(Ordering::Relaxed);
        let (first, second) = match is_torn {
            // What has a checksum has it in front of that.
            true => bytes.split_at(bytes.len().min(16)),
            false => (bytes, &[][..]),
        };
        self.write(first, position);
        if !second.is_empty() {
            self.write(second, position + first.len() as u64);
        }
        if let Some(sequence) = last_event {
            let written = &self.file.written_sequence;
            written.fetch_max(sequence, Ordering::Relaxed);
            if self.is_durable {
                // A reader sees it before it is synced.
                self.file.bytes.take(|_| ());
                let durable = &self.disk.0.durable_sequence;
                durable.fetch_max(sequence, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let sequence = self.file.written_sequence.load(Ordering::Relaxed);
        let durable = &self.disk.0.durable_sequence;
        durable.fetch_max(sequence, Ordering::Relaxed);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.bytes.take(|file| file.len() as u64))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap();
        self.file.bytes.take(|file| file.resize(length, 0));
        Ok(())
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        Ok(self.try_lock(false))
    }

    fn try_lock_exclusive(&self) -> io::Result<bool> {
        Ok(self.try_lock(true))
    }

    fn unlock(&self) -> io::Result<()> {
        if self.is_locked.swap(false, Ordering::Relaxed) {
            self.file.lock.take(|lock| {
                lock.holders.retain(|holder| *holder != self.number);
                lock.is_exclusive = false;
            });
        }
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A model that failed is left as it is.
        if !std::thread::panicking() {
            let _ = self.unlock();
        }
    }
}

/// Where `bytes` are a group of the journal: its last event, or the one in front of it where it has
/// none.
fn last_event(bytes: &[u8]) -> Option<u64> {
    let field = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let events = || Some(u32::from_le_bytes(bytes.get(60..64)?.try_into().ok()?));
    if !bytes.starts_with(b"RLGG") {
        return None;
    }
    Some(field(16)? + u64::from(events()?) - 1)
}
