//! The thread that steps partitions.
#![forbid(unsafe_code)]

use super::poison::Poison;
use super::sequencer::Partition;
use crate::callback::{contain, panic_message};
use crate::event::State;
use crate::idle::{Signal, linger};
use crate::sync::{Arc, yield_now};

/// Steps `partitions` until each has ended; what runs on a partition thread.
pub(crate) fn run_partitions<S: State>(mut partitions: Vec<Partition<S>>, signal: &Signal) {
    let gates: Vec<_> = partitions
        .iter()
        .map(|partition| Arc::clone(partition.gate()))
        .collect();
    if let Err(payload) = contain(|| step_until_finished(&mut partitions, signal)) {
        let message: Arc<str> = panic_message(&*payload).into();
        for gate in gates {
            let poison = Poison::Engine {
                partition: gate.partition,
                message: message.clone(),
            };
            gate.poison(poison.clone());
            gate.fail_receipts(poison);
            gate.run_wakers();
        }
        for partition in &mut partitions {
            partition.finish();
        }
    }
}

fn step_until_finished<S: State>(partitions: &mut [Partition<S>], signal: &Signal) {
    loop {
        let mut progress = false;
        let mut finished = true;
        for partition in &mut *partitions {
            progress |= partition.step();
            finished &= partition.is_finished();
        }
        if finished {
            return;
        }
        if !progress {
            signal.wait_until(|| partitions.iter().any(Partition::is_ready));
            // Ready without progress: a publisher is between claim and publish, and needs a core.
            yield_now();
        } else if partitions.iter().all(Partition::is_trickling) {
            linger();
        }
    }
}
