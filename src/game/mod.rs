//! The reference domain: the events of a game server, and the players that they make up.
//!
//! It is the engine's own user: everything here goes through the public interface, and an
//! embedder's domain looks the same. Six event types are understood ([`Kill`], [`Pickup`],
//! [`LevelUp`], [`Move`], [`Attack`], [`Chat`]); all others are kept as they came ([`Unknown`],
//! [`IllTyped`]), so that a journal of them gives back every line it was given.
//!
//! # Commands
//!
//! [`Arena`] is a [`Decider`](crate::Decider), too: players send a [`GameCommand`], to move or to
//! attack, the rules are held against where players are at that moment, and what is accepted
//! becomes a [`Move`] or an [`Attack`] event. Events that are published or ingested pass no rule:
//! they say what happened elsewhere, on whichever map. A player whom they put off this map gets
//! back onto it by a move that is fast enough.
//!
//! A command is decided by its player's partition, which knows the players of that partition only.
//! Users are spread over partitions by their id: in a pipeline with several of them a target may
//! live in another one, and is then [unknown](GameRejection::UnknownTarget) to the attacker, as is
//! a player who never moved. So an arena whose players are all to reach each other has one
//! partition. Serve many arenas with a pipeline for each, or with events of your own whose key is
//! the arena: a command and its events must be of one partition.
//!
//! ```
//! use ringlog::game::{Arena, AttackPlayer, GameCommand, GameRejection, Location, MoveTo, Sender};
//! use ringlog::{Durability, Outcome, Pipeline};
//!
//! let pipeline = Pipeline::<Arena>::builder("unused")
//!     .partitions(1)
//!     .durability(Durability::Memory)
//!     .open(|_| Arena::default())?;
//! let client = pipeline.client()?;
//! let sender = |user_id| Sender {
//!     timestamp: 1_751_328_000_000,
//!     user_id,
//!     event_id: "e".into(),
//!     correlation_id: "match 7".into(),
//! };
//! for (user_id, x) in [(1, 100.0), (2, 160.0)] {
//!     let location = Location { x: x.into(), y: 500.0.into() };
//!     let appear = MoveTo { sender: sender(user_id), location, speed: 0.0.into() };
//!     assert!(client.send(&GameCommand::Move(appear))?.wait()?.is_accepted());
//! }
//! let attack = AttackPlayer { sender: sender(1), target_id: 2, skill_id: 1001 };
//! let Outcome::Rejected(answered) = client.send(&GameCommand::Attack(attack))?.wait()? else {
//!     unreachable!("60 is farther than skill 1001 reaches")
//! };
//! assert_eq!(answered.reply, GameRejection::OutOfRange { distance: 60.0, allowed: 50.0 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading and writing JSON is the program's business (`ringlog-cli`), not the library's.

mod answer;
mod arena;
mod command;
mod decider;
mod digest;
mod envelope;
mod events;
mod grid;
mod inventory;
mod lobby;
mod number;
mod player;
mod rules;
mod saved;
mod summary;
mod text;

pub use answer::{ArchivedGameRejection, ArchivedGameReply, GameRejection, GameReply};
pub use arena::{Arena, Totals};
pub use command::{ArchivedAttackPlayer, ArchivedGameCommand, ArchivedMoveTo, ArchivedSender};
pub use command::{AttackPlayer, GameCommand, MoveTo, Sender};
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
pub use rules::{MAP_SIDE, skill_range};
pub use summary::{Killer, PlayerSummary, Summary, player, top_killers};
pub use text::Text;
