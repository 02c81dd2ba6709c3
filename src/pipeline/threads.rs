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
            let pinning = Arc::new(Pinning::default());
            let answer = Arc::clone(&pinning);
            let name = format!("ringlog-p{index}");
            let thread = sync::spawn_named(name, move || {
                if let Some(cpu) = cpu {
                    answer.give(pin_to(cpu));
                }
                run_partitions(lane, &signal)
            })
            .map_err(|source| OpenError::Io {
                operation: "start a partition thread",
                source,
            })?;
            self.partition_threads.push(thread);
            if let Some(cpu) = cpu
                && pinning.is_granted()
            {
                report.pinned_cpus.push(cpu);
            }
        }
        Ok(())
    }
}

/// Whether a thread that started was pinned, as it says itself.
#[derive(Debug, Default)]
struct Pinning {
    answer: AtomicU8,
    signal: Signal,
}

impl Pinning {
    const PENDING: u8 = 0;
    const GRANTED: u8 = 1;
    const REFUSED: u8 = 2;

    fn give(&self, granted: bool) {
        let answer = if granted {
            Self::GRANTED
        } else {
            Self::REFUSED
        };
        // ORDERING: relaxed: the answer carries nothing else, and the signal orders it.
        self.answer.store(answer, Ordering::Relaxed);
        self.signal.notify();
    }

    fn is_granted(&self) -> bool {
        let mut answer = Self::PENDING;
        self.signal.wait_until(|| {
            // ORDERING: relaxed, as in `give`.
            answer = self.answer.load(Ordering::Relaxed);
            answer != Self::PENDING
        });
        answer == Self::GRANTED
    }
}
