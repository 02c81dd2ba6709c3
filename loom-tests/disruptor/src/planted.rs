//! Loom's atomics, with the bugs that the models of the ring must find: one can be planted in a
//! process by naming it in the environment, as those of the library can.

pub(crate) use loom::sync::atomic::Ordering;
use loom::sync::atomic::{AtomicI64 as LoomI64, AtomicU64 as LoomU64};

/// Consumers say with a `store` how far they have read.
const SPACE: &str = "RingSpaceRelaxed";
/// Publishers say with a `fetch_xor` what they have written.
const PUBLICATION: &str = "RingPublicationRelaxed";

fn order(order: Ordering, canary: &str) -> Ordering {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    match PLANTED.get_or_init(|| std::env::var("RINGLOG_CANARY").ok()) {
        Some(planted) if planted == canary => Ordering::Relaxed,
        _ => order,
    }
}

#[derive(Debug)]
pub(crate) struct AtomicI64(LoomI64);

impl AtomicI64 {
    pub(crate) fn new(value: i64) -> Self {
        Self(LoomI64::new(value))
    }

    pub(crate) fn load(&self, success: Ordering) -> i64 {
        self.0.load(success)
    }

    pub(crate) fn store(&self, value: i64, release: Ordering) {
        self.0.store(value, order(release, SPACE));
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: i64,
        new: i64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<i64, i64> {
        self.0.compare_exchange_weak(current, new, success, failure)
    }

    pub(crate) fn fetch_add(&self, value: i64, order: Ordering) -> i64 {
        self.0.fetch_add(value, order)
    }

    pub(crate) fn fetch_sub(&self, value: i64, order: Ordering) -> i64 {
        self.0.fetch_sub(value, order)
    }
}

#[derive(Debug)]
pub(crate) struct AtomicU64(LoomU64);

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        Self(LoomU64::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    pub(crate) fn fetch_xor(&self, value: u64, release: Ordering) -> u64 {
        self.0.fetch_xor(value, order(release, PUBLICATION))
    }
}
