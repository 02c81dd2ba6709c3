//! The domain of the reference events.

use super::commands::{self, Commands};
use super::{envelope, figures, payload, print, traffic};
use ringlog::game::{Arena, GameEvent, GameRejection, GameView};
use ringlog::{EventMeta, game};
use serde_json::{Map, Value};

use crate::{CommandSide, Domain, Synthetic, SyntheticCommands};

/// The domain of a game server: see [`ringlog::game`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Game;

impl Domain for Game {
    type Event = GameEvent;
    type State = Arena;

    fn state(_partition: u32) -> Arena {
        Arena::default()
    }

    fn parse(line: &[u8]) -> Result<GameEvent, String> {
        envelope::read(line).map(payload::read)
    }

    fn print(event: &GameView<'_>, out: &mut Vec<u8>) {
        print::print(event, out);
    }

    fn type_name<'a>(event: &'a GameView<'_>) -> &'a str {
        event.event_type()
    }

    fn user_id(event: &GameView<'_>, _meta: &EventMeta) -> u64 {
        u64::from(event.envelope().user_id.to_native())
    }

    fn stats(states: &[Arena]) -> Map<String, Value> {
        figures::stats(states)
    }

    fn user_state(states: &[Arena], user_id: u64) -> Option<Value> {
        figures::user_state(states, user_id)
    }

    fn users(states: &[Arena]) -> Vec<u64> {
        figures::users(states)
    }

    fn key_of_user(user_id: u64) -> Option<u64> {
        Some(user_id)
    }

    fn correlation_id<'a>(event: &'a GameView<'_>) -> Option<&'a str> {
        Some(event.envelope().correlation_id.as_str())
    }

    fn top(states: &[Arena], count: usize) -> Vec<Value> {
        figures::top(states, count)
    }
}

impl Synthetic for Game {
    // A box: the type must have a name, and a struct cannot implement `FnMut`.
    type Traffic = Box<dyn FnMut() -> GameEvent + Send>;

    fn traffic(seed: u64, publisher: u64) -> Self::Traffic {
        let mut traffic = traffic::Traffic::new(seed, publisher);
        Box::new(move || traffic.next_event())
    }

    fn digest(state: &Arena) -> u64 {
        game::digest(state)
    }

    fn command_side() -> Option<CommandSide<Self>> {
        Some(CommandSide::new())
    }
}

impl SyntheticCommands for Game {
    type Commands = Commands;

    fn commands(seed: u64, client: u64) -> Commands {
        Commands::new(seed, client)
    }

    fn reason(rejection: &GameRejection) -> &'static str {
        commands::reason(rejection)
    }
}
