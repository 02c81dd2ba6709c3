//! Changing events without losing a journal: versions, upcasters, and `schema.lock`.
//!
//! A journal outlives the program that wrote it. Each frame says which event type it holds, by its
//! kind, and in which version; the archive behind it is read in place, so it is only understood by
//! the very struct that it was made of. Three things keep old events readable:
//!
//! - **Versions.** A struct whose fields change gets a new version. The old struct stays.
//! - **Upcasters.** A function leads from each version to the next one. It runs when a journal is
//!   read: by an opening, a snapshot, a [`Cursor`](crate::journal::Cursor). `apply`, and everything
//!   else that looks at events, sees the current version alone. The journal is never rewritten.
//! - **The lock.** `schema.lock`, a text file in version control, has the layout of every version. A
//!   test of one line compares it with the program, so that a change of what journals hold fails
//!   before it is released.
//!
//! # How to change an event
//!
//! An account's deposits were whole units once; now they are cents. Keep the old struct, under
//! another name, write the new one, and lead from one to the other:
//!
//! ```
//! use ringlog::rkyv;
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! #[rkyv(crate = ringlog::rkyv)]
//! pub struct DepositedV1 {
//!     pub account: u64,
//!     pub units: u32,
//! }
//! ringlog::layout!(ArchivedDepositedV1 { account, units });
//!
//! #[derive(rkyv::Archive, rkyv::Serialize)]
//! #[rkyv(crate = ringlog::rkyv)]
//! pub struct Deposited {
//!     pub account: u64,
//!     pub cents: u64,
//! }
//! ringlog::layout!(ArchivedDeposited { account, cents });
//!
//! impl Deposited {
//!     fn from_v1(old: &ArchivedDepositedV1) -> Self {
//!         let cents = 100 * u64::from(old.units.to_native());
//!         Self { account: old.account.into(), cents }
//!     }
//! }
//!
//! ringlog::events! {
//!     pub enum BankEvent, view BankView {
//!         Deposited(Deposited) = 1, "account.deposited", version 2, key account,
//!             from 1: DepositedV1 => Deposited::from_v1;
//!     }
//! }
//!
//! // What `schema.lock` says:
//! let lock = ringlog::schema::lock::<BankEvent>()?;
//! assert!(lock.contains("\
//! account.deposited version 1, kind 1
//!   16 bytes, aligned to 8: struct
//!     0..8 account: u64
//!     8..12 units: u32
//! "), "{lock}");
//! # Ok::<(), ringlog::schema::SchemaError>(())
//! ```
//!
//! The next version adds `from 2: DepositedV2 => Deposited::from_v2`, and `from_v1` then returns a
//! `DepositedV2`: each step leads to the version behind it, and the compiler refuses a step that is
//! missing. `version 3 since 2` says that version 1 is no longer read, where no journal holds it.
//!
//! **What an upcaster may do.** It depends on nothing but the old event: replay and the snapshot
//! thread run it again and again, and must get the same. It cannot refuse: what was journaled is a
//! fact, and there is no state without it. Where a field cannot be made up, the new version says so
//! (an `Option`, a variant of its own). A panic is contained: it is a
//! [`ViewError::Upcast`](crate::ViewError::Upcast), an error of the opening that names the event; nothing
//! is lost, and mended code opens the directory. Key and event time stay those that the event was
//! published with. An upcaster that is changed later changes states: raise
//! [`State::SNAPSHOT_VERSION`](crate::State::SNAPSHOT_VERSION) then.
//!
//! **What needs no version.** A new event type: it gets a kind that was never used. A type that is no
//! longer published: its variant stays, and is still applied. A struct that is renamed, in Rust. What
//! the lock compares are offsets, fields' names and types; a field that is renamed and means the same
//! is a change to the lock nevertheless, and is made by hand there.
//!
//! **What costs.** Events of the current version are read as if there were no others. An old one is
//! archived anew for each step, in memory that is reused.
//!
//! # The lock
//!
//! ```no_run
//! # mod bank { ringlog::events! { pub enum BankEvent, view BankView {
//! #     Opened(Opened) = 1, "account.opened", version 1, key account; }}
//! #   #[derive(ringlog::rkyv::Archive, ringlog::rkyv::Serialize)]
//! #   #[rkyv(crate = ringlog::rkyv)]
//! #   pub struct Opened { account: u64 } }
//! # use bank::BankEvent;
//! #[test]
//! fn the_event_types_are_those_of_the_lock() {
//!     ringlog::schema::assert_locked::<BankEvent>("schema.lock");
//! }
//! # fn main() {}
//! ```
//!
//! Run it with `RINGLOG_UPDATE_SCHEMA=1` to make the file, and to add new types and versions to it;
//! then commit the file. An update never gives up what is locked. A program that is built on
//! `ringlog_cli` has the same as `ringlog schema`, `--check FILE` and `--write FILE`.
//!
//! A struct without a [`layout!`](crate::layout) can be published, but not locked. An enum's tags are
//! told from archives that are made up for it; where a variant's fields accept none of those, they are
//! its position, so list the variants, and the fields of each, in the order of the enum.
#![forbid(unsafe_code)]
mod archived;
mod check;
mod error;
mod file;
mod layout;
mod lock;
mod macros;

pub use check::{check, update};
pub use error::{Change, MissingLayout, SchemaError};
pub use file::{assert_locked, check_file, write_file};
pub use layout::{Checked, Description, Fields, Layout, TypeLayout, Variants};
pub use lock::lock;

#[doc(hidden)]
pub use layout::{NoLayout, Probe};
