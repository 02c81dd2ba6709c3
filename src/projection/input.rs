//! One partition's events on their way into a projection.
#![forbid(unsafe_code)]

use std::error::Error;
use std::ops::DerefMut;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::checkpoint::Reached;
use super::{Cause, Projection};
use crate::callback::{Callback, panic_message};
use crate::event::{EventMeta, Viewer};
use crate::journal::{Cursor, JournalReader, Mark, ReadError, RecordedEvent};
use crate::sync::Arc;

/// Events that are applied under one lock: it is held for some microseconds.
const BATCH_EVENTS: usize = 64;
/// Events that are passed over in one step.
const SKIP_EVENTS: usize = 4096;

/// When the first event to be applied has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Begun,
    AtJournalTime(u64),
    AtEventTime(i64),
}

/// The cursor of one partition, and what has been handled of it.
#[derive(Debug)]
pub(super) struct Input {
    partition: u32,
    cursor: Cursor,
    viewer: Viewer,
    begin: Begin,
    /// Whether events were retired before anybody looked when they came: the first one that is to be
    /// applied may be among them.
    may_have_begun_before: bool,
    origin: u64,
    sequence: u64,
    journal_time_ns: u64,
}

/// What handling a batch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// So many events were handled.
    Events(u64),
    /// The journal ends here for now.
    End,
}

impl Input {
    /// Starts behind the sequence `origin`.
    pub(super) fn from_origin(
        reader: &JournalReader,
        partition: u32,
        origin: u64,
        begin: Begin,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            partition,
            cursor: reader.cursor_from(partition, origin)?,
            viewer: Viewer::default(),
            begin,
            may_have_begun_before: begin != Begin::Begun && origin > 0,
            origin,
            sequence: origin,
            journal_time_ns: 0,
        })
    }

    /// Another one that starts where this one once began.
    pub(super) fn begun_again(&self, reader: &JournalReader) -> Result<Self, ReadError> {
        Ok(Self {
            may_have_begun_before: self.may_have_begun_before,
            ..Self::from_origin(reader, self.partition, self.origin, self.begin)?
        })
    }

    /// Goes on where a checkpoint was taken.
    pub(super) fn from_checkpoint(
        reader: &JournalReader,
        partition: u32,
        reached: &Reached,
        begin: Begin,
    ) -> Result<Self, ReadError> {
        let mark = Mark {
            name: String::new(),
            sequence: reached.sequence,
            position: reached.position,
        };
        Ok(Self {
            partition,
            cursor: reader.cursor_at(partition, &mark)?,
            viewer: Viewer::default(),
            begin: match reached.has_begun {
                true => Begin::Begun,
                false => begin,
            },
            // An event that was looked at has left its time.
            may_have_begun_before: !reached.has_begun
                && reached.sequence > 0
                && reached.journal_time_ns == 0,
            origin: reached.origin,
            sequence: reached.sequence,
            journal_time_ns: reached.journal_time_ns,
        })
    }

    pub(super) fn partition(&self) -> u32 {
        self.partition
    }

    /// The last sequence that was handled.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn journal_time_ns(&self) -> u64 {
        self.journal_time_ns
    }

    /// The last sequence in front of the first event that is applied.
    pub(super) fn origin(&self) -> u64 {
        self.origin
    }

    /// Where it stands, for a checkpoint, and the group that has to be synced before that counts.
    pub(super) fn reached(&self) -> (Reached, u64) {
        let (mark, needs_group) = self.cursor.mark("");
        let reached = Reached {
            sequence: self.sequence,
            position: mark.position,
            origin: self.origin,
            has_begun: self.begin == Begin::Begun,
            journal_time_ns: self.journal_time_ns,
        };
        (reached, needs_group)
    }

    /// The mark behind what was handled, and the group that has to be synced before it counts.
    pub(super) fn mark(&self, name: &str) -> (Mark, u64) {
        self.cursor.mark(name)
    }

    /// The last group that is known to be synced.
    pub(super) fn witnessed_group(&self) -> u64 {
        self.cursor.witnessed_group()
    }

    /// Looks again at how far the journal goes.
    pub(super) fn look(&mut self) -> Result<(), Cause> {
        self.cursor.refresh().map_err(read)
    }

    /// Handles some events, but none above the sequence `up_to`. Reads of the journal come before
    /// `lock`, which holds the state for as long as events are applied.
    pub(super) fn fold<P: Projection, G: DerefMut<Target = P>>(
        &mut self,
        up_to: u64,
        lock: impl FnOnce() -> G,
    ) -> Result<Folded, Cause> {
        if self.sequence >= up_to {
            return Ok(Folded::End);
        }
        let before = self.sequence;
        let mut skipped = 0;
        let first = loop {
            let Some(event) = self.cursor.next_event().map_err(read)? else {
                return Ok(Folded::End);
            };
            if begins(self.begin, &event.meta) {
                if self.begin != Begin::Begun && self.may_have_begun_before {
                    return Err(read(ReadError::Retired {
                        partition: self.partition,
                        earliest: event.meta.sequence,
                    }));
                }
                break event;
            }
            self.may_have_begun_before = false;
            self.sequence = event.meta.sequence;
            self.origin = event.meta.sequence;
            self.journal_time_ns = event.meta.journal_time_ns;
            skipped += 1;
            if skipped == SKIP_EVENTS || self.sequence >= up_to {
                return Ok(Folded::Events(self.sequence - before));
            }
        };
        self.begin = Begin::Begun;
        let meta = first.meta;
        let mut state = lock();
        let applied = apply(&mut *state, &first, &mut self.viewer);
        self.handled(meta, applied)?;
        for _ in 1..BATCH_EVENTS {
            if self.sequence >= up_to {
                break;
            }
            let Some(event) = self.cursor.next_in_group().map_err(read)? else {
                break;
            };
            let meta = event.meta;
            let applied = apply(&mut *state, &event, &mut self.viewer);
            self.handled(meta, applied)?;
        }
        Ok(Folded::Events(self.sequence - before))
    }

    fn handled(&mut self, meta: EventMeta, applied: Result<(), Cause>) -> Result<(), Cause> {
        applied?;
        self.sequence = meta.sequence;
        self.journal_time_ns = meta.journal_time_ns;
        Ok(())
    }
}

fn begins(begin: Begin, meta: &EventMeta) -> bool {
    match begin {
        Begin::Begun => true,
        Begin::AtJournalTime(time_ns) => meta.journal_time_ns >= time_ns,
        Begin::AtEventTime(time_ms) => meta.event_time_ms >= time_ms,
    }
}

fn apply<P: Projection>(
    state: &mut P,
    event: &RecordedEvent<'_>,
    viewer: &mut Viewer,
) -> Result<(), Cause> {
    let view = event
        .view::<P::Event>(viewer)
        .map_err(|error| Cause::View(Arc::new(error)))?;
    let apply = AssertUnwindSafe(|| {
        let _inside = Callback::enter();
        state.apply(view, &event.meta)
    });
    match catch_unwind(apply) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let error: Arc<dyn Error + Send + Sync> = Arc::new(error);
            Err(Cause::Apply(error))
        }
        Err(payload) => Err(Cause::Panicked(panic_message(&*payload).into())),
    }
}

pub(super) fn read(error: ReadError) -> Cause {
    Cause::Read(Arc::new(error))
}
