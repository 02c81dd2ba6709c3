//! The reference domain: the events of a game server, and the players that they make up.
//!
//! It is the engine's own user: everything here goes through the public interface, and an
//! embedder's domain looks the same. Six event types are understood ([`Kill`], [`Pickup`],
//! [`LevelUp`], [`Move`], [`Attack`], [`Chat`]); all others are kept as they came ([`Unknown`],
//! [`IllTyped`]), so that a journal of them gives back every line it was given.
//!
//! Reading and writing JSON is the program's business (`ringlog-cli`), not the library's.

mod arena;
mod digest;
mod envelope;
mod events;
mod grid;
mod inventory;
mod lobby;
mod number;
mod player;
mod saved;
mod summary;
mod text;

pub use arena::{Arena, Totals};
pub use digest::digest;
pub use envelope::{ArchivedBeyond, ArchivedEnvelope, ArchivedPayloadRest};
pub use envelope::{Beyond, Envelope, PayloadRest};
pub use events::{ArchivedAttack, ArchivedChat, ArchivedIllTyped, ArchivedKill, ArchivedLevelUp};
pub use events::{ArchivedLocation, ArchivedMove, ArchivedPickup, ArchivedUnknown};
pub use events::{
    Attack, Chat, GameEvent, GameView, IllTyped, Kill, LevelUp, Location, Move, Pickup, Unknown,
};
pub use grid::Nearby;
pub use inventory::Inventory;
pub use lobby::{Lobby, ServerSummary};
pub use number::{ArchivedNumber, Number, NumberValue};
pub use player::Player;
pub use summary::{Killer, PlayerSummary, Summary, player, top_killers};
pub use text::Text;
