//! The names on a disk: as the running system sees them, and as the next boot will.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Directory,
    File(u64),
}

/// A change that a sync of its directory has not made durable yet.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Add(PathBuf, Entry),
    Rename(PathBuf, PathBuf, Entry),
    Remove(PathBuf, Entry),
}

impl Change {
    /// The directory whose sync makes it durable.
    fn directory(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Rename(_, path, _) | Self::Remove(path, _) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        let mut forget = |path: &Path, entry| {
            if names.get(path) == Some(&entry) {
                names.remove(path);
            }
        };
        match self {
            Self::Add(path, entry) => {
                names.insert(path.clone(), *entry);
            }
            Self::Rename(from, to, entry) => {
                forget(from, *entry);
                names.insert(to.clone(), *entry);
            }
            Self::Remove(path, entry) => forget(path, *entry),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    cached: BTreeMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
    pub(super) changes: Vec<Change>,
}

impl Names {
    /// What `path` stands for; the root and the working directory are always there.
    pub(super) fn get(&self, path: &Path) -> Option<Entry> {
        if path.parent().is_none() {
            return Some(Entry::Directory);
        }
        self.cached.get(path).copied()
    }

    pub(super) fn file(&self, path: &Path) -> Result<u64, Errno> {
        match self.get(path) {
            Some(Entry::File(file)) => Ok(file),
            Some(Entry::Directory) => Err(Errno::ISDIR),
            None => Err(Errno::NOENT),
        }
    }

    pub(super) fn check_directory(&self, path: &Path) -> Result<(), Errno> {
        match self.get(path) {
            Some(Entry::Directory) => Ok(()),
            Some(Entry::File(_)) => Err(Errno::NOTDIR),
            None => Err(Errno::NOENT),
        }
    }

    pub(super) fn check_parent(&self, path: &Path) -> Result<(), Errno> {
        self.check_directory(path.parent().unwrap_or(path))
    }

    pub(super) fn list(&self, path: &Path) -> Vec<String> {
        self.cached
            .keys()
            .filter(|name| name.parent() == Some(path))
            .filter_map(|name| Some(name.file_name()?.to_string_lossy().into_owned()))
            .collect()
    }

    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.cached);
        self.changes.push(change);
    }

    /// Makes the changes of one directory durable.
    pub(super) fn sync(&mut self, directory: &Path) {
        for change in self.take_changes_of(directory) {
            change.apply(&mut self.durable);
        }
    }

    /// Makes every change durable.
    pub(super) fn sync_all(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            change.apply(&mut self.durable);
        }
    }

    /// Forgets the changes of one directory: no sync writes them any more.
    pub(super) fn forget_changes_of(&mut self, directory: &Path) {
        self.take_changes_of(directory);
    }

    fn take_changes_of(&mut self, directory: &Path) -> Vec<Change> {
        let changes = std::mem::take(&mut self.changes);
        let (synced, rest) = changes
            .into_iter()
            .partition(|change| change.directory() == Some(directory));
        self.changes = rest;
        synced
    }

    /// The names as the next boot finds them, `survives` saying of each change whether it was
    /// written.
    pub(super) fn cut(&mut self, mut survives: impl FnMut() -> bool) {
        for change in std::mem::take(&mut self.changes) {
            if survives() {
                change.apply(&mut self.durable);
            }
        }
        // What lies in a directory that is not there is not there either.
        let mut found = BTreeMap::new();
        for (path, entry) in std::mem::take(&mut self.durable) {
            let parent = path.parent().unwrap_or(&path);
            if parent.parent().is_none() || found.get(parent) == Some(&Entry::Directory) {
                found.insert(path, entry);
            }
        }
        self.durable = found;
        self.cached = self.durable.clone();
    }

    pub(super) fn is_cached(&self, file: u64) -> bool {
        self.cached
            .values()
            .any(|entry| *entry == Entry::File(file))
    }

    /// Whether any name, of now or of a boot to come, stands for the file.
    pub(super) fn is_named(&self, file: u64) -> bool {
        let entry = Entry::File(file);
        self.is_cached(file)
            || self.durable.values().any(|named| *named == entry)
            || self.changes.iter().any(|change| match change {
                Change::Add(_, of) | Change::Rename(_, _, of) | Change::Remove(_, of) => {
                    *of == entry
                }
            })
    }

    pub(super) fn files(&self) -> Vec<(PathBuf, u64)> {
        self.cached
            .iter()
            .filter_map(|(path, entry)| match entry {
                Entry::File(file) => Some((path.clone(), *file)),
                Entry::Directory => None,
            })
            .collect()
    }
}

/// The path without `.` and `..`, from the root: there is one working directory, and it is that.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    normal
}
