//! Deciding the commands of one partition, which knows neither their type nor that of their answers.
#![allow(unsafe_code, reason = "calls the trusted access")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrayvec::ArrayVec;
use rkyv::Archive;
use rkyv::api::low;
use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;

use super::outcome::{ANSWER_BYTES_MAX, OUTCOME_BYTES_MAX, VERDICT_ACCEPTED, VERDICT_REJECTED};
use super::{
    Answered, AppendOutcome, Clients, CommandAnswer, CommandFailure, Decider, Events, NotDecided,
    Outcome, OutcomeOf, RecordedOutcome, Replier,
};
use crate::EVENT_BYTES_MAX;
use crate::callback::{self, Callback, panic_message};
use crate::event::{Archiver, State, view_checked, view_trusted};
use crate::journal::format::{Frame, FrameHeader};
use crate::sync::{Arc, OnceLock};

/// How many commands are told to [`Decider::prefetch_commands`] at a time.
pub(crate) const COMMANDS_AHEAD: usize = 32;

const _: () = assert!(
    OUTCOME_BYTES_MAX <= EVENT_BYTES_MAX,
    "as long as a frame may be"
);

/// What `decide` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Rejected,
    Panicked,
    Failed,
}

/// Decides commands of a state.
pub(crate) trait Decides<S: State>: Send {
    /// Shows a command to the state. The events of what is not accepted are cleared.
    fn decide(&mut self, state: &S, command: &Frame<'_>, events: &mut Events<S::Event>);

    /// `Decider::ANSWERS_VERSION`.
    fn answers_version(&self) -> u16;

    /// Tells the state of commands to come.
    fn prefetch(&mut self, state: &S, commands: &[Frame<'_>]);

    /// The body of the outcome's record, for a command that was just decided. Where the answer cannot
    /// be archived the command fails, and its events are cleared.
    fn record(&mut self, first_sequence: u64, events: &mut Events<S::Event>) -> &[u8];

    /// The command that was just decided fails all the same.
    fn fail(&mut self, failure: CommandFailure);

    /// Answers the command that was just decided; says what that came to in the end.
    fn answer(&mut self, command: &FrameHeader, first_sequence: u64, events: u32) -> Verdict;

    /// Answers a command with the outcome that it had before.
    fn repeat(&mut self, command: &FrameHeader, recorded: &RecordedOutcome<'_>);

    /// Answers a command whose outcome is forgotten.
    fn expire(&mut self, command: &FrameHeader);
}

/// What the clients of a pipeline and its partitions share.
pub(crate) struct Commands<S: State> {
    /// Set by the first client: only it knows that the state decides.
    decider: OnceLock<Deciding<S>>,
    /// Who appends.
    pub(crate) appenders: Arc<Clients<Result<AppendOutcome, NotDecided>>>,
}

/// Makes what decides for a partition, and the clients that it answers.
struct Deciding<S: State> {
    make: Make<S>,
    clients: Arc<dyn Any + Send + Sync>,
}

type Make<S> = fn(&(dyn Any + Send + Sync), u32) -> Option<Box<dyn Decides<S>>>;

type ClientsOf<D> = Clients<Result<OutcomeOf<D>, NotDecided>>;

impl<S: State> Default for Commands<S> {
    fn default() -> Self {
        Self {
            decider: OnceLock::new(),
            appenders: Arc::default(),
        }
    }
}

impl<S: State> Commands<S> {
    /// What decides in `partition`; `None` before there was a client.
    pub(crate) fn decides(&self, partition: u32) -> Option<Box<dyn Decides<S>>> {
        let decider = self.decider.get()?;
        (decider.make)(&*decider.clients, partition)
    }
}

impl<D: Decider> Commands<D> {
    /// The clients; from now on partitions find out how to decide.
    pub(crate) fn clients(&self) -> Arc<ClientsOf<D>> {
        if self.decider.get().is_none() {
            // Another client may be faster: its stays, and is of the same type.
            let _ = self.decider.set(Deciding {
                make: make::<D>,
                clients: Arc::new(Arc::<ClientsOf<D>>::default()),
            });
        }
        let clients = self.decider.get().map(|decider| &*decider.clients);
        clients
            .and_then(|clients| clients.downcast_ref::<Arc<ClientsOf<D>>>())
            .cloned()
            .expect("a state decides in one way only")
    }
}

impl<S: State> std::fmt::Debug for Commands<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commands")
            .field("is_decider", &self.decider.get().is_some())
            .finish_non_exhaustive()
    }
}

fn make<D: Decider>(
    clients: &(dyn Any + Send + Sync),
    partition: u32,
) -> Option<Box<dyn Decides<D>>> {
    let clients = clients.downcast_ref::<Arc<ClientsOf<D>>>()?;
    Some(Box::new(OfPartition::<D> {
        replier: Replier::new(Arc::clone(clients)),
        partition,
        last: Decided::Answered,
        archiver: Archiver::new(0, ANSWER_BYTES_MAX),
        record: AlignedVec::new(),
    }))
}

/// What decides for one partition.
struct OfPartition<D: Decider> {
    replier: Replier<Result<OutcomeOf<D>, NotDecided>>,
    partition: u32,
    last: Decided<D>,
    archiver: Archiver,
    /// The body of an outcome's record.
    record: AlignedVec<16>,
}

/// What the last command came to.
enum Decided<D: Decider> {
    Accepted(D::Reply),
    Rejected(D::Rejection),
    Failed(CommandFailure),
    /// And was answered.
    Answered,
}

impl<D: Decider> Decides<D> for OfPartition<D> {
    #[inline]
    fn decide(&mut self, state: &D, command: &Frame<'_>, events: &mut Events<D::Event>) {
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            // SAFETY: the client had these bytes validated as an archive of its commands before they
            // entered the ring, which is written by nobody else; they were copied unchanged to a
            // 16-byte aligned place. A pipeline has one state, and that one type of commands.
            let command = unsafe { view_trusted::<D::Command>(command.body) };
            state.decide(command, events)
        }));
        let last = match decided {
            Ok(Ok(reply)) => match events.take_failure() {
                None => Decided::Accepted(reply),
                Some(failure) => {
                    callback::drop_contained(reply);
                    Decided::Failed(failure)
                }
            },
            Ok(Err(rejection)) => Decided::Rejected(rejection),
            Err(payload) => {
                let message = panic_message(&*payload).into();
                Decided::Failed(CommandFailure::Panicked { message })
            }
        };
        if !matches!(last, Decided::Accepted(_)) {
            events.clear();
        }
        self.set_last(last);
    }

    fn answers_version(&self) -> u16 {
        D::ANSWERS_VERSION
    }

    fn prefetch(&mut self, state: &D, commands: &[Frame<'_>]) {
        let mut coming: ArrayVec<&<D::Command as Archive>::Archived, COMMANDS_AHEAD> =
            ArrayVec::new();
        for command in commands.iter().take(COMMANDS_AHEAD) {
            // SAFETY: as in `decide`.
            coming.push(unsafe { view_trusted::<D::Command>(command.body) });
        }
        // A panic costs the prefetching, and nothing else.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            state.prefetch_commands(&coming);
        }));
    }

    fn record(&mut self, first_sequence: u64, events: &mut Events<D::Event>) -> &[u8] {
        if let Err(failure) = self.archive_answer() {
            events.clear();
            self.set_last(Decided::Failed(failure));
        }
        let failed;
        let (verdict, answer) = match &self.last {
            Decided::Accepted(_) => (VERDICT_ACCEPTED, self.archiver.archived()),
            Decided::Rejected(_) | Decided::Answered => {
                (VERDICT_REJECTED, self.archiver.archived())
            }
            Decided::Failed(failure) => {
                failed = failure.recorded();
                (failed.0, &failed.1[..])
            }
        };
        let recorded = RecordedOutcome {
            version: D::ANSWERS_VERSION,
            first_sequence,
            events: u32::try_from(events.len()).unwrap_or(u32::MAX),
            verdict,
            answer,
        };
        self.record.clear();
        self.record.extend_from_slice(&recorded.prefix());
        self.record.extend_from_slice(answer);
        &self.record
    }

    fn fail(&mut self, failure: CommandFailure) {
        self.set_last(Decided::Failed(failure));
    }

    #[inline]
    fn answer(&mut self, command: &FrameHeader, first_sequence: u64, events: u32) -> Verdict {
        let partition = self.partition;
        let answered = match std::mem::replace(&mut self.last, Decided::Answered) {
            Decided::Accepted(reply) => Ok(Outcome::Accepted(Answered {
                reply,
                partition,
                first_sequence,
                events,
                is_repeated: false,
            })),
            Decided::Rejected(reply) => Ok(Outcome::Rejected(Answered {
                reply,
                partition,
                first_sequence,
                events: 0,
                is_repeated: false,
            })),
            Decided::Failed(failure) => Err(NotDecided::Failed(failure)),
            Decided::Answered => return Verdict::Failed,
        };
        let verdict = match &answered {
            Ok(Outcome::Accepted(_)) => Verdict::Accepted,
            Ok(Outcome::Rejected(_)) => Verdict::Rejected,
            Err(NotDecided::Failed(CommandFailure::Panicked { .. })) => Verdict::Panicked,
            Err(_) => Verdict::Failed,
        };
        self.send(command, answered);
        verdict
    }

    fn repeat(&mut self, command: &FrameHeader, recorded: &RecordedOutcome<'_>) {
        let answered = self.repeated(recorded);
        self.send(command, answered.map_err(NotDecided::Failed));
    }

    fn expire(&mut self, command: &FrameHeader) {
        self.send(command, Err(NotDecided::Expired));
    }
}

impl<D: Decider> OfPartition<D> {
    #[inline]
    fn set_last(&mut self, last: Decided<D>) {
        let before = std::mem::replace(&mut self.last, last);
        // A command that is decided again leaves an answer that is the user's to drop.
        if !matches!(before, Decided::Answered) {
            callback::drop_contained(before);
        }
    }

    /// Archives what was decided.
    fn archive_answer(&mut self) -> Result<(), CommandFailure> {
        let (last, archiver) = (&self.last, &mut self.archiver);
        let archived = catch_unwind(AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            match last {
                Decided::Accepted(reply) => archive(archiver, reply),
                Decided::Rejected(rejection) => archive(archiver, rejection),
                Decided::Failed(_) | Decided::Answered => Ok(()),
            }
        }));
        archived.unwrap_or_else(|payload| {
            let message = panic_message(&*payload).into();
            Err(CommandFailure::NotArchived { message })
        })
    }

    /// The outcome in a record.
    fn repeated(&mut self, recorded: &RecordedOutcome<'_>) -> Result<OutcomeOf<D>, CommandFailure> {
        if let Some(failure) = recorded.failure() {
            return Err(failure);
        }
        // Where it was kept it is not aligned.
        self.record.clear();
        self.record.extend_from_slice(recorded.answer);
        let partition = self.partition;
        let (version, known) = (recorded.version, D::ANSWERS_VERSION);
        match recorded.verdict {
            VERDICT_ACCEPTED | VERDICT_REJECTED if version != known => Err(not_archived(format!(
                "the answer of that time has version {version}, this program's have {known}"
            ))),
            VERDICT_ACCEPTED => {
                let reply = read_answer::<D::Reply>(&self.record)?;
                Ok(Outcome::Accepted(again(reply, partition, recorded)))
            }
            VERDICT_REJECTED => {
                let rejection = read_answer::<D::Rejection>(&self.record)?;
                Ok(Outcome::Rejected(again(rejection, partition, recorded)))
            }
            verdict => Err(not_archived(format!(
                "this program does not know the verdict {verdict} of that time"
            ))),
        }
    }

    #[inline]
    fn send(&mut self, command: &FrameHeader, answered: Result<OutcomeOf<D>, NotDecided>) {
        let address = command.event_time_ms.cast_unsigned();
        self.replier.answer(address, command.source_lag, answered);
    }
}

fn again<T>(reply: T, partition: u32, recorded: &RecordedOutcome<'_>) -> Answered<T> {
    Answered {
        reply,
        partition,
        first_sequence: recorded.first_sequence,
        events: recorded.events,
        is_repeated: true,
    }
}

fn archive<T: CommandAnswer>(archiver: &mut Archiver, answer: &T) -> Result<(), CommandFailure> {
    archiver
        .archive(answer)
        .map_err(|error| not_archived(error.to_string()))?;
    view_checked::<T>(archiver.archived())
        .map(drop)
        .map_err(|error| not_archived(error.to_string()))
}

/// An answer that was journaled, perhaps by another program.
fn read_answer<T: CommandAnswer>(bytes: &[u8]) -> Result<T, CommandFailure> {
    let read = view_checked::<T>(bytes)
        .map_err(|error| error.to_string())
        .and_then(|archived| {
            let value = low::deserialize::<T, RkyvError>(archived);
            value.map_err(|error| error.to_string())
        });
    read.map_err(|error| {
        let what = "the answer of that time is not one of this program's";
        not_archived(format!("{what}: {error}"))
    })
}

fn not_archived(message: String) -> CommandFailure {
    CommandFailure::NotArchived {
        message: message.into(),
    }
}
