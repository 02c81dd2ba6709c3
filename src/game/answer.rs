//! What players are answered.
#![forbid(unsafe_code)]

use rkyv::{Archive, Deserialize, Serialize};

use super::Location;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Archive, Serialize, Deserialize)]
pub enum GameReply {
    /// The player moved.
    Moved {
        /// Where the player is now.
        location: Location,
    },
    /// The player attacked.
    Attacked {
        /// How far away the target was.
        distance: f64,
    },
}

/// Why nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Archive, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum GameRejection {
    /// User 0 is nobody, and does nothing.
    #[error("user 0 is nobody")]
    Nobody,
    /// A coordinate or the speed is infinite or not a number.
    #[error("a coordinate or the speed is not finite")]
    NotFinite,
    /// The speed is below zero.
    #[error("the speed is {speed}, below zero")]
    NegativeSpeed {
        /// The speed asked for.
        speed: f64,
    },
    /// The place is not on the map: 0 to [`MAP_SIDE`](super::MAP_SIDE) on both axes, both included.
    #[error("({x}, {y}) is not on the map")]
    OutsideMap {
        /// Where to, west to east.
        x: f64,
        /// Where to, south to north.
        y: f64,
    },
    /// The place is farther away than a second at the speed.
    #[error("{distance} away, and {allowed} is as far as it goes")]
    TooFar {
        /// How far it is.
        distance: f64,
        /// How far it may be.
        allowed: f64,
    },
    /// The attacker is not known, or has no location yet: move first.
    #[error("attacker {user_id} is nowhere")]
    UnknownAttacker {
        /// Who attacked.
        user_id: u32,
    },
    /// The attacker's partition knows no such player, or none with a location.
    #[error("target {target_id} is nowhere")]
    UnknownTarget {
        /// Who was attacked.
        target_id: u32,
    },
    /// The target is farther away than the skill reaches.
    #[error("the target is {distance} away, and the skill reaches {allowed}")]
    OutOfRange {
        /// How far it is.
        distance: f64,
        /// How far it may be.
        allowed: f64,
    },
}
