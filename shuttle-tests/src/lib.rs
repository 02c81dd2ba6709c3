//! How whole pipelines are run: under many random schedules, each a function of a seed.
//!
//! Half of the schedules are uniformly random; half are by PCT, which finds every bug that takes
//! three ordered steps with a known probability, however long the run.

#[cfg(not(shuttle))]
compile_error!(
    "build this inside shuttle-tests/, where .cargo/config.toml sets `--cfg shuttle`, and without RUSTFLAGS"
);

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// Steps that must come in one order for a bug to show.
const DEPTH: usize = 3;

/// Runs `body` under `schedules` schedules; the environment's `SCHEDULES` times as many, from its
/// `SEED` on.
///
/// # Panics
///
/// When a schedule fails: an assertion, a deadlock, or too many steps. What was printed before
/// holds the seed.
pub fn run(schedules: usize, body: impl Fn() + Send + Sync + 'static) {
    let seed = number("SEED").unwrap_or_else(seed_by_the_clock);
    let schedules = schedules * usize::try_from(number("SCHEDULES").unwrap_or(1)).unwrap();
    let body = Arc::new(body);
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("test");
    let started = Instant::now();
    println!("{name}: {schedules} schedules, SEED={seed}");
    run_by(RandomScheduler::new_from_seed(seed, schedules / 2), &body);
    run_by(
        PctScheduler::new_from_seed(seed, DEPTH, schedules / 2),
        &body,
    );
    println!("{name}: {:.1} s", started.elapsed().as_secs_f64());
}

fn run_by(scheduler: impl Scheduler + 'static, body: &Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = 512 * 1024;
    // A run that does not end is a failure.
    config.max_steps = MaxSteps::FailAfter(200_000);
    // That weaker orderings than SeqCst are not modelled is what loom-tests/ is for.
    config.silence_warnings = true;
    let body = Arc::clone(body);
    Runner::new(scheduler, config).run(move || body());
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn seed_by_the_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u64::from(now.subsec_nanos()))
}
