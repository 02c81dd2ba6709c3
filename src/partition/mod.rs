//! The partition: one state machine that owns its state alone, and the threads around it.
//!
//! `gate` is what publishers and waiters see of it, `sequencer` the machine itself, `commands` what it
//! does where there is something to decide, `worker` the
//! thread that steps it, `exchange` the hand-over of groups to `journaler`, the thread that blocks in
//! the kernel, and `mailbox` how other threads look at the state.

mod alarm;
mod commands;
mod exchange;
mod gate;
mod journaler;
mod mailbox;
mod poison;
mod sequencer;
mod worker;

pub use poison::Poison;

pub(crate) use alarm::Alarm;
pub(crate) use commands::CommandDesk;
#[cfg(loom)]
pub(crate) use exchange::BUFFERS;
pub(crate) use exchange::Exchange;
pub(crate) use gate::{Gate, Refusal};
#[cfg(loom)]
pub(crate) use journaler::Stepped;
pub(crate) use journaler::{Journaler, JournalerEnd, run_journaler};
pub(crate) use mailbox::Mailbox;
pub(crate) use sequencer::{Partition, Resumed};
pub(crate) use worker::run_partitions;
