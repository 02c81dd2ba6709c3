//! The door to shared memory and threads: `std`'s in the product, `loom`'s under `cfg(loom)`, and
//! `shuttle`'s under `cfg(shuttle)`.
//!
//! No other module names atomics, locks, parking or thread creation, so that whatever they build
//! can be explored by the models in `loom-tests/`, and run in random orders by `shuttle-tests/`. The
//! types are wrapped rather than re-exported: clippy then holds everybody else to this door.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the door"
)]

mod atomic;
mod handed;
#[cfg(loom)]
mod loom_parking;
mod mutex;
mod once;
mod parking;
#[cfg(any(loom, shuttle))]
mod queue;
mod rwlock;
mod threads;
mod tracked;

#[cfg(loom)]
use loom::{sync as shared, thread};
#[cfg(shuttle)]
use shuttle::{sync as shared, thread};
#[cfg(not(any(loom, shuttle)))]
use std::{sync as shared, thread};

pub(crate) use atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering, Statistic};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use crossbeam::queue::ArrayQueue;
pub(crate) use handed::Handed;
pub(crate) use mutex::{Mutex, lock};
pub(crate) use once::OnceLock;
pub(crate) use parking::{Thread, current, park, park_for, spin_hint, yield_now};
#[cfg(any(loom, shuttle))]
pub(crate) use queue::ArrayQueue;
pub(crate) use rwlock::{RwLock, read, write};
pub(crate) use std::sync::Arc;
pub(crate) use threads::{
    JoinHandle, allowed_cpus, of_each_thread, scope, spawn_named, spawn_scoped,
};
pub(crate) use tracked::Tracked;
