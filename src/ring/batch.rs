//! Records that are published together.

use super::slots_for;

/// Records on their way to one ring, gathered so that one claim and one release serve them all.
#[derive(Debug, Default)]
pub(crate) struct RecordBatch {
    bytes: Vec<u8>,
    lengths: Vec<u32>,
    slots: usize,
}

impl RecordBatch {
    pub(crate) fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a record is shorter than the ring"
        )]
        self.lengths.push(record.len() as u32);
        self.slots += slots_for(record.len());
    }

    /// How many slots of a ring the records take.
    #[inline]
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// How many records there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The records, in order.
    #[inline]
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.bytes;
        self.lengths.iter().map(move |&length| {
            let (record, behind) = rest.split_at(length as usize);
            rest = behind;
            record
        })
    }

    /// Forgets the records and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
        self.slots = 0;
    }
}
