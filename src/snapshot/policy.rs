//! When snapshots are taken, how many are kept, and what happens to the journal below them.

/// What happens to segments that no kept snapshot needs any more.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retention {
    /// They stay: any past moment can be rebuilt. The default.
    #[default]
    Everything,
    /// They are removed, or recycled as new segments. State, the table of sources and the totals
    /// survive in the snapshots; the events do not.
    FromOldestSnapshot {
        /// A named cursor keeps what it has not read yet, up to this many events; one that lags
        /// further is expired, and gets [`Retired`](crate::journal::ReadError::Retired).
        cursor_lag_max: u64,
    },
}

/// The settings of the snapshot thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Bytes of journal between two snapshots of a partition.
    pub(crate) every_bytes: u64,
    /// At least two.
    pub(crate) kept: usize,
    pub(crate) retention: Retention,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            every_bytes: 4 * 1024 * 1024 * 1024,
            kept: 2,
            retention: Retention::Everything,
        }
    }
}
