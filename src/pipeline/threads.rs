//! Starting the threads of a pipeline.

use super::close::Running;
use super::placement::{Placement, pin_to};
use super::{OpenError, StartReport};
use crate::event::State;
use crate::idle::Signal;
use crate::journal::{Preparer, Writer};
use crate::partition::{Exchange, Gate, Journaler, Partition, run_journaler, run_partitions};
use crate::snapshot::Snapshotter;
use crate::sync::{self, Arc, AtomicU8, Ordering};

const PIN_PENDING: u8 = 0;
const PIN_GRANTED: u8 = 1;
const PIN_REFUSED: u8 = 2;

impl Running {
    pub(crate) fn start_journaler(
        &mut self,
        writer: Writer,
        exchange: &Arc<Exchange>,
        gate: &Arc<Gate>,
    ) -> Result<(), OpenError> {
        self.exchanges.push(Arc::clone(exchange));
        let journaler = Journaler::new(writer, Arc::clone(exchange), Arc::clone(gate));
        #[cfg(feature = "sim")]
        if let Some(stepped) = &mut self.stepped {
            stepped.journalers.push(journaler);
            return Ok(());
        }
        let name = format!("ringlog-j{}", gate.partition);
        let thread =
            sync::spawn_named(name, move || run_journaler(journaler)).map_err(|source| {
                OpenError::Io {
                    operation: "start a journaler",
                    source,
                }
            })?;
        self.journalers.push(thread);
        Ok(())
    }

    pub(crate) fn start_preparer(&mut self, preparer: Arc<Preparer>) -> Result<(), OpenError> {
        #[cfg(feature = "sim")]
        if let Some(stepped) = &mut self.stepped {
            stepped.preparer = Some(preparer);
            return Ok(());
        }
        let runs = Arc::clone(&preparer);
        let thread =
            sync::spawn_named("ringlog-prepare".into(), move || runs.run()).map_err(|source| {
                OpenError::Io {
                    operation: "start the preparer",
                    source,
                }
            })?;
        self.preparer = Some((preparer, thread));
        Ok(())
    }

    pub(crate) fn start_snapshotter<S: State>(
        &mut self,
        snapshotter: &Arc<Snapshotter<S>>,
    ) -> Result<(), OpenError> {
        #[cfg(feature = "sim")]
        if self.stepped.is_some() {
            return Ok(());
        }
        let runs = Arc::clone(snapshotter);
        let thread =
            sync::spawn_named("ringlog-snapshot".into(), move || runs.run()).map_err(|source| {
                OpenError::Io {
                    operation: "start the snapshot thread",
                    source,
                }
            })?;
        let stops = Arc::clone(snapshotter);
        self.snapshotter = Some((Box::new(move || stops.stop()), thread));
        Ok(())
    }

    pub(crate) fn start_threads<S: State>(
        &mut self,
        partitions: Vec<Partition<S>>,
        placement: &Placement,
        report: &mut StartReport,
    ) -> Result<(), OpenError> {
        let mut lanes: Vec<Vec<Partition<S>>> = placement.threads.iter().map(|_| vec![]).collect();
        let lanes_count = lanes.len();
        for (partition, index) in partitions.into_iter().zip((0..lanes_count).cycle()) {
            lanes[index].push(partition);
        }
        for (index, lane) in lanes.into_iter().enumerate() {
            let signal = Arc::clone(&lane[0].gate().worker);
            let cpu = placement.cpus.get(index).copied();
            let pinned = Arc::new((AtomicU8::new(PIN_PENDING), Signal::new()));
            let answer = Arc::clone(&pinned);
            let name = format!("ringlog-p{index}");
            let thread = sync::spawn_named(name, move || {
                let granted = cpu.is_some_and(pin_to);
                // ORDERING: release pairs with the acquire below; the flag carries nothing else.
                answer.0.store(
                    if granted { PIN_GRANTED } else { PIN_REFUSED },
                    Ordering::Release,
                );
                answer.1.notify();
                run_partitions(lane, &signal)
            })
            .map_err(|source| OpenError::Io {
                operation: "start a partition thread",
                source,
            })?;
            self.partition_threads.push(thread);
            // ORDERING: acquire, see above.
            pinned
                .1
                .wait_until(|| pinned.0.load(Ordering::Acquire) != PIN_PENDING);
            // ORDERING: relaxed: the thread wrote it once, before the wait ended.
            if let (PIN_GRANTED, Some(cpu)) = (pinned.0.load(Ordering::Relaxed), cpu) {
                report.pinned_cpus.push(cpu);
            }
        }
        Ok(())
    }
}
