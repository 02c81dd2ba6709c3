//! The journaler: the thread that writes a partition's groups and blocks in the kernel doing so.

use std::time::Duration;

use super::exchange::Exchange;
use super::gate::Gate;
use super::poison::Poison;
use crate::callback::panic_message;
use crate::journal::{WriteFailure, Writer};
use crate::sync::{Arc, Ordering};

/// How long the journal is idle before a witness is written behind the last group.
const WITNESS_DELAY: Duration = Duration::from_millis(200);

/// What a journaler leaves behind.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct JournalerEnd {
    pub(crate) groups: u64,
    pub(crate) bytes: u64,
}

/// The journaling thread: commits groups until the exchange is drained, then leaves a witness.
pub(crate) fn run_journaler(mut writer: Writer, exchange: &Exchange, gate: &Gate) -> JournalerEnd {
    let mut end = JournalerEnd::default();
    let body = std::panic::AssertUnwindSafe(|| commit_all(&mut writer, exchange, gate, &mut end));
    let failure = match std::panic::catch_unwind(body) {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(Poison::Journal {
            partition: gate.partition,
            stage: failure.stage,
            source: Arc::new(failure.source),
        }),
        Err(payload) => Some(Poison::Engine {
            partition: gate.partition,
            message: panic_message(&*payload).into(),
        }),
    };
    if let Some(poison) = failure {
        gate.poison(poison.clone());
        gate.fail_receipts(poison);
        discard_all(exchange);
    }
    end.bytes = writer.bytes_written();
    end
}

fn commit_all(
    writer: &mut Writer,
    exchange: &Exchange,
    gate: &Gate,
    end: &mut JournalerEnd,
) -> Result<(), WriteFailure> {
    loop {
        while let Some(mut group) = exchange.take_full() {
            // A group that fails is dropped, not given back: a buffer that comes back tells the
            // partition that what was in it is settled.
            writer.commit(&mut group)?;
            end.groups += 1;
            gate.counters.groups.fetch_add(1, Ordering::Relaxed);
            gate.counters
                .bytes_written
                .store(writer.bytes_written(), Ordering::Relaxed);
            gate.snapshot_alarm.written(writer.bytes_written());
            // Only now: the write that covers them returned `Ok`.
            gate.durable.advance(writer.last_sequence());
            gate.settled.advance(group.settles_position);
            exchange.give_back(group);
            // The partition may have a group open that waited for the journal to be free, and runs
            // the wakers that became due.
            gate.worker.notify();
        }
        if exchange.is_drained() {
            return writer.close();
        }
        let timeout = writer.needs_witness().then_some(WITNESS_DELAY);
        if !exchange.wait(timeout) {
            writer.witness()?;
        }
    }
}

/// After a failure, which the gate knows by now: nothing is written any more, but the queue is kept
/// empty until the partition ends.
fn discard_all(exchange: &Exchange) {
    while !exchange.is_drained() {
        while exchange.take_full().is_some() {}
        exchange.wait(None);
    }
}
