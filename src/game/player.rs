//! One player, as its own events made it.
#![forbid(unsafe_code)]

use super::{Inventory, Location};

/// A player. Deaths are not here: they are counted where the killer is, see [`Arena`](super::Arena).
///
/// One cache line: a hundred thousand players do not fit the inner caches, so that applying an
/// event costs what fetching its player costs.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub struct Player {
    pub(super) user_id: u32,
    pub(super) level: u32,
    pub(super) experience: u64,
    pub(super) kill_count: u64,
    pub(super) last_update: i64,
    /// Boxed, as most players of a busy server hold nothing yet and the line is full.
    pub(super) inventory: Option<Box<Inventory>>,
    pub(super) location: Option<Location>,
}

const _: () = assert!(size_of::<Player>() == 64);

impl Player {
    pub(super) fn new(user_id: u32) -> Self {
        Self {
            user_id,
            level: 1,
            experience: 0,
            kill_count: 0,
            last_update: 0,
            inventory: None,
            location: None,
        }
    }

    /// The player's id, never 0.
    #[must_use]
    pub fn user_id(&self) -> u32 {
        self.user_id
    }

    /// The new level of the last level-up; 1 before it.
    #[must_use]
    pub fn level(&self) -> u32 {
        self.level
    }

    /// The total experience of the last level-up; 0 before it.
    #[must_use]
    pub fn experience(&self) -> u64 {
        self.experience
    }

    /// How many the player killed, units without a player included.
    #[must_use]
    pub fn kill_count(&self) -> u64 {
        self.kill_count
    }

    /// The timestamp of the player's last event, which is not the latest one where a sender's
    /// clock ran backwards.
    #[must_use]
    pub fn last_update(&self) -> i64 {
        self.last_update
    }

    /// Where the last move or the last own kill was; `None` before either.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        self.location
    }

    /// Every item with its quantity, by item id.
    pub fn items(&self) -> impl Iterator<Item = (u32, u64)> {
        self.inventory.iter().flat_map(|inventory| inventory.iter())
    }
}
