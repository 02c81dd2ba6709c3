//! A disk in memory that does what disks do on their worst day, as a seed says.
//!
//! [`SimDisk`] is a [`Storage`](super::Storage) for tests of one's own state and handlers. What it
//! does depends on its seed and on the sequence of calls alone, so a failure comes again with its
//! seed. It models:
//!
//! - **What is durable**: bytes after a `sync` (or a returned write to a file opened
//!   [`WriteDurable`](super::OpenMode::WriteDurable)), names after a `sync_dir`. A file's sync does
//!   not make its name durable.
//! - **Power cuts** ([`SimDisk::power_cut`]): of what is not durable any part survives. Each
//!   512-byte sector has what was durable or any version written since, or part of one; each length
//!   and each change of a directory is there or not. And the **death of the process**
//!   ([`SimDisk::kill`]), after which everything written is still there.
//! - **Failing calls** ([`SimDisk::plan`]): any [`Operation`], once or for ever: an error, a short
//!   write, a failed sync that forgets ([`SyncFailure`]), a flipped bit, a write that is lost or
//!   goes elsewhere, a crash in the middle. Calls are counted ([`SimDisk::calls`]), so that a test
//!   can try every one.
//! - **Uncached reads** return what the device has: also bytes that are still being written back,
//!   but not those that a failed sync marked clean.
//! - **A full disk** ([`SimDisk::set_capacity`]).
//!
//! ```
//! use std::path::Path;
//! use ringlog::storage::{OpenMode, Storage, sim::{EIO, Effect, Fault, Operation, SimDisk}};
//!
//! let disk = SimDisk::new(7);
//! disk.create_dir(Path::new("/data"))?;
//! let file = disk.open(Path::new("/data/file"), OpenMode::WriteBuffered)?;
//! file.write_at(b"kept", 0)?;
//! file.sync()?;
//! disk.sync_dir(Path::new("/data"))?;
//! file.write_at(b"lost", 0)?;
//! disk.plan(Fault::new(Effect::Error(EIO)).on(Operation::Sync));
//! assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(EIO));
//!
//! // The power fails before anything was written back; `file` is dead from now on.
//! let disk = disk.power_cut_choosing(&vec![0; disk.unsynced().len()]);
//! let mut bytes = [0; 4];
//! disk.open(Path::new("/data/file"), OpenMode::Read)?.read_at(&mut bytes, 0)?;
//! assert_eq!(&bytes, b"kept");
//! # Ok::<(), std::io::Error>(())
//! ```

mod calls;
mod contents;
mod corrupt;
mod crash;
mod disk;
mod fault;
mod file;
mod names;
mod random;

pub use calls::{Call, Operation};
pub use disk::SimDisk;
pub use random::Random;

pub use fault::{EINTR, EIO, ENOSPC, Effect, Fault, SyncFailure};
