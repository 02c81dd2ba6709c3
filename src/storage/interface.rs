//! What the engine asks of a file system.

use std::fmt;
use std::io;
use std::path::Path;

/// The unit of every journal write: what direct I/O needs on any device in use today.
pub(crate) const BLOCK_BYTES: usize = 4096;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading; the page cache may answer.
    Read,
    /// An existing file, for reading what is on the device: after a failed sync the page cache can
    /// hold bytes that were never written. Positions, lengths and addresses are block-aligned.
    ReadUncached,
    /// A file for writing whole blocks, created if missing; a write that returned `Ok` is durable.
    WriteDurable,
    /// A file for writing, created if missing; durable only after a `sync`.
    WriteBuffered,
}

/// A file system, real or simulated.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Creates a directory and its missing parents, and makes the entries of those that it created
    /// durable. Of one that was there already it says nothing.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names of a directory's files and directories, in no particular order.
    ///
    /// # Errors
    ///
    /// The operating system's; `NotFound` where there is no such directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>>;

    /// Renames a file over another one. Durable only after a [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable only after a [`sync_dir`](Self::sync_dir). Handles that have it open
    /// go on reading and writing it.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory's entries durable.
    ///
    /// # Errors
    ///
    /// The operating system's. A failed sync is not to be retried.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on `path`, creating the file if missing; `None` when another
    /// process or handle holds it. The lock ends when the value is dropped or its process dies.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn fmt::Debug + Send + Sync>>>;

    /// Whether somebody holds the exclusive lock on `path`.
    ///
    /// # Errors
    ///
    /// The operating system's; `NotFound` where there is no such file.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;

    /// Whether the file system of `path` lives in memory, so that nothing on it is durable.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn is_volatile(&self, path: &Path) -> io::Result<bool>;

    /// A random number, for the salt that tells one segment's groups from another's.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn random(&self) -> io::Result<u64>;
}

/// An open file, real or simulated.
pub trait StorageFile: fmt::Debug + Send + Sync {
    /// Reads at `position` until `bytes` is full or the file ends; returns how much was read.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize>;

    /// Says that these bytes are read soon, so that they are fetched meanwhile. Only a hint: by
    /// default it does nothing.
    fn will_need(&self, position: u64, bytes: u64) {
        let _ = (position, bytes);
    }

    /// Writes all of `bytes` at `position`, extending the file where needed.
    ///
    /// # Errors
    ///
    /// The operating system's; how much was written is then unknown.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Makes everything written so far durable, the file's length included.
    ///
    /// # Errors
    ///
    /// The operating system's. A failed sync is never to be retried: the kernel may have marked
    /// the lost pages clean, and the retry would succeed.
    fn sync(&self) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends the file. Durable only after a [`sync`](Self::sync).
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Takes the file's advisory lock together with others who share it; `false` when another
    /// handle holds it alone. Never waits. A handle that held it alone then shares it.
    ///
    /// The lock is the handle's: it ends with [`unlock`](Self::unlock), when the handle is dropped,
    /// or when its process dies. It follows the file through a rename. It hinders nobody from
    /// reading or writing, and knows nothing of [`Storage::try_lock`] on other files.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn try_lock_shared(&self) -> io::Result<bool>;

    /// Takes the file's advisory lock alone; `false` when another handle holds it in any way. Never
    /// waits. A handle that shared it may have lost it when this says `false`.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn try_lock_exclusive(&self) -> io::Result<bool>;

    /// Gives the handle's lock back, if it has one.
    ///
    /// # Errors
    ///
    /// The operating system's.
    fn unlock(&self) -> io::Result<()>;
}
