//! The door to the file system: the only module that makes file system calls.
//!
//! Everything the journal writes or reads goes through [`Storage`] and [`StorageFile`], so that a
//! test can lose, tear, delay or refuse any single call. [`Files`] is the real one.
#![forbid(unsafe_code)]

mod buffer;
mod file;
mod interface;
#[cfg(feature = "sim")]
pub mod sim;
mod whole;

pub(crate) use buffer::AlignedBuffer;
pub use file::Files;
pub use interface::{OpenMode, Storage, StorageFile};

pub(crate) use interface::BLOCK_BYTES;
