//! The crate `disruptor`, as its authors wrote it, on loom's (or shuttle's) atomics and locks: what
//! `build.rs` took from the registry. So the library's own `ring` is explored on the code that it is
//! released with.
#![allow(
    dead_code,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    reason = "not our code"
)]

include!(concat!(env!("OUT_DIR"), "/src/lib.rs"));

#[cfg(loom)]
mod planted;

/// `std`, but for what threads share. Threads stay `std`'s: only consumers with a thread of their own
/// would start one, and the library polls.
mod twin {
    pub(crate) use std::*;

    /// `Arc` stays `std`'s: its counts are not what is explored.
    pub(crate) mod sync {
        #[cfg(loom)]
        pub(crate) use crate::planted as atomic;
        #[cfg(loom)]
        pub(crate) use loom::sync::Mutex;
        #[cfg(shuttle)]
        pub(crate) use shuttle::sync::{Mutex, atomic};
        pub(crate) use std::sync::*;
    }
}
