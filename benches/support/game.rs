//! The events of the reference domain, with their whole envelope.

use ringlog::game::{
    Attack, Envelope, GameEvent, Kill, LevelUp, Location, Move, Number, Pickup, Text,
};

use super::{PLAYERS, Random};

/// As the program's demo: of a hundred events 80 are moves.
pub fn game_event(random: &mut Random) -> GameEvent {
    let envelope = Envelope {
        timestamp: 1_751_328_000_000,
        user_id: 1 + random.below(PLAYERS),
        beyond: None,
        event_id: Text::from("00000001"),
        correlation_id: Text::from("00000000"),
    };
    let location = Location {
        x: Number::from(u64::from(random.below(16_384))),
        y: Number::from(u64::from(random.below(16_384))),
    };
    match random.below(100) {
        0..80 => GameEvent::from(Move {
            envelope,
            location,
            speed: Number::from(1.5),
        }),
        80..87 => GameEvent::from(Attack {
            envelope,
            target_id: 1,
            skill_id: 2,
        }),
        87..93 => GameEvent::from(Kill {
            envelope,
            victim_id: 1 + random.below(PLAYERS),
            weapon: Text::from("sword"),
            location,
        }),
        93..98 => GameEvent::from(Pickup {
            envelope,
            item_id: 1_000 + random.below(64),
            quantity: 1,
            source: Text::from("loot"),
        }),
        _ => GameEvent::from(LevelUp {
            envelope,
            old_level: 1,
            new_level: 2,
            total_experience: 1_000,
        }),
    }
}
