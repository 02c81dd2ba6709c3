//! Reading state from any thread.

use super::publisher::{WhenFull, publish_record};
use super::{Pipeline, ReadStateError};
use crate::callback;
use crate::event::State;
use crate::journal::format::{FrameHeader, KIND_MARKER};
use crate::routing::partition_of;

impl<S: State> Pipeline<S> {
    /// Looks at the state of `key`'s partition, and returns when what was seen is durable.
    ///
    /// It sees every event whose `publish` returned before this was called, by whomever. `look`
    /// runs on the partition's thread, between two events; keep it short. Nothing that it saw can
    /// be taken back by a crash once this returned.
    ///
    /// # Errors
    ///
    /// [`ReadStateError`]: also when what was seen could not be made durable.
    ///
    /// # Panics
    ///
    /// When `look` panics: the panic goes on here, the partition is unharmed.
    pub fn read<R: Send>(
        &self,
        key: u64,
        look: impl FnOnce(&S) -> R + Send,
    ) -> Result<R, ReadStateError> {
        self.read_partition(partition_of(key, self.partitions()), look)
    }

    /// As [`read`](Self::read), but returns at once: what was seen may still be lost by a crash.
    ///
    /// # Errors
    ///
    /// [`ReadStateError`].
    ///
    /// # Panics
    ///
    /// When `look` panics.
    pub fn read_applied<R: Send>(
        &self,
        key: u64,
        look: impl FnOnce(&S) -> R + Send,
    ) -> Result<R, ReadStateError> {
        let partition = partition_of(key, self.partitions());
        self.visit(partition, look).map(|(seen, _)| seen)
    }

    /// As [`read`](Self::read), of a partition by its number.
    ///
    /// # Errors
    ///
    /// [`ReadStateError`].
    ///
    /// # Panics
    ///
    /// When `look` panics.
    pub fn read_partition<R: Send>(
        &self,
        partition: u32,
        look: impl FnOnce(&S) -> R + Send,
    ) -> Result<R, ReadStateError> {
        let (seen, sequence) = self.visit(partition, look)?;
        let gate = &self.shared().gates[partition as usize];
        match gate.durable.wait(sequence) {
            Ok(()) => Ok(seen),
            Err(_) => Err(self.why_not(partition)),
        }
    }

    fn visit<R: Send>(
        &self,
        partition: u32,
        look: impl FnOnce(&S) -> R + Send,
    ) -> Result<(R, u64), ReadStateError> {
        if callback::is_inside() {
            return Err(ReadStateError::WouldDeadlock);
        }
        let index = partition as usize;
        let shared = self.shared();
        let (Some(gate), Some(mailbox)) = (shared.gates.get(index), shared.mailboxes.get(index))
        else {
            return Err(ReadStateError::NoSuchPartition(partition));
        };
        // The marker comes behind everything that was published before this call, also behind what
        // another publisher has claimed but not published yet.
        let marker = FrameHeader::control(KIND_MARKER, 0, 0);
        let marker = publish_record(
            gate,
            &mut shared.ring(index),
            marker.as_record(),
            WhenFull::Wait,
        )
        .map_err(|_| self.why_not(partition))?;
        mailbox
            .visit(&gate.worker, marker, look)
            .map_err(|_| self.why_not(partition))
    }

    fn why_not(&self, partition: u32) -> ReadStateError {
        let gate = &self.shared().gates[partition as usize];
        match gate.poison_cause() {
            Some(poison) => ReadStateError::Poisoned(poison.clone()),
            None => ReadStateError::Closed,
        }
    }
}
