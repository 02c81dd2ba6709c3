//! Events that are about to be applied, for the state to be told of.
#![forbid(unsafe_code)]

use smallvec::SmallVec;

use super::{Event, EventMeta, State};

/// How many events are told to [`State::prefetch`] before they are applied: enough for their memory
/// to arrive, few enough for the innermost cache to hold it.
const EVENTS_MAX: usize = 64;

/// A few events on their way to `apply`; nothing of it is on the heap.
pub(crate) struct Coming<'a, E: Event> {
    views: SmallVec<[E::View<'a>; EVENTS_MAX]>,
    metas: SmallVec<[EventMeta; EVENTS_MAX]>,
}

impl<'a, E: Event> Coming<'a, E> {
    pub(crate) fn new() -> Self {
        Self {
            views: SmallVec::new(),
            metas: SmallVec::new(),
        }
    }

    /// Adds an event; `true` when it is time to apply them.
    #[inline]
    pub(crate) fn push(&mut self, view: E::View<'a>, meta: EventMeta) -> bool {
        self.views.push(view);
        self.metas.push(meta);
        self.views.len() >= EVENTS_MAX
    }

    /// Applies the events and forgets them. `next_sequence` is at any time that of the event to be
    /// applied next, so that it tells whose `apply` panicked.
    #[inline]
    pub(crate) fn apply<S: State<Event = E>>(&mut self, state: &mut S, next_sequence: &mut u64) {
        state.prefetch(&self.views);
        for (view, meta) in self.views.drain(..).zip(&self.metas) {
            state.apply(view, meta);
            *next_sequence = meta.sequence + 1;
        }
        self.metas.clear();
    }
}
