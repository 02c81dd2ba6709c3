//! Events that are about to be applied, for the state to be told of.
#![forbid(unsafe_code)]

use arrayvec::ArrayVec;

use super::{Event, State};
use crate::journal::format::FrameHeader;

/// How many events are told to [`State::prefetch`] before they are applied: enough for their memory
/// to arrive, few enough for the innermost cache to hold it.
pub(crate) const EVENTS_MAX: usize = 64;

/// A few events on their way to `apply`; nothing of it is on the heap.
pub(crate) struct Coming<'a, E: Event> {
    partition: u32,
    views: ArrayVec<E::View<'a>, EVENTS_MAX>,
    headers: ArrayVec<&'a FrameHeader, EVENTS_MAX>,
}

impl<'a, E: Event> Coming<'a, E> {
    pub(crate) fn new(partition: u32) -> Self {
        Self {
            partition,
            views: ArrayVec::new(),
            headers: ArrayVec::new(),
        }
    }

    /// Adds an event; `true` when it is time to apply them.
    #[inline]
    pub(crate) fn push(&mut self, view: E::View<'a>, header: &'a FrameHeader) -> bool {
        self.views.push(view);
        self.headers.push(header);
        self.views.is_full()
    }

    /// Applies the events, the first of which is `next_sequence`, and forgets them. `next_sequence` is
    /// at any time that of the event to be applied next, so that it tells whose `apply` panicked.
    #[inline]
    pub(crate) fn apply<S: State<Event = E>>(&mut self, state: &mut S, next_sequence: &mut u64) {
        state.prefetch(&self.views);
        for (view, header) in self.views.drain(..).zip(&self.headers) {
            state.apply(view, &header.meta(self.partition, *next_sequence));
            *next_sequence += 1;
        }
        self.headers.clear();
    }
}
