//! The calls that a disk was asked for.

use std::path::Path;

use crate::sync::Arc;

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Making one directory; the sync of the one above it is a [`SyncDir`](Self::SyncDir).
    CreateDir,
    /// Listing a directory.
    List,
    /// Opening a file, with or without creating it.
    Open,
    /// One attempt at reading.
    Read,
    /// One attempt at writing: a short or interrupted one is followed by another.
    Write,
    /// Syncing a file.
    Sync,
    /// Asking for a file's length.
    Length,
    /// Cutting or extending a file.
    SetLength,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Syncing a directory.
    SyncDir,
    /// Taking or giving back a lock, or asking for it.
    Lock,
    /// Asking what kind of file system it is.
    IsVolatile,
    /// Asking for a random number.
    Random,
}

/// One call, as [`SimDisk::recorded_calls`](super::SimDisk::recorded_calls) lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// What was asked for.
    pub operation: Operation,
    /// Of which file or directory.
    pub path: Arc<Path>,
}
