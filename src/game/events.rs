//! The event types: one struct each, so that an archive is never larger than its own type needs.
#![allow(unsafe_code, reason = "`events!` expands to the trusted access")]

use rkyv::{Archive, Deserialize, Serialize};

use super::{Envelope, Number, Text};

/// `player.kill`: a player, or nobody, killed somebody.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Kill {
    /// The killer's envelope.
    pub envelope: Envelope,
    /// Who died; 0 is nobody: a unit without a player.
    pub victim_id: u32,
    /// What the killer used.
    pub weapon: Text,
    /// Where the killer was.
    pub location: Location,
}

/// A place on the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Location {
    /// West to east.
    pub x: Number,
    /// South to north.
    pub y: Number,
}

/// `item.pickup`: a player bought, found or was given something.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Pickup {
    /// The envelope.
    pub envelope: Envelope,
    /// What it is.
    pub item_id: u32,
    /// How many of it.
    pub quantity: u32,
    /// Where it came from.
    pub source: Text,
}

/// `player.levelup`: a player reached a level.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct LevelUp {
    /// The envelope.
    pub envelope: Envelope,
    /// The level before.
    pub old_level: u32,
    /// The level from now on.
    pub new_level: u32,
    /// Experience gained since the beginning.
    pub total_experience: u64,
}

/// `player.move`: where a player is now.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Move {
    /// The envelope.
    pub envelope: Envelope,
    /// Where to.
    pub location: Location,
    /// How fast.
    pub speed: Number,
}

/// `player.attack`: a player used a skill on something.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Attack {
    /// The envelope.
    pub envelope: Envelope,
    /// What was attacked: a player where it comes of a [command](super::AttackPlayer); otherwise as
    /// the sender says, whose units have ids of their own.
    pub target_id: u64,
    /// With which skill.
    pub skill_id: u64,
}

/// `chat.message`: a player said something.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Chat {
    /// The envelope.
    pub envelope: Envelope,
    /// What was said.
    pub text: Text,
}

/// An event of a type that this program does not understand, kept as it came.
///
/// It still shows that its user was there: it counts as the user's last event.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Unknown {
    /// The envelope.
    pub envelope: Envelope,
    /// The type's name as it came.
    pub event_type: Text,
    /// The payload, a JSON object, as it came.
    pub payload: Text,
}

/// An event of a type that this program understands, with a payload that it does not: a known key
/// is missing, there twice, or of the wrong type. Kept as it came, counted, and not applied.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct IllTyped {
    /// The envelope.
    pub envelope: Envelope,
    /// The type's name as it came.
    pub event_type: Text,
    /// The payload, a JSON object, as it came.
    pub payload: Text,
}

crate::events! {
    /// What happens on a game server.
    #[derive(Debug, Clone)]
    pub enum GameEvent, view GameView {
        /// Somebody was killed.
        Kill(Kill) = 1, "player.kill", version 1, key envelope.user_id, time envelope.timestamp;
        /// Somebody got an item.
        Pickup(Pickup) = 2, "item.pickup", version 1, key envelope.user_id, time envelope.timestamp;
        /// Somebody reached a level.
        LevelUp(LevelUp) = 3, "player.levelup", version 1, key envelope.user_id, time envelope.timestamp;
        /// Somebody moved.
        Move(Move) = 4, "player.move", version 1, key envelope.user_id, time envelope.timestamp;
        /// Somebody attacked.
        Attack(Attack) = 5, "player.attack", version 1, key envelope.user_id, time envelope.timestamp;
        /// Somebody said something.
        Chat(Chat) = 6, "chat.message", version 1, key envelope.user_id, time envelope.timestamp;
        /// Something that this program does not understand.
        Unknown(Unknown) = 7, "game.unknown", version 1, key envelope.user_id, time envelope.timestamp;
        /// A known type with a payload that does not fit it.
        IllTyped(IllTyped) = 8, "game.ill_typed", version 1, key envelope.user_id, time envelope.timestamp;
    }
}

crate::layout!(ArchivedLocation { x, y });
crate::layout!(ArchivedKill {
    envelope,
    victim_id,
    weapon,
    location
});
crate::layout!(ArchivedPickup {
    envelope,
    item_id,
    quantity,
    source
});
crate::layout!(ArchivedLevelUp {
    envelope,
    old_level,
    new_level,
    total_experience
});
crate::layout!(ArchivedMove {
    envelope,
    location,
    speed
});
crate::layout!(ArchivedAttack {
    envelope,
    target_id,
    skill_id
});
crate::layout!(ArchivedChat { envelope, text });
crate::layout!(ArchivedUnknown {
    envelope,
    event_type,
    payload
});
crate::layout!(ArchivedIllTyped {
    envelope,
    event_type,
    payload
});

impl GameView<'_> {
    /// The part that all event types share.
    #[must_use]
    #[inline]
    pub fn envelope(&self) -> &super::ArchivedEnvelope {
        match self {
            Self::Kill(event) => &event.envelope,
            Self::Pickup(event) => &event.envelope,
            Self::LevelUp(event) => &event.envelope,
            Self::Move(event) => &event.envelope,
            Self::Attack(event) => &event.envelope,
            Self::Chat(event) => &event.envelope,
            Self::Unknown(event) => &event.envelope,
            Self::IllTyped(event) => &event.envelope,
        }
    }

    /// The type's name as the sender gave it.
    #[must_use]
    pub fn event_type(&self) -> &str {
        match self {
            Self::Kill(_) => "player.kill",
            Self::Pickup(_) => "item.pickup",
            Self::LevelUp(_) => "player.levelup",
            Self::Move(_) => "player.move",
            Self::Attack(_) => "player.attack",
            Self::Chat(_) => "chat.message",
            Self::Unknown(event) => &event.event_type,
            Self::IllTyped(event) => &event.event_type,
        }
    }
}

impl ArchivedLocation {
    /// The location that was archived.
    #[must_use]
    #[inline]
    pub fn to_location(&self) -> Location {
        Location {
            x: self.x.to_number(),
            y: self.y.to_number(),
        }
    }
}

// The most common event is one cache line.
const _: () = assert!(size_of::<ArchivedMove>() == 64);
