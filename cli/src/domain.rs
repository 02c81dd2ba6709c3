//! What the program needs to know of a user's events to offer its subcommands for them.

use ringlog::{Decider, Event, EventMeta, State};
use serde_json::{Map, Value};

use crate::CommandSide;

/// An application's events and state, as the program `ringlog` sees them.
///
/// Implement it and call [`run::<YourDomain>()`](crate::run()) from a `main` of one line to get
/// `ingest`, `stats`, `state`, `diff`, `history`, `trace`, `dump`, `schema` and `verify` for your own
/// journals.
pub trait Domain: 'static {
    /// The enum over the event types.
    type Event: Event;
    /// The state of one partition.
    type State: State<Event = Self::Event>;

    /// The version of [`correlation_id`](Self::correlation_id). Raise it when that changes, or when an
    /// upcaster does so that an event has another id: the index that `trace` looks in is then built
    /// anew.
    const CORRELATION_VERSION: u32 = 1;

    /// A fresh state for a partition.
    fn state(partition: u32) -> Self::State;

    /// Parses one line of newline-delimited JSON.
    ///
    /// # Errors
    ///
    /// Why the line is malformed, in a sentence for the person who wrote it.
    fn parse(line: &[u8]) -> Result<Self::Event, String>;

    /// Appends the event as one JSON object, equal in meaning to what was parsed, and without a
    /// line end.
    fn print(event: &<Self::Event as Event>::View<'_>, out: &mut Vec<u8>);

    /// The type's name as the input gave it: also of types that this program does not know.
    fn type_name<'a>(event: &'a <Self::Event as Event>::View<'_>) -> &'a str;

    /// The id that `--user` selects by.
    fn user_id(event: &<Self::Event as Event>::View<'_>, meta: &EventMeta) -> u64;

    /// The figures of `stats` that only the state knows, merged over all partitions.
    fn stats(states: &[Self::State]) -> Map<String, Value>;

    /// One user's state, merged over all partitions; `None` where the journal knows no such user.
    fn user_state(states: &[Self::State], user_id: u64) -> Option<Value>;

    /// The ids of all users whom the states know, ascending and each once: what `diff` compares.
    /// None by default: `diff` then compares the figures of [`stats`](Self::stats) alone.
    fn users(states: &[Self::State]) -> Vec<u64> {
        let _ = states;
        Vec::new()
    }

    /// The key that the events of a user are routed by, which `history --user` looks for; `None`, the
    /// default, where users have no key of their own.
    fn key_of_user(user_id: u64) -> Option<u64> {
        let _ = user_id;
        None
    }

    /// The id that an event shares with those it led to and those that led to it, which `trace`
    /// looks for; `None`, the default, where it has none.
    fn correlation_id<'a>(event: &'a <Self::Event as Event>::View<'_>) -> Option<&'a str> {
        let _ = event;
        None
    }

    /// The `count` first users by the domain's own measure.
    fn top(states: &[Self::State], count: usize) -> Vec<Value>;
}

/// A domain that can make up its own traffic, for `ringlog demo`.
pub trait Synthetic: Domain<State: Clone> {
    /// Endless traffic, the same for the same seed and publisher.
    type Traffic: FnMut() -> Self::Event + Send;

    /// The traffic of publisher number `publisher`.
    fn traffic(seed: u64, publisher: u64) -> Self::Traffic;

    /// A number that is equal for equal states.
    fn digest(state: &Self::State) -> u64;

    /// How commands are sent to it, for `demo --commands`: [`CommandSide::new`] where it implements
    /// [`SyntheticCommands`]. By default there are none.
    #[must_use]
    fn command_side() -> Option<CommandSide<Self>>
    where
        Self: Sized,
    {
        None
    }
}

/// A domain whose state decides, and that can make commands up, for `ringlog demo --commands`.
///
/// [`Synthetic::command_side`] must say so.
pub trait SyntheticCommands: Synthetic<State: Decider> {
    /// Endless commands, the same for the same seed and client.
    type Commands: Iterator<Item = <Self::State as Decider>::Command> + Send;

    /// The commands of client number `client`.
    fn commands(seed: u64, client: u64) -> Self::Commands;

    /// The reason to count a rejection under, in a few words without numbers.
    fn reason(rejection: &<Self::State as Decider>::Rejection) -> &'static str;
}
