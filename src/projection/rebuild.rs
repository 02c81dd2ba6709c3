//! A second instance that is folded beside the one that answers.
#![forbid(unsafe_code)]

use std::fmt;

use super::input::{Folded, Input, read};
use super::model::Shared;
use super::{Failure, Projection, RebuildError};
use crate::callback;
use crate::journal::{JournalReader, remove_mark, store_mark};
use crate::sync::{self, Arc, OnceLock};
use crate::watermark::Watermark;

/// Batches of each partition in a step.
const BATCHES_A_STEP: usize = 16;

/// A rebuild that was asked for.
#[derive(Clone)]
pub struct Rebuild(Arc<Ticket>);

impl Rebuild {
    pub(super) fn new(ticket: Arc<Ticket>) -> Self {
        Self(ticket)
    }

    /// Blocks until the new state is in the old one's place.
    ///
    /// # Errors
    ///
    /// [`RebuildError`]: the old state then goes on answering.
    pub fn wait(&self) -> Result<(), RebuildError> {
        if self.0.outcome.get().is_none() && callback::is_inside() {
            return Err(RebuildError::WouldDeadlock);
        }
        let _ = self.0.settled.wait(1);
        self.0
            .outcome
            .get()
            .cloned()
            .unwrap_or(Err(RebuildError::Stopped))
    }

    /// Whether [`wait`](Self::wait) returns at once.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.0.outcome.get().is_some()
    }
}

impl fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rebuild")
            .field(&self.0.outcome.get())
            .finish()
    }
}

/// Where the outcome of a rebuild is told.
pub(super) struct Ticket {
    outcome: OnceLock<Result<(), RebuildError>>,
    /// Becomes 1 behind the outcome.
    settled: Watermark,
}

impl Ticket {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            outcome: OnceLock::new(),
            settled: Watermark::new(0),
        })
    }

    pub(super) fn settle(&self, outcome: Result<(), RebuildError>) {
        // The first outcome stands.
        if self.outcome.set(outcome).is_ok() {
            self.settled.advance(1);
        }
    }
}

/// A rebuild as the projector gets it.
pub(super) struct Request<P> {
    pub(super) fresh: P,
    pub(super) ticket: Arc<Ticket>,
}

/// Answers a request that nobody will take.
pub(super) fn refuse<P>(shared: &Shared<P>) {
    let request = sync::lock(&shared.request).take();
    if let Some(request) = request {
        request.ticket.settle(Err(RebuildError::Stopped));
    }
}

/// The second instance, on its way.
pub(super) struct Beside<P> {
    pub(super) state: P,
    inputs: Vec<Input>,
    pub(super) ticket: Arc<Ticket>,
    mark_name: String,
}

/// How a rebuild is doing after a step.
pub(super) enum Advance {
    Progress,
    /// It has come as far as the old one.
    Equal,
}

impl<P: Projection> Beside<P> {
    /// Begins where `inputs` once began.
    pub(super) fn start(
        reader: &JournalReader,
        name: &Arc<str>,
        inputs: &[Input],
        request: Request<P>,
    ) -> Option<Self> {
        let Request { fresh, ticket } = request;
        let mark_name = rebuild_mark_name(name);
        let begun = inputs.iter().map(|input| {
            let begun = input.begun_again(reader);
            begun.map_err(|error| Failure {
                name: Arc::clone(name),
                partition: input.partition(),
                sequence: input.origin() + 1,
                cause: read(error),
            })
        });
        let mut beside = match begun.collect() {
            Ok(inputs) => Self {
                state: fresh,
                inputs,
                ticket,
                mark_name,
            },
            Err(failure) => {
                ticket.settle(Err(RebuildError::Failed(failure)));
                return None;
            }
        };
        beside.store_marks(reader);
        Some(beside)
    }

    /// Folds some events, up to where `old` is.
    pub(super) fn step(&mut self, name: &Arc<str>, old: &[Input]) -> Result<Advance, Failure> {
        let mut is_equal = true;
        for (input, old) in self.inputs.iter_mut().zip(old) {
            for _ in 0..BATCHES_A_STEP {
                let state = &mut self.state;
                let folded = input.fold(old.sequence(), || &mut *state);
                let folded = match folded {
                    // The old one has been told of more: look again, too.
                    Ok(Folded::End) if input.sequence() < old.sequence() => {
                        input.look().map(|()| Folded::End)
                    }
                    folded => folded,
                };
                match folded {
                    Ok(Folded::Events(_)) => {}
                    Ok(Folded::End) => break,
                    Err(cause) => {
                        return Err(Failure {
                            name: Arc::clone(name),
                            partition: input.partition(),
                            sequence: input.sequence() + 1,
                            cause,
                        });
                    }
                }
            }
            is_equal &= input.sequence() == old.sequence();
        }
        Ok(match is_equal {
            true => Advance::Equal,
            false => Advance::Progress,
        })
    }

    /// Tells retention what is still to be read. A failure only means that less is kept: what is
    /// missing then ends the rebuild, loudly.
    pub(super) fn store_marks(&mut self, reader: &JournalReader) {
        for input in &self.inputs {
            let (mark, needs_group) = input.mark(&self.mark_name);
            if needs_group > input.witnessed_group() {
                continue;
            }
            let partition = input.partition();
            let directory = reader.partition_dir(partition);
            let stored = store_mark(
                &*reader.storage,
                &directory,
                partition,
                reader.journal_id(),
                &mark,
            );
            if let Err(error) = stored {
                tracing::warn!(partition, %error, "cannot keep what a rebuild reads");
            }
        }
    }
}

/// Tells retention that no rebuild is under way.
pub(super) fn remove_marks(reader: &JournalReader, name: &str) {
    let mark_name = rebuild_mark_name(name);
    for partition in 0..reader.partitions() {
        let directory = reader.partition_dir(partition);
        if let Err(error) = remove_mark(&*reader.storage, &directory, &mark_name) {
            tracing::warn!(partition, %error, "a rebuild that is over still holds retention back");
        }
    }
}

/// A dot, so that no cursor of the user's is named so.
pub(super) fn rebuild_mark_name(name: &str) -> String {
    format!("{name}.rebuild")
}
