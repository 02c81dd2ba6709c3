//! What the engine knows of an event besides its body.
#![forbid(unsafe_code)]

/// The engine's facts about one event, the same in `apply`, in replay and in a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventMeta {
    /// The partition, from 0.
    pub partition: u32,
    /// The event's place in its partition: from 1, without gaps.
    pub sequence: u64,
    /// When the partition took the event, in nanoseconds since the Unix epoch. Never falls within
    /// a partition, also when the wall clock does.
    pub journal_time_ns: u64,
    /// The event's own time in milliseconds since the Unix epoch ([`Event::time_ms`]); the journal
    /// time where the event has none.
    ///
    /// [`Event::time_ms`]: crate::Event::time_ms
    pub event_time_ms: i64,
    /// The key that the event was routed by.
    pub key: u64,
    /// The source and its number, when the event was published through one.
    pub source: Option<SourceNumber>,
}

/// A number given by a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceNumber {
    /// The source's id in this journal.
    pub source_id: u32,
    /// The number, from 1, increasing.
    pub number: u64,
}
