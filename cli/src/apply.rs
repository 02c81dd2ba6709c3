//! Folding the journal's events into state, outside a pipeline.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;
use ringlog::journal::RecordedEvent;
use ringlog::{Event, State};

/// Applies an event, looked at already, to `state`. A panic in `apply` becomes an error that names
/// the event.
pub(crate) fn apply_view<S: State>(
    state: &mut S,
    view: <S::Event as Event>::View<'_>,
    event: &RecordedEvent<'_>,
) -> anyhow::Result<()> {
    catch_unwind(AssertUnwindSafe(|| state.apply(view, &event.meta))).map_err(|payload| {
        anyhow!(
            "`apply` panicked at {}: {}",
            place(event),
            message(&*payload)
        )
    })
}

/// Where an event is, for a person.
pub(crate) fn place(event: &RecordedEvent<'_>) -> String {
    format!(
        "partition {}, sequence {}",
        event.meta.partition, event.meta.sequence
    )
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match (
        payload.downcast_ref::<&str>(),
        payload.downcast_ref::<String>(),
    ) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without a text",
    }
}
