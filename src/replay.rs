//! Folding the journal's groups into state and tables, as the partition did when they were live.
#![forbid(unsafe_code)]

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrayvec::ArrayVec;

use crate::callback::{Callback, panic_message};
use crate::event::{Coming, EVENTS_MAX, Event, State, ViewError, Viewer};
use crate::journal::format::Frame;
use crate::journal::{GroupFrames, RecoverError, Walk};
use crate::snapshot::Tables;

/// A partition's state and tables, on their way through the journal.
#[derive(Debug)]
pub(crate) struct Replay<S> {
    pub(crate) partition: u32,
    pub(crate) state: S,
    pub(crate) tables: Tables,
}

/// Why replay ended early.
#[derive(Debug)]
pub(crate) enum ReplayError {
    /// The event of this sequence is not one of this program's.
    View(u64, ViewError),
    /// `apply` panicked for the event of this sequence.
    Panicked(u64, String),
}

impl<S: State> Replay<S> {
    /// Folds one group.
    ///
    /// A panic is contained once for the whole group, not for each event: what costs time is that
    /// nothing can be inlined across it.
    pub(crate) fn fold(
        &mut self,
        group: &GroupFrames<'_>,
    ) -> Result<(), RecoverError<ReplayError>> {
        // Outside of what may panic: the next event to be applied.
        let mut next_sequence = group.first_sequence();
        catch_unwind(AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            let mut walk = group.walk();
            let mut viewer = Viewer::default();
            loop {
                let folded = self.fold_current(&mut walk, &mut next_sequence);
                // Known when it is compiled: a program without older versions has no trace of them here.
                let is_older = !S::Event::OLDER_TYPES.is_empty()
                    && matches!(
                        folded,
                        Err(RecoverError::Frame(ReplayError::View(
                            _,
                            ViewError::OlderVersion { .. }
                        )))
                    );
                match walk.refused().filter(|_| is_older) {
                    Some(frame) => {
                        self.fold_mixed(frame, &mut walk, &mut viewer, &mut next_sequence)?;
                    }
                    None => return folded,
                }
            }
        }))
        .unwrap_or_else(|payload| {
            let message = panic_message(&*payload);
            let panicked = ReplayError::Panicked(next_sequence, message);
            Err(RecoverError::Frame(panicked))
        })
    }

    /// Folds events of the current versions, up to the first one that is of an older version.
    #[inline(always)]
    fn fold_current(
        &mut self,
        walk: &mut Walk<'_, '_>,
        next_sequence: &mut u64,
    ) -> Result<(), RecoverError<ReplayError>> {
        let Self {
            partition,
            state,
            tables,
        } = self;
        let mut coming = Coming::new(*partition);
        let walked = walk.each(|sequence, frame| {
            tables.replay(frame);
            if frame.header.is_control() {
                return Ok(());
            }
            let view = S::Event::view(frame.header.kind, frame.header.version, frame.body)
                .map_err(|error| RecoverError::Frame(ReplayError::View(sequence, error)))?;
            if coming.push(view, frame.header) {
                coming.apply(state, next_sequence);
            }
            Ok(())
        });
        // Also behind an error, which the last events may precede with a panic of their own.
        coming.apply(state, next_sequence);
        walked
    }

    /// Folds `first`, which is of an older version, and a few dozen events behind it, of whichever
    /// version: upcast one after the other, and then told to the state and applied together, as those
    /// of the current version are.
    #[cold]
    #[inline(never)]
    fn fold_mixed<'h>(
        &mut self,
        first: Frame<'h>,
        walk: &mut Walk<'_, 'h>,
        viewer: &mut Viewer,
        next_sequence: &mut u64,
    ) -> Result<(), RecoverError<ReplayError>> {
        let Self {
            partition,
            state,
            tables,
        } = self;
        let mut batch = MixedBatch::default();
        // Everything before it was applied.
        let mut walked = batch.take::<S::Event>(*next_sequence, &first, viewer);
        if walked.is_ok() {
            walked = walk.each(|sequence, frame| {
                tables.replay(frame);
                if frame.header.is_control() {
                    return Ok(());
                }
                batch.take::<S::Event>(sequence, frame, viewer)
            });
        }
        // Also behind an error, as above.
        let applied = batch.apply(*partition, state, viewer, next_sequence);
        viewer.forget_kept();
        match (applied, walked) {
            // It precedes what ended the walk.
            (Err(error), _) | (Ok(()), Err(RecoverError::Frame(Full::Refused(error)))) => {
                Err(RecoverError::Frame(error))
            }
            (Ok(()), Err(RecoverError::Read(error))) => Err(RecoverError::Read(error)),
            (Ok(()), Ok(()) | Err(RecoverError::Frame(Full::Batch))) => Ok(()),
        }
    }
}

/// Events that are taken before any of them is applied.
#[derive(Default)]
struct MixedBatch<'h> {
    events: ArrayVec<Taken<'h>, EVENTS_MAX>,
}

struct Taken<'h> {
    frame: Frame<'h>,
    /// What it is looked at as: the current version, where it was upcast.
    version: u16,
    /// Where the viewer has its archive, if it was upcast.
    upcast: Option<Range<usize>>,
}

/// Why a batch takes no more events.
enum Full {
    Batch,
    Refused(ReplayError),
}

impl<'h> MixedBatch<'h> {
    /// Takes one event; an error behind the last one there is room for.
    fn take<E: Event>(
        &mut self,
        sequence: u64,
        frame: &Frame<'h>,
        viewer: &mut Viewer,
    ) -> Result<(), RecoverError<Full>> {
        let (kind, version) = (frame.header.kind, frame.header.version);
        let is_older = E::OLDER_TYPES
            .iter()
            .any(|older| (older.kind, older.version) == (kind, version));
        let (mut version, mut upcast) = (version, None);
        if is_older {
            let kept = viewer.keep::<E>(kind, version, frame.body);
            let (current, range) = kept.map_err(|error| {
                let refused = ReplayError::View(sequence, error);
                RecoverError::Frame(Full::Refused(refused))
            })?;
            (version, upcast) = (current, Some(range));
        }
        self.events.push(Taken {
            frame: *frame,
            version,
            upcast,
        });
        match self.events.is_full() {
            true => Err(RecoverError::Frame(Full::Batch)),
            false => Ok(()),
        }
    }

    /// Applies the events, up to the first one that is none of this program's.
    fn apply<S: State>(
        &self,
        partition: u32,
        state: &mut S,
        viewer: &Viewer,
        next_sequence: &mut u64,
    ) -> Result<(), ReplayError> {
        let mut coming = Coming::new(partition);
        let mut refused = None;
        for taken in &self.events {
            let header = taken.frame.header;
            let bytes = match &taken.upcast {
                Some(range) => viewer.kept(range),
                None => taken.frame.body,
            };
            match S::Event::view(header.kind, taken.version, bytes) {
                // As many fit as the batch holds.
                Ok(view) => _ = coming.push(view, header),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        coming.apply(state, next_sequence);
        match refused {
            Some(error) => Err(ReplayError::View(*next_sequence, error)),
            None => Ok(()),
        }
    }
}
