//! Progress on standard error, where a terminal is attached.

use std::io::Read;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use ringlog::journal::JournalReader;

use crate::output::stderr_is_terminal;

/// How many events pass between two looks at the bar: it costs more than reading an event.
const STEP_EVENTS: u64 = 4096;

/// A bar or a counter; nothing at all where standard error is no terminal.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    events: u64,
}

impl Progress {
    /// A bar over the `total` bytes of an input; a counter where the total is unknown.
    pub(crate) fn of_bytes(what: &str, total: Option<u64>) -> Self {
        let template = match total {
            Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            None => "{msg} {bytes} {bytes_per_sec}",
        };
        Self::new(what, total, template)
    }

    /// A bar over the events of all partitions; a counter where their number is not known.
    pub(crate) fn of_events(what: &str, reader: &JournalReader) -> Self {
        let total = (0..reader.partitions())
            .map(|partition| reader.acknowledged_sequence(partition).ok().flatten())
            .sum::<Option<u64>>();
        let template = match total {
            Some(_) => "{msg} [{bar:30}] {human_pos}/{human_len} events, {per_sec}, {eta} left",
            None => "{msg} {human_pos} events, {per_sec}",
        };
        Self::new(what, total, template)
    }

    fn new(what: &str, total: Option<u64>, template: &str) -> Self {
        let bar = if stderr_is_terminal() {
            ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, events: 0 }
    }

    /// Counts the bytes that are read from `input`.
    pub(crate) fn reading<R: Read>(&self, input: R) -> impl Read + use<R> {
        self.bar.wrap_read(input)
    }

    /// Counts one event.
    pub(crate) fn event(&mut self) {
        self.events += 1;
        if self.events.is_multiple_of(STEP_EVENTS) {
            self.bar.set_position(self.events);
        }
    }
}

impl Drop for Progress {
    /// Leaves nothing behind on the terminal.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
