//! What users implement to have commands decided.
#![forbid(unsafe_code)]

use rkyv::api::low::LowDeserializer;
use rkyv::rancor::Error as RkyvError;
use rkyv::{Archive, Deserialize};

use super::Events;
use crate::event::{EventBody, State};

/// Something that is asked of a state: derive rkyv's `Archive` and `Serialize` on it.
///
/// Commands are not journaled, so an enum is as good as a struct, and its layout may change from
/// program to program.
pub trait Command: EventBody + Send + 'static {
    /// The key that decides the partition. What the command is checked against, and the events that
    /// come of it, must be of keys of that partition.
    fn key(&self) -> u64;
}

/// What a command is answered with: derive rkyv's `Archive`, `Serialize` and `Deserialize` on it.
///
/// It is archived only where the command has an id: its outcome is journaled then. Numbers, strings,
/// options, `()` and structs and enums of those are answers without further ado.
pub trait CommandAnswer:
    EventBody
    + Archive<Archived: Deserialize<Self, LowDeserializer<RkyvError>>>
    + Sized
    + Send
    + 'static
{
}

impl<T> CommandAnswer for T where
    T: EventBody + Archive<Archived: Deserialize<T, LowDeserializer<RkyvError>>> + Send + 'static
{
}

/// State that decides commands.
///
/// `decide` runs on the thread that owns the state, between two events: nothing changes between the
/// check and the events that it pushes. Those are numbered, journaled in one group, and applied, in
/// that order and before the next command is decided. So a crash never keeps some of them.
pub trait Decider: State {
    /// What is asked.
    type Command: Command;
    /// What an accepted command is answered with.
    type Reply: CommandAnswer;
    /// What a rejected command is answered with.
    type Rejection: CommandAnswer;

    /// The version of how [`Reply`](Self::Reply) and [`Rejection`](Self::Rejection) are laid out, which are
    /// journaled where a command has an id: raise it when either changes. A retry of a command that was
    /// decided under another version is told so
    /// ([`CommandFailure::NotArchived`](super::CommandFailure::NotArchived)), and not decided again.
    const ANSWERS_VERSION: u16 = 1;

    /// Decides a command: pushes what happens to `events`, and replies; or rejects it, and then
    /// nothing happens, whatever was pushed.
    ///
    /// It is called once for a command that is answered; where the journal is behind, it may be called
    /// for the same command and the same state again before that. It is not called in replay.
    ///
    /// # Errors
    ///
    /// The rejection: a value like the reply. Without a command id it is not journaled.
    ///
    /// # Panics
    ///
    /// A panic is contained: nothing happens, the command is answered with
    /// [`CommandFailure::Panicked`](super::CommandFailure::Panicked), and
    /// [`PartitionStats::decide_panics`](crate::PartitionStats) counts it.
    fn decide(
        &self,
        command: &<Self::Command as Archive>::Archived,
        events: &mut Events<Self::Event>,
    ) -> Result<Self::Reply, Self::Rejection>;

    /// Told of commands that [`decide`](Self::decide) gets next, a few dozen at a time: the moment to
    /// have the memory fetched that they will touch, as [`State::prefetch`] is for events.
    ///
    /// It changes nothing, and a panic in it is passed over.
    #[inline]
    fn prefetch_commands(&self, coming: &[&<Self::Command as Archive>::Archived]) {
        let _ = coming;
    }
}
