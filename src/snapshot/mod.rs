//! Snapshots: a partition's state and tables at one place of its journal, and what they allow to be
//! forgotten.
//!
//! `file` is one snapshot on disk, `load` chooses which to start from, `snapshotter` takes them,
//! `retention` retires what no kept one needs. `docs/format.md` has the bytes.
#![forbid(unsafe_code)]

mod file;
mod load;
mod policy;
mod report;
mod retention;
mod snapshotter;
mod tables;
mod totals;

pub use load::AsOf;
pub use policy::Retention;
pub use report::{RejectedSnapshot, SnapshotError, SnapshotReport};
pub use totals::Totals;

pub(crate) use file::{BodyWriter, Section};
pub(crate) use load::{RestoreError, Restored, check_snapshots, newest_sound, restore};
pub(crate) use policy::Policy;
#[cfg(loom)]
pub(crate) use retention::retire;
pub(crate) use snapshotter::{Fresh, Parts, Snapshotter};
pub(crate) use tables::Tables;
