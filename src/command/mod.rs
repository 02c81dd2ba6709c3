//! Commands: what is asked of a state, and what comes of it.
//!
//! A [`Decider`] is a [`State`](crate::State) that decides: it is shown a command on the partition's
//! thread, between two events, answers with events or a rejection, and nothing can come in between
//! the check and the events. A [`Client`](crate::Client) sends commands and waits for their outcomes;
//! a [`CommandSource`](crate::CommandSource) sends each at most once, also over crashes; an
//! [`Appender`](crate::Appender) is for callers that decide outside.
//!
//! ```
//! use ringlog::{Answered, Command, Decider, Durability, EventMeta, Events, Outcome, Pipeline, State};
//! use ringlog::{events, rkyv};
//!
//! #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
//! #[rkyv(crate = ringlog::rkyv)]
//! pub struct Withdrawn { pub account: u64, pub cents: u64 }
//!
//! events! {
//!     pub enum BankEvent, view BankView {
//!         Withdrawn(Withdrawn) = 1, "account.withdrawn", version 1, key account;
//!     }
//! }
//!
//! #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
//! #[rkyv(crate = ringlog::rkyv)]
//! pub struct Withdraw { pub account: u64, pub cents: u64 }
//!
//! impl Command for Withdraw {
//!     fn key(&self) -> u64 { self.account }
//! }
//!
//! /// One account; a real bank has a table of them.
//! struct Bank { cents: u64 }
//!
//! impl State for Bank {
//!     type Event = BankEvent;
//!     fn apply(&mut self, BankView::Withdrawn(withdrawn): BankView<'_>, _: &EventMeta) {
//!         self.cents -= withdrawn.cents.to_native();
//!     }
//! }
//!
//! impl Decider for Bank {
//!     type Command = Withdraw;
//!     /// What is left.
//!     type Reply = u64;
//!     /// What is missing.
//!     type Rejection = u64;
//!
//!     fn decide(&self, withdraw: &ArchivedWithdraw, events: &mut Events<BankEvent>) -> Result<u64, u64> {
//!         let cents = withdraw.cents.to_native();
//!         let left = self.cents.checked_sub(cents).ok_or_else(|| cents - self.cents)?;
//!         events.push(Withdrawn { account: withdraw.account.to_native(), cents });
//!         Ok(left)
//!     }
//! }
//!
//! let pipeline = Pipeline::<Bank>::builder("unused")
//!     .durability(Durability::Memory)
//!     .open(|_| Bank { cents: 100 })?;
//! let client = pipeline.client()?;
//! let answered = client.send(&Withdraw { account: 7, cents: 70 })?.wait()?;
//! assert!(matches!(answered, Outcome::Accepted(Answered { reply: 30, first_sequence: 1, events: 1, .. })));
//! let answered = client.send(&Withdraw { account: 7, cents: 70 })?.wait()?;
//! assert!(matches!(answered, Outcome::Rejected(Answered { reply: 40, .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decider;
mod deciding;
mod events;
mod outcome;
mod outcomes;
mod replies;
mod versions;

pub use decider::{Command, CommandAnswer, Decider};
pub use events::Events;
pub use outcome::{Answered, AppendOutcome, CommandFailure, Expected, Outcome};

pub(crate) use deciding::{COMMANDS_AHEAD, Commands, Decides, Verdict};
pub(crate) use outcome::{NotDecided, OutcomeOf, RecordedOutcome};
pub(crate) use outcomes::Outcomes;
pub(crate) use replies::{CLIENTS_MAX, Clients, Mailing, Replier, ReplyRing, TooManyClients};
pub(crate) use versions::{KeyVersions, Version};
