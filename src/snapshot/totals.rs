//! Counts over a partition's whole past, also of what retention removed.

use crate::journal::format::{FrameHeader, KIND_TOTAL};

/// How many events of each type a partition has had, and between which event times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// By kind and version. A list: programs have a handful of types, and the last one met is
    /// usually the next.
    by_type: Vec<((u16, u16), u64)>,
    pub(crate) first_event_time_ms: i64,
    pub(crate) last_event_time_ms: i64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            by_type: Vec::new(),
            first_event_time_ms: i64::MAX,
            last_event_time_ms: i64::MIN,
        }
    }
}

impl Totals {
    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.by_type
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// How many there were of each kind and version, in their order.
    #[must_use]
    pub fn by_type(&self) -> Vec<((u16, u16), u64)> {
        let mut by_type = self.by_type.clone();
        by_type.sort_unstable();
        by_type
    }

    /// The least and the greatest event time, in milliseconds since the Unix epoch; `None` where
    /// there was no event.
    #[must_use]
    pub fn event_times_ms(&self) -> Option<(i64, i64)> {
        (self.first_event_time_ms <= self.last_event_time_ms)
            .then_some((self.first_event_time_ms, self.last_event_time_ms))
    }

    /// Counts one event.
    #[inline]
    pub(crate) fn count(&mut self, header: &FrameHeader) {
        self.first_event_time_ms = self.first_event_time_ms.min(header.event_time_ms);
        self.last_event_time_ms = self.last_event_time_ms.max(header.event_time_ms);
        *self.of((header.kind, header.version)) += 1;
    }

    /// The records that [`replay`](Self::replay) rebuilds the counts from.
    pub(crate) fn records(&self) -> impl Iterator<Item = FrameHeader> {
        self.by_type()
            .into_iter()
            .map(|((kind, version), count)| FrameHeader {
                source_number: u64::from(version),
                key: count,
                ..FrameHeader::control(KIND_TOTAL, u32::from(kind), 0)
            })
    }

    /// Takes a record of [`records`](Self::records).
    pub(crate) fn replay(&mut self, record: &FrameHeader) {
        if let (Ok(kind), Ok(version)) = (
            u16::try_from(record.source_id),
            u16::try_from(record.source_number),
        ) {
            let count = self.of((kind, version));
            *count = count.saturating_add(record.key);
        }
    }

    #[inline]
    fn of(&mut self, event_type: (u16, u16)) -> &mut u64 {
        let index = match self
            .by_type
            .iter()
            .position(|(known, _)| *known == event_type)
        {
            Some(index) => index,
            None => {
                self.by_type.push((event_type, 0));
                self.by_type.len() - 1
            }
        };
        &mut self.by_type[index].1
    }
}
