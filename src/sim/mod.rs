//! A whole pipeline on one thread, every step of which a seed chooses.
//!
//! [`Simulation`] runs the engine's own machines (partitions, journalers, the preparer, recovery)
//! without their threads, on a [`SimDisk`](crate::storage::sim::SimDisk) and a clock of its own. So
//! a run depends on its seeds and on what the caller does alone, down to the bytes on the disk; and
//! thousands of crashes fit into a second. Offered for tests of one's own state and handlers.
//!
//! ```
//! use ringlog::sim::{Settings, Simulation};
//! use ringlog::storage::sim::SimDisk;
//! # use ringlog::{events, rkyv, EventMeta, State};
//! # #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
//! # #[rkyv(crate = ringlog::rkyv)]
//! # struct Counted { key: u64 }
//! # events! {
//! #     #[derive(Debug)]
//! #     enum Event, view View { Counted(Counted) = 1, "counted", version 1, key key; }
//! # }
//! # #[derive(Default)]
//! # struct Count(u64);
//! # impl State for Count {
//! #     type Event = Event;
//! #     fn apply(&mut self, _: View<'_>, _: &EventMeta) { self.0 += 1 }
//! # }
//! let disk = SimDisk::new(1);
//! let mut simulation = Simulation::open(&disk, Settings::default(), 1, |_| Count::default())?;
//! let receipt = simulation.publish(&Counted { key: 7 }.into()).unwrap();
//! assert!(!receipt.is_durable().unwrap());
//! simulation.run_until_idle();
//! assert!(receipt.is_durable().unwrap());
//! // Dropped, not closed: the process was killed, and then the power failed.
//! drop(simulation);
//! let disk = disk.power_cut();
//! let simulation = Simulation::open(&disk, Settings::default(), 2, |_| Count::default())?;
//! assert_eq!(simulation.state(0).0, 1);
//! # Ok::<(), ringlog::OpenError>(())
//! ```
#![forbid(unsafe_code)]

mod settings;
mod simulation;

pub use settings::Settings;
pub use simulation::Simulation;
