//! What the engine did with its segments and snapshots, told from the disk's calls.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use ringlog::Durability;
use ringlog::storage::sim::{Call, Operation};

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Happened {
    /// Snapshots that got their name.
    pub(super) snapshots: u64,
    /// Segments that left the journal.
    pub(super) retired: u64,
    /// Those of them that were written again.
    pub(super) recycled: u64,
}

impl Happened {
    pub(super) fn in_calls(calls: &[Call]) -> Self {
        let mut happened = Self::default();
        let mut last_opened = None;
        let mut kept = BTreeSet::new();
        for call in calls {
            let has = |extension| call.path.extension() == Some(OsStr::new(extension));
            match call.operation {
                Operation::Rename if has("snap") => happened.snapshots += 1,
                Operation::Rename => {
                    let name = call.path.file_name().unwrap_or_default();
                    if name.to_string_lossy().starts_with("recycled-") {
                        happened.retired += 1;
                        kept.extend(last_opened.clone());
                    }
                }
                Operation::Remove if has("seg") => happened.retired += 1,
                Operation::Open => last_opened = Some(call.path.clone()),
                // A handle keeps the name that it was opened by: the retired segment's.
                Operation::Write if kept.remove(&call.path) => happened.recycled += 1,
                _ => {}
            }
        }
        happened
    }

    /// Whether all of it happened. Segments are written again only where they are prepared.
    pub(super) fn is_everything(self, durability: Durability) -> bool {
        let recycles = durability == Durability::Sync;
        self.snapshots > 0 && self.retired > 0 && (self.recycled > 0 || !recycles)
    }
}

impl std::ops::AddAssign for Happened {
    fn add_assign(&mut self, other: Self) {
        self.snapshots += other.snapshots;
        self.retired += other.retired;
        self.recycled += other.recycled;
    }
}
