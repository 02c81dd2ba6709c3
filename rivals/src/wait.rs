//! Waiting where a contender has no wait of its own.

use std::time::Duration;

const SPINS: u32 = 64;
const YIELDS: u32 = 64;
/// Longer than the sleep itself takes to set up; nobody wakes the sleeper.
const NAP: Duration = Duration::from_micros(50);

/// Spins a little, then yields, then naps: threads may outnumber the cores.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    /// There was nothing to do.
    #[inline]
    pub(crate) fn wait(&mut self) {
        self.0 += 1;
        if self.0 <= SPINS {
            std::hint::spin_loop();
        } else if self.0 <= SPINS + YIELDS {
            std::thread::yield_now();
        } else {
            std::thread::sleep(NAP);
        }
    }

    /// There was something to do.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }
}
