//! The rival around `crossbeam-channel`: a thread that receives, and sleeps while there is nothing.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::super::threads::{Mark, on_cpu, pin};
use super::super::workload::MatchEvent;
use super::codec::Codec;
use super::players::Players;
use super::rings::{Failure, Journaler, Pins};

const SLOTS: usize = 1 << 16;

/// Sends all events through a channel; returns when they are durable and applied.
pub(super) fn through_a_channel<C: Codec>(
    path: &Path,
    codec: C,
    pins: Pins,
    count: u64,
    events: impl Iterator<Item = MatchEvent> + Send,
) -> io::Result<Duration> {
    let (durable, failure) = (Mark::default(), Failure::default());
    let mut journaler = Journaler::new(path, codec, &durable, &failure)?;
    let mut players: Players = Players::all();
    let (sender, receiver) = crossbeam_channel::bounded::<MatchEvent>(SLOTS);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            pin(pins.consumer);
            let mut taken = 0;
            while let Ok(first) = receiver.recv() {
                let mut next = Some(first);
                while let Some(event) = next {
                    journaler.append(&event);
                    players.apply(&event);
                    taken += 1;
                    next = if journaler.is_full() {
                        None
                    } else {
                        receiver.try_recv().ok()
                    };
                }
                journaler.commit(taken);
            }
        });
        on_cpu(pins.publisher, move || {
            let started = crate::clock::now();
            for event in events.take(count as usize) {
                if sender.send(event).is_err() {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
            failure.wait(&durable, count)?;
            Ok(started.elapsed())
        })
    })
}
