//! Read models: states beside the engine that are folded from what is durable, and answer queries.
//!
//! A [`Projection`] is fed from the journal on a thread of its own, behind the partitions and never
//! in their way. [`Pipeline::project`](crate::Pipeline::project) starts one beside the writer,
//! [`ReadModel::follow`] in any other process. The [`ReadModel`] is how other threads ask it.
//!
//! - It shows durable events only; with [`OsBuffer`](crate::Durability::OsBuffer), what is
//!   acknowledged. [`ReadModel::wait_for`] waits for one's own write, [`ReadModel::lag`] says how far
//!   it is behind.
//! - Its place in the journal is stored together with its state, in one file that is replaced whole:
//!   an event is in the state exactly once, whatever crashes.
//! - Retention keeps what it has not stored, within `cursor_lag_max`; then it is expired loudly.
//! - [`ReadModel::rebuild`] folds a fresh one beside it, and switches over when both are equal.
//! - One that is no longer wanted, or cannot be started any more, is [forgotten](forget()).
//! - One that [fails](Status::Failed) says where, and stops alone.
//!
//! ```
//! use ringlog::projection::{Projection, Settings};
//! use ringlog::{EventMeta, Pipeline, State, rkyv};
//! # use std::io;
//!
//! # #[derive(rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = ringlog::rkyv)]
//! # pub struct Deposited { pub account: u64, pub cents: u64 }
//! # ringlog::events! {
//! #     pub enum BankEvent, view BankView {
//! #         Deposited(Deposited) = 1, "account.deposited", version 1, key account;
//! #     }
//! # }
//! # #[derive(Default)]
//! # struct Bank;
//! # impl State for Bank {
//! #     type Event = BankEvent;
//! #     fn apply(&mut self, _: BankView<'_>, _: &EventMeta) {}
//! # }
//! /// How much was ever deposited, over all accounts and partitions.
//! #[derive(Default)]
//! struct Turnover(u64);
//!
//! impl Projection for Turnover {
//!     type Event = BankEvent;
//!     type Error = std::convert::Infallible;
//!     const VERSION: u32 = 1;
//!
//!     fn apply(&mut self, BankView::Deposited(event): BankView<'_>, _: &EventMeta)
//!         -> Result<(), Self::Error> {
//!         self.0 += u64::from(event.cents);
//!         Ok(())
//!     }
//!     fn save(&self, out: &mut dyn io::Write) -> io::Result<()> {
//!         out.write_all(&self.0.to_le_bytes())
//!     }
//!     fn load(&mut self, _version: u32, from: &mut dyn io::Read) -> io::Result<()> {
//!         let mut bytes = [0; 8];
//!         from.read_exact(&mut bytes)?;
//!         self.0 = u64::from_le_bytes(bytes);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let pipeline = Pipeline::<Bank>::builder(directory.path()).open(|_| Bank::default())?;
//! let turnover = pipeline.project("turnover", Settings::default(), Turnover::default)?;
//! pipeline.publisher().publish(&Deposited { account: 7, cents: 250 }.into())?.wait()?;
//! turnover.wait_for(0, 1)?;
//! assert_eq!(turnover.read(|turnover| turnover.0), 250);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod checkpoint;
mod error;
mod forget;
mod input;
mod interface;
mod model;
mod projector;
mod rebuild;
mod settings;
mod start;

pub use error::{Cause, Failure, ProjectionError, RebuildError, WaitError};
pub use forget::forget;
pub use interface::Projection;
pub use model::{Checkpoint, Lag, ReadModel, Status};
pub use rebuild::Rebuild;
pub use settings::{Settings, StartAt};

pub(crate) use start::{StopProjection, start_beside};
