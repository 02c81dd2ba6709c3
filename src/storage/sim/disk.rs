//! The disk and its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::contents::Contents;
use super::fault::{Effect, Fault, SyncFailure};
use super::file::{Handle, SimFile};
use super::names::{Change, Entry, Names, normal};
use super::random::Random;
use super::{Call, Operation};
use crate::canary::{Canary, is_planted};
use crate::storage::{BLOCK_BYTES, OpenMode, Storage, StorageFile};
use crate::sync::{self, Arc, Mutex};

/// A simulated disk, as one boot or one process sees it. Clones share it; see the
/// [module](crate::storage::sim).
#[derive(Clone)]
pub struct SimDisk {
    pub(super) shared: Arc<Mutex<Machine>>,
    /// Which life of the machine's process this is: after a crash the old ones' calls fail.
    pub(super) life: u64,
}

/// Told of slow calls.
type OnSlowCall = Arc<dyn Fn(Operation) + Send + Sync>;

/// The disk, and the kernel in front of it.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) life: u64,
    /// Whether a planned crash has struck.
    pub(super) is_halted: bool,
    pub(super) names: Names,
    pub(super) files: BTreeMap<u64, File>,
    next_file: u64,
    next_handle: u64,
    pub(super) random: Random,
    faults: Vec<Fault>,
    struck: u64,
    calls: u64,
    recorded: Option<Vec<Call>>,
    capacity: Option<u64>,
    slow_calls: u64,
    on_slow_call: Option<OnSlowCall>,
}

/// A file, named or not.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) contents: Contents,
    pub(super) handles: u64,
    /// The handles that have its advisory lock, and whether the one holds it alone.
    holders: BTreeSet<u64>,
    is_exclusive: bool,
}

impl SimDisk {
    /// An empty disk. Every choice that it makes comes from `seed` and the calls.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(Machine {
            life: 0,
            is_halted: false,
            names: Names::default(),
            files: BTreeMap::new(),
            next_file: 0,
            next_handle: 0,
            random: Random::new(seed),
            faults: Vec::new(),
            struck: 0,
            calls: 0,
            recorded: None,
            capacity: None,
            slow_calls: 0,
            on_slow_call: None,
        })
    }

    pub(super) fn of(machine: Machine) -> Self {
        Self {
            life: machine.life,
            shared: Arc::new(Mutex::new(machine)),
        }
    }

    /// Plans a fault. Several may be planned: the first one that strikes a call is the one.
    pub fn plan(&self, fault: Fault) {
        sync::lock(&self.shared).faults.push(fault);
    }

    /// Forgets every planned fault: the disk is mended.
    pub fn clear_faults(&self) {
        sync::lock(&self.shared).faults.clear();
    }

    /// How many calls had a planned fault so far.
    #[must_use]
    pub fn faults_struck(&self) -> u64 {
        sync::lock(&self.shared).struck
    }

    /// How many calls were made so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        sync::lock(&self.shared).calls
    }

    /// From now on, keeps what every call asked for.
    pub fn record_calls(&self) {
        sync::lock(&self.shared).recorded = Some(Vec::new());
    }

    /// The calls since [`record_calls`](Self::record_calls).
    #[must_use]
    pub fn recorded_calls(&self) -> Vec<Call> {
        sync::lock(&self.shared)
            .recorded
            .clone()
            .unwrap_or_default()
    }

    /// How many bytes fit, in blocks of 4,096: what exceeds them is `ENOSPC`. `None`: no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        sync::lock(&self.shared).capacity = bytes;
    }

    /// Bytes that its files take, in blocks of 4,096; also of removed files that are still open.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        sync::lock(&self.shared).used_bytes()
    }

    /// How many slow calls there were.
    #[must_use]
    pub fn slow_calls(&self) -> u64 {
        sync::lock(&self.shared).slow_calls
    }

    /// Calls `hook` in front of each slow call, on the thread that makes it; it may sleep.
    pub fn on_slow_call(&self, hook: impl Fn(Operation) + Send + Sync + 'static) {
        sync::lock(&self.shared).on_slow_call = Some(Arc::new(hook));
    }

    /// Makes one call: counts it, lets faults strike, and has `body` do it.
    ///
    /// `body` gets the effect that it has to see to itself, and its return says what the call
    /// returns. A call that a crash interrupts fails, whatever it returns.
    pub(super) fn call<T>(
        &self,
        operation: Operation,
        path: &Path,
        body: impl FnOnce(&mut Machine, Option<Effect>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut machine = sync::lock(&self.shared);
        if machine.life != self.life || machine.is_halted {
            return Err(Errno::IO);
        }
        machine.calls += 1;
        if let Some(recorded) = &mut machine.recorded {
            recorded.push(Call {
                operation,
                path: path.into(),
            });
        }
        let effect = machine.strike(operation, path);
        match effect {
            None => body(&mut machine, None),
            Some(Effect::Error(error)) => Err(Errno::from_raw_os_error(error)),
            Some(Effect::Slow) => {
                machine.slow_calls += 1;
                if let Some(hook) = machine.on_slow_call.clone() {
                    drop(machine);
                    hook(operation);
                    machine = sync::lock(&self.shared);
                    if machine.life != self.life || machine.is_halted {
                        return Err(Errno::IO);
                    }
                }
                body(&mut machine, None)
            }
            Some(Effect::Crash) => {
                // Not for a sync: what it was about to make durable is what may be lost.
                if !matches!(operation, Operation::Sync | Operation::SyncDir) {
                    let _ = body(&mut machine, effect);
                }
                machine.is_halted = true;
                Err(Errno::IO)
            }
            Some(Effect::CrashPartway) => {
                let is_sync = matches!(operation, Operation::Sync | Operation::SyncDir);
                if !is_sync && machine.random.below(3) > 0 {
                    let _ = body(&mut machine, effect);
                }
                machine.is_halted = true;
                Err(Errno::IO)
            }
            Some(Effect::FailedSync(_))
                if !matches!(
                    operation,
                    Operation::Sync | Operation::SyncDir | Operation::Write
                ) =>
            {
                Err(Errno::IO)
            }
            effect => body(&mut machine, effect),
        }
    }
}

impl Machine {
    fn strike(&mut self, operation: Operation, path: &Path) -> Option<Effect> {
        let mut effect = None;
        for fault in &mut self.faults {
            // Each counts the call, also where another one has struck.
            if fault.strikes(operation, path, &mut self.random) && effect.is_none() {
                effect = Some(fault.effect);
            }
        }
        self.struck += u64::from(effect.is_some());
        effect
    }

    pub(super) fn file(&mut self, file: u64) -> Result<&mut File, Errno> {
        self.files.get_mut(&file).ok_or(Errno::BADF)
    }

    fn used_bytes(&self) -> u64 {
        self.files
            .iter()
            .filter(|(name, file)| file.handles > 0 || self.names.is_cached(**name))
            .map(|(_, file)| blocks(file.contents.len()))
            .sum()
    }

    /// Refuses a file's growth to `length` where the disk has no room for it.
    pub(super) fn check_room(&mut self, file: u64, length: usize) -> Result<(), Errno> {
        let Some(capacity) = self.capacity else {
            return Ok(());
        };
        let now = blocks(self.file(file)?.contents.len());
        let grown = blocks(length).saturating_sub(now);
        if grown > 0 && self.used_bytes() + grown > capacity {
            return Err(Errno::NOSPC);
        }
        Ok(())
    }

    /// Forgets a file that nothing refers to any more.
    pub(super) fn release(&mut self, file: u64) {
        let is_open = self.files.get(&file).is_some_and(|file| file.handles > 0);
        if !is_open && !self.names.is_named(file) {
            self.files.remove(&file);
        }
    }

    pub(super) fn release_all(&mut self) {
        let files: Vec<u64> = self.files.keys().copied().collect();
        for file in files {
            self.release(file);
        }
    }

    fn open(&mut self, path: &Path, creates: bool) -> Result<Handle, Errno> {
        let file = match self.names.file(path) {
            Err(Errno::NOENT) if creates => {
                self.names.check_parent(path)?;
                let file = self.next_file;
                self.next_file += 1;
                self.files.insert(file, File::default());
                self.names
                    .change(Change::Add(path.to_owned(), Entry::File(file)));
                file
            }
            found => found?,
        };
        self.next_handle += 1;
        self.file(file)?.handles += 1;
        Ok(Handle {
            file,
            handle: self.next_handle,
        })
    }
}

impl File {
    pub(super) fn try_lock(&mut self, handle: u64, exclusive: bool) -> bool {
        let is_alone = self.holders.iter().all(|holder| *holder == handle);
        if !is_alone && (exclusive || self.is_exclusive) {
            return false;
        }
        self.holders.insert(handle);
        self.is_exclusive = exclusive;
        true
    }

    pub(super) fn unlock(&mut self, handle: u64) {
        self.holders.remove(&handle);
    }

    pub(super) fn unlock_all(&mut self) {
        self.holders.clear();
    }

    fn is_locked_alone(&self) -> bool {
        self.is_exclusive && !self.holders.is_empty()
    }
}

impl Storage for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        if sync::lock(&self.shared).names.get(&path) == Some(Entry::Directory) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&path);
        self.create_dir(parent)?;
        self.call(Operation::CreateDir, &path, |machine, _| {
            match machine.names.get(&path) {
                None => {
                    let entry = Entry::Directory;
                    machine.names.change(Change::Add(path.clone(), entry));
                    Ok(())
                }
                Some(_) => Err(Errno::EXIST),
            }
        })?;
        if is_planted(Canary::NewDirectoryNotSynced) {
            return Ok(());
        }
        self.sync_dir(parent)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let path = normal(path);
        let names = self.call(Operation::List, &path, |machine, _| {
            machine.names.check_directory(&path)?;
            Ok(machine.names.list(&path))
        })?;
        Ok(names)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        let path = normal(path);
        let creates = matches!(mode, OpenMode::WriteDurable | OpenMode::WriteBuffered);
        let handle = self.call(Operation::Open, &path, |machine, _| {
            machine.open(&path, creates)
        })?;
        Ok(Box::new(SimFile::new(self.clone(), handle, path, mode)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        self.call(Operation::Rename, &to, |machine, _| {
            let file = machine.names.file(&from)?;
            machine.names.check_parent(&to)?;
            let replaced = machine.names.file(&to);
            if replaced == Err(Errno::ISDIR) {
                return Err(Errno::ISDIR);
            }
            let change = Change::Rename(from.clone(), to.clone(), Entry::File(file));
            machine.names.change(change);
            Ok(())
        })?;
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.call(Operation::Remove, &path, |machine, _| {
            let file = machine.names.file(&path)?;
            let change = Change::Remove(path.clone(), Entry::File(file));
            machine.names.change(change);
            Ok(())
        })?;
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.call(Operation::SyncDir, &path, |machine, effect| {
            machine.names.check_directory(&path)?;
            match effect {
                Some(Effect::FailedSync(failure)) => {
                    if failure != SyncFailure::KeepsDirty && failure != SyncFailure::RevertsCache {
                        machine.names.forget_changes_of(&path);
                    }
                    return Err(Errno::IO);
                }
                _ => machine.names.sync(&path),
            }
            machine.release_all();
            Ok(())
        })?;
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>> {
        let path = normal(path);
        let handle = self.call(Operation::Lock, &path, |machine, _| {
            let handle = machine.open(&path, true)?;
            let file = machine.file(handle.file)?;
            if file.try_lock(handle.handle, true) {
                return Ok(Some(handle));
            }
            file.handles -= 1;
            Ok(None)
        })?;
        let opened = |handle| SimFile::new(self.clone(), handle, path, OpenMode::WriteBuffered);
        Ok(handle.map(|handle| Box::new(opened(handle)) as _))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let path = normal(path);
        let is_locked = self.call(Operation::Lock, &path, |machine, _| {
            let file = machine.names.file(&path)?;
            Ok(machine.file(file)?.is_locked_alone())
        })?;
        Ok(is_locked)
    }

    fn is_volatile(&self, path: &Path) -> io::Result<bool> {
        Ok(self.call(Operation::IsVolatile, &normal(path), |_, _| Ok(false))?)
    }

    fn random(&self) -> io::Result<u64> {
        Ok(self.call(Operation::Random, Path::new("/"), |machine, _| {
            Ok(machine.random.number())
        })?)
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = sync::lock(&self.shared);
        let files: Vec<PathBuf> = machine
            .names
            .files()
            .into_iter()
            .map(|file| file.0)
            .collect();
        f.debug_struct("SimDisk")
            .field("calls", &machine.calls)
            .field("files", &files)
            .finish_non_exhaustive()
    }
}

fn blocks(bytes: usize) -> u64 {
    bytes.next_multiple_of(BLOCK_BYTES) as u64
}
