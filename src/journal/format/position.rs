//! A place in a partition's journal, between two groups.

/// The place behind one group and in front of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last group in front of it, and the last sequence up to that group.
    pub(crate) group: u64,
    pub(crate) sequence: u64,
    /// The first group of the segment that `group` lies in.
    pub(crate) segment_first_group: u64,
    /// Where in that segment the next group starts.
    pub(crate) byte: u64,
}
