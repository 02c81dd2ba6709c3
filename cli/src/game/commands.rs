//! Made-up commands: a hundred thousand players who run about near home, and attack their neighbours.

use ringlog::game::{
    AttackPlayer, GameCommand, GameRejection, Location, MAP_SIDE, MoveTo, Number, Sender, Text,
};

use super::dice::{Dice, SplitMix64};
use super::ids::id;
use super::traffic::{EVENTS_PER_MATCH, EVENTS_PER_MS, FIRST_TIMESTAMP, PLAYERS_COUNT};

/// Homes lie on a grid of as many columns and rows, with a margin that players stay on the map in.
const COLUMNS: u32 = 317;
const HOMES_APART: f64 = 2.8;
const MARGIN: f64 = 48.0;
/// How far players go from home on each axis.
const STEP: f64 = 16.0;
/// Enough to get from one corner around home to the other in a second: who stays near home is
/// never too slow, and so nobody needs to remember where players are.
const SPEED: f64 = 46.0;

/// An endless stream of commands without a single heap allocation.
#[derive(Debug)]
pub struct Commands {
    random: SplitMix64,
    client: u64,
    commands_count: u64,
    correlation_id: Text,
}

impl Commands {
    /// The commands of client number `client`, the same for the same seed.
    pub(super) fn new(seed: u64, client: u64) -> Self {
        Self {
            random: SplitMix64::stream(seed, client),
            client,
            commands_count: 0,
            correlation_id: id(client, 0),
        }
    }

    #[inline]
    fn sender(&mut self, user_id: u32) -> Sender {
        let number = self.commands_count;
        self.commands_count += 1;
        if number.is_multiple_of(EVENTS_PER_MATCH) {
            self.correlation_id = id(self.client, number / EVENTS_PER_MATCH);
        }
        Sender {
            timestamp: FIRST_TIMESTAMP.wrapping_add_unsigned(number / EVENTS_PER_MS),
            user_id,
            event_id: id(self.client, number),
            correlation_id: self.correlation_id.clone(),
        }
    }

    #[inline]
    fn next_command(&mut self) -> GameCommand {
        let mut dice = Dice(self.random.next());
        let user_id = 1 + dice.below(PLAYERS_COUNT);
        let sender = self.sender(user_id);
        // Of a hundred commands, 90 are moves.
        match dice.below(100) {
            0..90 => GameCommand::Move(move_to(sender, &mut dice)),
            _ => GameCommand::Attack(attack(sender, &mut dice)),
        }
    }
}

impl Iterator for Commands {
    type Item = GameCommand;

    #[inline]
    fn next(&mut self) -> Option<GameCommand> {
        Some(self.next_command())
    }
}

/// A move near home; some are asked for wrongly, in each way.
#[inline]
fn move_to(sender: Sender, dice: &mut Dice) -> MoveTo {
    let (home_x, home_y) = home(sender.user_id);
    let mut step = || f64::from(dice.below(257)) * (2.0 * STEP / 256.0) - STEP;
    let (mut x, mut y) = (home_x + step(), home_y + step());
    let mut speed = SPEED;
    match dice.below(1_000) {
        0..5 => x += MAP_SIDE,
        5..10 => (y, speed) = (MAP_SIDE - y, 1.0),
        10..12 => speed = -SPEED,
        12..14 => speed = f64::NAN,
        _ => {}
    }
    let (x, y) = (Number::from(x), Number::from(y));
    MoveTo {
        sender,
        location: Location { x, y },
        speed: speed.into(),
    }
}

/// An attack on a neighbour, with skills that mostly reach so far; some are on nobody.
#[inline]
fn attack(sender: Sender, dice: &mut Dice) -> AttackPlayer {
    let neighbour = (sender.user_id + dice.below(8)) % PLAYERS_COUNT + 1;
    let target_id = match dice.below(100) {
        0..2 => PLAYERS_COUNT + neighbour,
        _ => neighbour,
    };
    let skill_id = match dice.below(8) {
        0 => 7,
        1 => 1001,
        2..5 => 1002,
        _ => 1003,
    };
    AttackPlayer {
        sender,
        target_id,
        skill_id,
    }
}

/// The place that a player stays near.
#[inline]
fn home(user_id: u32) -> (f64, f64) {
    let at = |place: u32| MARGIN + f64::from(place) * HOMES_APART;
    (at(user_id % COLUMNS), at(user_id / COLUMNS))
}

/// The reason of a rejection, without its numbers.
pub(super) fn reason(rejection: &GameRejection) -> &'static str {
    match rejection {
        GameRejection::Nobody => "nobody",
        GameRejection::NotFinite => "not finite",
        GameRejection::NegativeSpeed { .. } => "negative speed",
        GameRejection::OutsideMap { .. } => "outside the map",
        GameRejection::TooFar { .. } => "too far",
        GameRejection::UnknownAttacker { .. } => "unknown attacker",
        GameRejection::UnknownTarget { .. } => "unknown target",
        GameRejection::OutOfRange { .. } => "out of range",
        _ => "another reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_and_their_surroundings_lie_on_the_map() {
        for user_id in 1..=PLAYERS_COUNT {
            let (x, y) = home(user_id);
            for side in [x, y] {
                assert!(side - STEP >= 0.0 && side + STEP <= MAP_SIDE, "{user_id}");
            }
        }
    }

    #[test]
    fn commands_are_the_same_for_the_same_seed_and_client() {
        let mut streams = [(1, 0), (1, 0), (1, 1), (2, 0)]
            .map(|(seed, client)| Commands::new(seed, client))
            .map(|commands| format!("{:?}", commands.take(100).collect::<Vec<_>>()));
        assert_eq!(streams[0], streams[1]);
        streams[1..].sort();
        assert!(streams[1..].windows(2).all(|pair| pair[0] != pair[1]));
    }
}
