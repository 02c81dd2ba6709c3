//! Durable appends of 128-byte events by one thread.
//!
//! Every contender does the same: it takes events whose first 8 bytes are their number, and returns
//! when the device has confirmed all of them. How each makes that so is said where it is opened;
//! each was watched with `strace` doing it. All but the loop and okaywal can find an event by its
//! number afterwards, ringlog by replaying.

mod direct;
mod fjall;
mod okaywal;
mod raft_engine;
mod redb;
mod ringlog;
mod sqlite;

pub use direct::Direct;
pub use fjall::Fjall;
pub use okaywal::OkayWal;
pub use raft_engine::RaftEngine;
pub use redb::Redb;
pub use ringlog::Ringlog;
pub use sqlite::Sqlite;

/// An event: its number, little-endian, and a body.
pub type Entry = [u8; 128];

/// Something that keeps events.
pub trait Journal {
    /// Appends events, in order; they are durable when it returns.
    fn append(&mut self, entries: &[Entry]);

    /// Waits for what `append` left behind; nothing, but where a contender's name says so.
    fn finish(&mut self) {}

    /// Lets go of what is old, between runs.
    fn tidy(&mut self) {}
}

/// The number that an entry starts with.
fn number(entry: &Entry) -> u64 {
    let (number, _) = entry.split_first_chunk().expect("it is longer");
    u64::from_le_bytes(*number)
}
