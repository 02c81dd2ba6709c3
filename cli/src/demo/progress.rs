//! Progress of a demo on standard error, where that is a terminal.

use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ringlog::{PartitionStats, Pipeline, State};

/// Shows rate and lag until `done`: how much of `count` each partition has done, `progress_of` says.
pub(super) fn show_progress<S: State>(
    pipeline: &Pipeline<S>,
    count: u64,
    progress_of: impl Fn(&PartitionStats) -> u64,
    done: impl Fn() -> bool,
) {
    let bar = ProgressBar::new(count);
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {human_pos}, {per_sec}, {eta} left, lag {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let pause = if bar.is_hidden() {
        Duration::from_millis(20)
    } else {
        Duration::from_millis(100)
    };
    while !done() {
        thread::park_timeout(pause);
        let (mut position, mut lag) = (0, 0);
        for partition in pipeline.stats() {
            position += progress_of(&partition);
            lag += partition
                .applied_sequence
                .saturating_sub(partition.durable_sequence);
        }
        bar.set_position(position);
        bar.set_message(lag.to_string());
    }
    bar.finish_and_clear();
}
