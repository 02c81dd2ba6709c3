//! Made-up traffic: a hundred thousand players who mostly run about.

use ringlog::game::{
    Attack, Chat, Envelope, GameEvent, Kill, LevelUp, Location, Move, Number, Pickup, Text,
};

use super::dice::{Dice, SplitMix64};
use super::ids::id;

pub(super) const PLAYERS_COUNT: u32 = 100_000;
/// Side of the map.
const MAP_SIZE: u32 = 16_384;
/// 1 July 2025: any fixed day will do, as the traffic must not depend on the clock.
pub(super) const FIRST_TIMESTAMP: i64 = 1_751_328_000_000;
/// Events that one publisher makes in a millisecond of the game's time.
pub(super) const EVENTS_PER_MS: u64 = 1_000;
/// Events of one match: those that share a correlation id.
pub(super) const EVENTS_PER_MATCH: u64 = 65_536;

// At most eight characters, so that an archive holds them without a pointer.
const WEAPONS: [&str; 4] = ["sword", "bow", "staff", "axe"];
const SOURCES: [&str; 4] = ["shop", "loot", "quest", "trade"];
const CHATS: [&str; 4] = ["gg", "hi", "help", "gl hf"];

/// An endless stream of events without a single heap allocation.
pub(super) struct Traffic {
    random: SplitMix64,
    publisher: u64,
    events_count: u64,
    correlation_id: Text,
}

impl Traffic {
    /// The traffic of publisher number `publisher`, the same for the same seed.
    pub(super) fn new(seed: u64, publisher: u64) -> Self {
        Self {
            random: SplitMix64::stream(seed, publisher),
            publisher,
            events_count: 0,
            correlation_id: id(publisher, 0),
        }
    }

    pub(super) fn next_event(&mut self) -> GameEvent {
        let mut dice = Dice(self.random.next());
        let user_id = 1 + dice.below(PLAYERS_COUNT);
        let envelope = self.envelope(user_id);
        // Of a hundred events, 80 are moves.
        match dice.below(100) {
            0..80 => GameEvent::from(Move {
                envelope,
                location: self.location(),
                speed: Number::from(f64::from(dice.below(64)) / 8.0),
            }),
            80..87 => GameEvent::from(Attack {
                envelope,
                target_id: 1 + u64::from(dice.below(1_000)),
                skill_id: 1 + u64::from(dice.below(16)),
            }),
            87..92 => GameEvent::from(Kill {
                envelope,
                victim_id: 1 + Dice(self.random.next()).below(PLAYERS_COUNT),
                weapon: dice.pick(&WEAPONS),
                location: self.location(),
            }),
            92..97 => GameEvent::from(Pickup {
                envelope,
                item_id: 1_000 + dice.below(64),
                quantity: 1 + dice.below(4),
                source: dice.pick(&SOURCES),
            }),
            97..99 => {
                let old_level = 1 + dice.below(99);
                GameEvent::from(LevelUp {
                    envelope,
                    old_level,
                    new_level: old_level + 1,
                    total_experience: u64::from(old_level) * 1_000,
                })
            }
            _ => GameEvent::from(Chat {
                envelope,
                text: dice.pick(&CHATS),
            }),
        }
    }

    fn envelope(&mut self, user_id: u32) -> Envelope {
        let number = self.events_count;
        self.events_count += 1;
        if number.is_multiple_of(EVENTS_PER_MATCH) {
            self.correlation_id = id(self.publisher, number / EVENTS_PER_MATCH);
        }
        Envelope {
            timestamp: FIRST_TIMESTAMP.wrapping_add_unsigned(number / EVENTS_PER_MS),
            user_id,
            beyond: None,
            event_id: id(self.publisher, number),
            correlation_id: self.correlation_id.clone(),
        }
    }

    fn location(&mut self) -> Location {
        let mut dice = Dice(self.random.next());
        Location {
            x: Number::from(u64::from(dice.below(MAP_SIZE))),
            y: Number::from(u64::from(dice.below(MAP_SIZE))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_the_same_for_the_same_seed_and_publisher() {
        let mut streams = [(1, 0), (1, 0), (1, 1), (2, 0)]
            .map(|(seed, publisher)| Traffic::new(seed, publisher))
            .map(|mut traffic| {
                format!(
                    "{:?}",
                    std::array::from_fn::<_, 100, _>(|_| traffic.next_event())
                )
            });
        assert_eq!(streams[0], streams[1]);
        streams[1..].sort();
        assert!(streams[1..].windows(2).all(|pair| pair[0] != pair[1]));
    }
}
