//! Where a projection starts, and how often it looks and stores.
#![forbid(unsafe_code)]

use std::time::Duration;

/// The settings of a projection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "settings do nothing until a projection is started with them"]
pub struct Settings {
    pub(super) start: StartAt,
    pub(super) checkpoint_events: u64,
    pub(super) checkpoint_interval: Duration,
    pub(super) look_interval: Duration,
}

/// Which event is the first one that is applied. Once there is a checkpoint, that counts instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartAt {
    /// The first one there ever was. Where it is retired, starting is refused.
    #[default]
    Beginning,
    /// The one behind what is durable at this moment.
    Now,
    /// The one of this sequence, a number for each partition, from 1.
    Sequences(Vec<u64>),
    /// In each partition the first one that the partition took at this time or later, in
    /// nanoseconds since the Unix epoch.
    JournalTime(u64),
    /// In each partition the first one with this event time or a later one, in milliseconds since
    /// the Unix epoch. Everything behind it is applied, also what has an earlier time.
    EventTime(i64),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            start: StartAt::default(),
            checkpoint_events: 1_000_000,
            checkpoint_interval: Duration::from_secs(30),
            look_interval: Duration::from_millis(5),
        }
    }
}

impl Settings {
    /// Where to start without a checkpoint; at the [beginning](StartAt::Beginning) by default.
    pub fn start_at(mut self, start: StartAt) -> Self {
        self.start = start;
        self
    }

    /// After how many events, and after how long where there are any, a checkpoint is stored: after
    /// a million or 30 seconds by default. One is also stored on every clean stop. What comes behind
    /// the last one is applied again after a crash, and retention keeps it.
    pub fn checkpoint_every(mut self, events: u64, interval: Duration) -> Self {
        self.checkpoint_events = events.max(1);
        self.checkpoint_interval = interval;
        self
    }

    /// The least time between two looks at the journal, 5 ms by default: how far behind a busy
    /// journal the model is. A look costs some 100 µs; an idle model looks at once, and so does one
    /// that somebody [waits](super::ReadModel::wait_for) for. Beside a writer in another process it
    /// is also the time between two looks at an idle journal.
    pub fn look_every(mut self, interval: Duration) -> Self {
        self.look_interval = interval;
        self
    }
}
