//! A kit for testing one's own domain (feature `sim`).
//!
//! [`given`] checks single decisions: given these events, when this command comes, then these events
//! happen, or this rejection comes back. [`CrashTest`] runs the same domain through a whole pipeline on
//! a disk that loses what disks lose, with crashes, snapshots and reopenings where a seed says, and
//! compares its state with the plain fold of the journal.
//!
//! ```
//! use ringlog::testing::{CrashTest, given};
//! # use ringlog::{Command, Decider, EventMeta, Events, State, events, rkyv};
//! # #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = ringlog::rkyv)]
//! # pub struct Deposited { account: u64, cents: u64 }
//! # #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = ringlog::rkyv)]
//! # pub struct Withdrawn { account: u64, cents: u64 }
//! # events! {
//! #     #[derive(Debug)]
//! #     pub enum BankEvent, view BankView {
//! #         Deposited(Deposited) = 1, "account.deposited", version 1, key account;
//! #         Withdrawn(Withdrawn) = 2, "account.withdrawn", version 1, key account;
//! #     }
//! # }
//! # #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = ringlog::rkyv)]
//! # pub struct Withdraw { account: u64, cents: u64 }
//! # impl Command for Withdraw { fn key(&self) -> u64 { self.account } }
//! # #[derive(Debug, Default, PartialEq)]
//! # pub struct Bank { cents: u64 }
//! # #[derive(Debug, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
//! # #[rkyv(crate = ringlog::rkyv)]
//! # pub struct Short { cents: u64 }
//! # impl State for Bank {
//! #     type Event = BankEvent;
//! #     fn apply(&mut self, event: BankView<'_>, _: &EventMeta) {
//! #         match event {
//! #             BankView::Deposited(deposited) => self.cents += deposited.cents.to_native(),
//! #             BankView::Withdrawn(withdrawn) => self.cents -= withdrawn.cents.to_native(),
//! #         }
//! #     }
//! # }
//! # impl Decider for Bank {
//! #     type Command = Withdraw;
//! #     type Reply = ();
//! #     type Rejection = Short;
//! #     fn decide(&self, command: &ArchivedWithdraw, events: &mut Events<BankEvent>) -> Result<(), Short> {
//! #         let cents = command.cents.to_native();
//! #         if cents > self.cents { return Err(Short { cents: cents - self.cents }); }
//! #         events.push(Withdrawn { account: command.account.to_native(), cents });
//! #         Ok(())
//! #     }
//! # }
//! let deposited = Deposited { account: 7, cents: 10 };
//! given(Bank::default(), [deposited.into()])
//!     .when(&Withdraw { account: 7, cents: 4 })
//!     .then_events([Withdrawn { account: 7, cents: 4 }.into()])
//!     .when(&Withdraw { account: 7, cents: 7 })
//!     .then_rejected(&Short { cents: 1 });
//!
//! for seed in 0..20 {
//!     CrashTest::new(seed).run(
//!         |_| Bank { cents: 1_000 },
//!         |random| Withdraw { account: random.below(3), cents: random.below(20) },
//!         |bank| assert!(bank.cents <= 1_000),
//!     );
//! }
//! ```
#![forbid(unsafe_code)]

mod crashes;
mod past;
mod scenario;

pub use crate::storage::sim::Random;
pub use crashes::{CrashReport, CrashTest};
pub use scenario::{Decided, Scenario, given};
