//! Closing: seal, drain, sync, join.

use super::report::{CloseReport, PartitionReport};
use crate::journal::{Directory, Preparer};
use crate::partition::{Exchange, Gate, JournalerEnd, Poison};
use crate::projection::StopProjection;
use crate::sync::{self, Arc, JoinHandle, Mutex};

/// Asks a thread to end.
pub(crate) type Stop = Box<dyn Fn() + Send + Sync>;

/// The threads of an open pipeline, and what they need until they end.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) gates: Vec<Arc<Gate>>,
    pub(crate) exchanges: Vec<Arc<Exchange>>,
    pub(crate) first_sequences: Vec<u64>,
    pub(crate) partition_threads: Vec<JoinHandle<()>>,
    pub(crate) journalers: Vec<JoinHandle<JournalerEnd>>,
    pub(crate) preparer: Option<(Arc<Preparer>, JoinHandle<()>)>,
    /// How to stop the snapshot thread, and the thread.
    pub(crate) snapshotter: Option<(Stop, JoinHandle<()>)>,
    /// How to end the read models, with their threads.
    pub(crate) projections: Mutex<Vec<StopProjection>>,
    /// What a simulation steps on its own thread, instead of threads.
    #[cfg(feature = "sim")]
    pub(crate) stepped: Option<super::stepped::Stepped>,
    /// Holds the lock, so it goes last.
    pub(crate) directory: Option<Arc<Directory>>,
}

impl Running {
    /// Seals and drains every partition, joins every thread, and says what was done.
    pub(crate) fn close(mut self) -> (CloseReport, Vec<Poison>) {
        let report = self.join();
        let poisons = self
            .gates
            .iter()
            .filter_map(|gate| gate.poison_cause().cloned())
            .collect();
        (report, poisons)
    }

    fn join(&mut self) -> CloseReport {
        for gate in &self.gates {
            gate.start_closing();
        }
        if let Some((stop, thread)) = self.snapshotter.take() {
            stop();
            let _ = thread.join();
        }
        let mut report = CloseReport {
            partitions: vec![PartitionReport::default(); self.first_sequences.len()],
        };
        for thread in self.partition_threads.drain(..) {
            // The thread contains every panic itself, and poisons its partitions with it.
            let _ = thread.join();
        }
        // Partitions that never got a thread have not ended their exchanges.
        for exchange in &self.exchanges {
            exchange.end();
        }
        let journalers = self.journalers.drain(..);
        for (thread, entry) in journalers.zip(&mut report.partitions) {
            let end = thread.join().unwrap_or_default();
            entry.groups = end.groups;
            entry.bytes_written = end.bytes;
        }
        for ((gate, first), entry) in self
            .gates
            .iter()
            .zip(&self.first_sequences)
            .zip(&mut report.partitions)
        {
            entry.duplicates = gate.counters.duplicates.get();
            entry.last_sequence = gate.durable.get();
            entry.events = entry.last_sequence - first;
        }
        for gate in &self.gates {
            // A journaler that failed last made wakers due that nobody else would run any more.
            gate.run_wakers();
        }
        // Only now: what the journalers wrote last is synced, and counts in their checkpoints.
        let projections = std::mem::take(&mut *sync::lock(&self.projections));
        projections.iter().for_each(StopProjection::stop);
        if let Some((preparer, thread)) = self.preparer.take() {
            preparer.stop();
            let _ = thread.join();
        }
        report
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl Drop for Running {
    /// An opening that failed half-way, or a pipeline that was dropped: nothing may go on running
    /// on a directory whose lock is released.
    fn drop(&mut self) {
        self.join();
    }
}
