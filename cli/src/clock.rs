//! The program's clock: the only place that reads it.

use std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "this is the program's door to the clock; the engine's is crate-private"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
