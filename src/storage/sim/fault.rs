//! Faults that are planned for calls to come.

use std::path::Path;

use super::Operation;
use super::random::Random;

/// The device failed.
pub const EIO: i32 = 5;
/// No space is left.
pub const ENOSPC: i32 = 28;
/// A signal interrupted the call.
pub const EINTR: i32 = 4;

/// What a planned fault does to its call. On a call that an effect has no meaning for, it does
/// nothing, except that a failed sync of something that is no sync is `EIO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The call does nothing but return this error of the operating system.
    Error(i32),
    /// A write takes a part of the bytes only, and says so. The same loop as for real files then
    /// writes the rest.
    ShortWrite,
    /// A part of the bytes is written, and the call returns this error.
    TornWrite(i32),
    /// A sync, or the sync in a durable write, returns `EIO`.
    FailedSync(SyncFailure),
    /// The machine or the process stops in the middle of this call: what it asked for has been
    /// done, but is not durable, and every later call fails until
    /// [`power_cut`](super::SimDisk::power_cut) or [`kill`](super::SimDisk::kill).
    Crash,
    /// As [`Crash`](Self::Crash), but the seed says how much of the call was done: all, a part of
    /// the bytes, or nothing.
    CrashPartway,
    /// One bit that is read or written is another.
    FlippedBit,
    /// A write returns `Ok`, but a part of its sectors keeps what it had; a read returns what the
    /// file's last write replaced.
    Stale,
    /// A write returns `Ok`, but its bytes are at another place: of this file, or of another.
    Misdirected,
    /// The call is slow: counted, and told to
    /// [`on_slow_call`](super::SimDisk::on_slow_call). Nothing sleeps.
    Slow,
}

/// What a failed sync leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncFailure {
    /// What was not durable stays so, and a second sync writes it.
    KeepsDirty,
    /// As ext4 and XFS do: cached reads go on showing the new bytes, the device has the old ones,
    /// and a second sync returns `Ok` without writing anything.
    MarksClean,
    /// As [`MarksClean`](Self::MarksClean), but some of the sectors were written.
    MarksSomeClean,
    /// Cached reads show the device's bytes again.
    RevertsCache,
}

/// An effect, and the calls that have it.
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is planned"]
pub struct Fault {
    pub(super) effect: Effect,
    operation: Option<Operation>,
    path_part: Option<String>,
    nth: u64,
    for_ever: bool,
    one_in: Option<u64>,
    seen: u64,
}

impl Fault {
    /// A fault of the next call of any kind.
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            operation: None,
            path_part: None,
            nth: 1,
            for_ever: false,
            one_in: None,
            seen: 0,
        }
    }

    /// Only calls of this kind count.
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only calls about paths that contain `part` count. An open file has the path that it was
    /// opened by, also after a rename.
    pub fn on_path(mut self, part: &str) -> Self {
        self.path_part = Some(part.to_owned());
        self
    }

    /// The `call`-th call that counts fails, from 1, from the moment of planning.
    pub fn nth(mut self, call: u64) -> Self {
        self.nth = call;
        self
    }

    /// That call and every later one that counts.
    pub fn for_ever(mut self) -> Self {
        self.for_ever = true;
        self
    }

    /// From the [`nth`](Self::nth) call on, each one that counts fails with a chance of one in
    /// `calls`.
    pub fn one_in(mut self, calls: u64) -> Self {
        self.one_in = Some(calls);
        self
    }

    /// Counts a call; whether this fault strikes it.
    pub(super) fn strikes(
        &mut self,
        operation: Operation,
        path: &Path,
        random: &mut Random,
    ) -> bool {
        if self.operation.is_some_and(|only| only != operation) {
            return false;
        }
        if let Some(part) = &self.path_part
            && !path.to_string_lossy().contains(part)
        {
            return false;
        }
        self.seen += 1;
        match self.one_in {
            Some(calls) => self.seen >= self.nth && random.below(calls) == 0,
            None => self.seen == self.nth || (self.for_ever && self.seen > self.nth),
        }
    }
}
