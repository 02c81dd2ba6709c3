//! What players ask for.
#![forbid(unsafe_code)]

use rkyv::{Archive, Serialize};

use super::{Location, Number, Text};
use crate::Command;

/// Something that a player wants to do; [`Arena`](super::Arena) decides whether it happens.
#[derive(Debug, Clone, Archive, Serialize)]
pub enum GameCommand {
    /// Go somewhere. Accepted, it is a [`Move`](super::Move) event.
    Move(MoveTo),
    /// Use a skill on another player. Accepted, it is an [`Attack`](super::Attack) event.
    Attack(AttackPlayer),
}

/// Who asks, and the sender's names for it: accepted, it is the envelope of the event.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct Sender {
    /// The sender's own time, in milliseconds since the Unix epoch: the event's time, and no rule
    /// looks at it.
    pub timestamp: i64,
    /// Who asks; 0 is nobody, and is rejected.
    pub user_id: u32,
    /// The sender's name for the event.
    pub event_id: Text,
    /// The sender's name for what the event belongs to, such as a match.
    pub correlation_id: Text,
}

/// A player wants to be somewhere else.
///
/// It is accepted where all numbers are finite, the speed is not negative, the place lies on the
/// map, and it is within the reach of one second at that speed. A player without a location, who
/// has just come, may appear anywhere on the map.
#[derive(Debug, Clone, Archive, Serialize)]
pub struct MoveTo {
    /// Who.
    pub sender: Sender,
    /// Where to.
    pub location: Location,
    /// How fast, in units a second.
    pub speed: Number,
}

/// A player wants to use a skill on a player.
///
/// It is accepted where both have a location and the target is within the skill's
/// [range](super::skill_range).
#[derive(Debug, Clone, Archive, Serialize)]
pub struct AttackPlayer {
    /// Who.
    pub sender: Sender,
    /// On whom: a player.
    pub target_id: u32,
    /// Which skill.
    pub skill_id: u64,
}

impl GameCommand {
    /// Who asks.
    #[must_use]
    #[inline]
    pub fn sender(&self) -> &Sender {
        match self {
            Self::Move(asked) => &asked.sender,
            Self::Attack(asked) => &asked.sender,
        }
    }
}

impl ArchivedGameCommand {
    /// Who asks.
    #[must_use]
    #[inline]
    pub fn sender(&self) -> &ArchivedSender {
        match self {
            Self::Move(asked) => &asked.sender,
            Self::Attack(asked) => &asked.sender,
        }
    }
}

impl Command for GameCommand {
    #[inline]
    fn key(&self) -> u64 {
        u64::from(self.sender().user_id)
    }
}
