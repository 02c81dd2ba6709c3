//! How the models are explored: to the end, or not at all.
//!
//! Neither a duration nor a number of executions limits an exploration, whatever the environment
//! says; too many branches in one execution fail it. So a model that passes was seen whole, within
//! its bound on preemptions.

#[cfg(not(loom))]
compile_error!(
    "build this inside loom-tests/, where .cargo/config.toml sets `--cfg loom`, and without RUSTFLAGS"
);

mod memory;
mod plain;

pub use memory::Memory;
pub use plain::Plain;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// How many preemptions an execution may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preemptions {
    /// Any number: every interleaving is explored.
    Unbounded,
    /// Up to three, which is where nearly all concurrency bugs show.
    Three,
}

/// Explores `model` to its end and prints what that took.
///
/// # Panics
///
/// When an execution fails: an assertion, a deadlock, a data race, or too many branches.
pub fn explore(preemptions: Preemptions, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = match preemptions {
        Preemptions::Unbounded => None,
        Preemptions::Three => Some(3),
    };
    builder.max_branches = 10_000;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.checkpoint_file = None;
    let start = Instant::now();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let thread = std::thread::current();
    println!(
        "{}: preemptions {preemptions:?}, {} executions in {:.2} s",
        thread.name().unwrap_or("model"),
        executions.load(Ordering::Relaxed),
        start.elapsed().as_secs_f64()
    );
}

/// Explores a `model` that says what each execution came to, and asserts that over all of them it came
/// to each of the `expected` outcomes and to no other. So a model in which the threads never meet
/// fails.
///
/// # Panics
///
/// As [`explore`], and when the outcomes are not the expected ones.
pub fn explore_outcomes<T: Ord + Debug + Send + 'static>(
    preemptions: Preemptions,
    expected: impl IntoIterator<Item = T>,
    model: impl Fn() -> T + Send + Sync + 'static,
) {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let sees = Arc::clone(&seen);
    explore(preemptions, move || {
        let outcome = model();
        sees.lock().unwrap().insert(outcome);
    });
    let expected: BTreeSet<T> = expected.into_iter().collect();
    assert_eq!(*seen.lock().unwrap(), expected, "the outcomes");
}

/// Starts a thread of the model with the stack that the journal's code needs: loom's own threads,
/// the model itself among them, have 32 KiB.
pub fn spawn<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> loom::thread::JoinHandle<T> {
    let words = STACK_BYTES / size_of::<usize>();
    let builder = loom::thread::Builder::new().stack_size(words);
    builder.spawn(body).unwrap()
}

const STACK_BYTES: usize = 256 * 1024;
