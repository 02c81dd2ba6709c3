//! The ingress ring of a partition: many publishers, one poller, records of any length.
//!
//! This is the only module that names the `disruptor` crate, and it fences in what bites there: it
//! publishes through `try_*` only (the crate's own waits spin with an empty loop), runs nothing of
//! the user's between claim and publish (a panic there would leave a hole that stalls everybody),
//! and runs nothing of the user's inside an event guard (its drop marks unread slots as read).
//!
//! It knows nothing of journals: a record is bytes.
#![forbid(unsafe_code)]

mod ingress;

#[cfg(loom)]
pub(crate) use ingress::SLOT_BYTES;
pub(crate) use ingress::{RingFull, RingPoller, RingPublisher, ring, slots_for};
