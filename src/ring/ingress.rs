//! The ingress ring itself: claim, copy, publish; poll, reassemble, free.

use disruptor::{
    BusySpin, EventPoller, MultiProducer, MultiProducerBarrier, Polling, Producer,
    SingleConsumerBarrier, build_multi_producer,
};

use crate::bytes::copy_short;
use crate::prefetch::{prefetch_behind, prefetch_behind_to_write};
use crate::sync::Tracked;

/// Bytes of a record that one slot carries.
pub(crate) const SLOT_BYTES: usize = 120;

/// How many slots ahead a poll has the memory fetched, which a publisher's core has just written.
const PREFETCH_SLOTS: u64 = 8;

/// A pair of cache lines: the adjacent-line prefetcher then never drags in a neighbour's slot.
#[derive(Debug)]
#[repr(C, align(128))]
struct Part {
    bytes: [u8; SLOT_BYTES],
    /// The length of the record that starts here; 0 where one continues.
    length: u32,
}

type Slot = Tracked<Part>;

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == 128);

/// How many slots a record of `bytes` bytes takes.
#[inline]
pub(crate) const fn slots_for(bytes: usize) -> usize {
    if bytes <= SLOT_BYTES {
        1
    } else {
        bytes.div_ceil(SLOT_BYTES)
    }
}

/// The ring has no room for the record at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingFull;

/// One publishing end. Each publishing thread has its own clone.
pub(crate) struct RingPublisher {
    producer: MultiProducer<Slot, SingleConsumerBarrier>,
    slots: usize,
}

/// The reading end.
pub(crate) struct RingPoller {
    poller: EventPoller<Slot, MultiProducerBarrier>,
    /// A record that takes several slots, as far as it has been read: slots become visible one
    /// by one, so a poll may end in the middle of it.
    partial: Vec<u8>,
    partial_length: usize,
    position: u64,
    slots: u64,
}

/// A ring of `slots` slots: a power of two, at least 64.
pub(crate) fn ring(slots: usize) -> (RingPublisher, RingPoller) {
    let factory = || {
        Tracked::new(Part {
            bytes: [0; SLOT_BYTES],
            length: 0,
        })
    };
    // The wait strategy is never used: the poller is polled by our own threads.
    let (poller, builder) = build_multi_producer(slots, factory, BusySpin).new_event_poller();
    let publisher = RingPublisher {
        producer: builder.build(),
        slots,
    };
    (
        publisher,
        RingPoller {
            poller,
            partial: Vec::new(),
            partial_length: 0,
            position: 0,
            slots: slots as u64,
        },
    )
}

impl RingPublisher {
    /// Publishes a record, or finds the ring full; never waits. Returns the record's position:
    /// positions start at 1 and rise in the order in which the poller reads.
    ///
    /// # Errors
    ///
    /// [`RingFull`]: nothing was published.
    #[inline(always)]
    pub(crate) fn try_publish(&mut self, record: &[u8]) -> Result<u64, RingFull> {
        debug_assert!(!record.is_empty() && slots_for(record.len()) <= self.slots);
        let sequence = if record.len() <= SLOT_BYTES {
            self.producer
                .try_publish(|slot| {
                    // Claim and release are barriers: without this each publish would wait for the
                    // poller's core to give the slot up.
                    prefetch_behind_to_write(slot, PREFETCH_SLOTS);
                    write(record, &mut std::iter::once(slot));
                })
                .map_err(|_| RingFull)?
        } else {
            self.producer
                .try_batch_publish(slots_for(record.len()), |mut slots| {
                    write(record, &mut slots)
                })
                .map_err(|_| RingFull)?
        };
        Ok(position_of(sequence))
    }

    /// Publishes the records, which take `slots` slots together, or finds no room for all of them and
    /// publishes none; never waits. One claim and one release serve them all. Returns the last
    /// record's position.
    ///
    /// # Errors
    ///
    /// [`RingFull`]: nothing was published.
    #[inline]
    pub(crate) fn try_publish_all<'a>(
        &mut self,
        records: impl Iterator<Item = &'a [u8]> + Clone,
        slots: usize,
    ) -> Result<u64, RingFull> {
        debug_assert!(slots > 0 && slots <= self.slots);
        debug_assert_eq!(
            records
                .clone()
                .map(|record| slots_for(record.len()))
                .sum::<usize>(),
            slots,
            "too few would lose a record, too many would publish an old one again"
        );
        let sequence = self
            .producer
            .try_batch_publish(slots, |mut slots| {
                for record in records {
                    write(record, &mut slots);
                }
            })
            .map_err(|_| RingFull)?;
        Ok(position_of(sequence))
    }

    /// Claims every slot, so that each later claim finds the ring full. Succeeds only when nothing
    /// is unread and nobody is between claim and publish; the poller must not poll afterwards.
    pub(crate) fn try_seal(&mut self) -> bool {
        self.producer.try_batch_publish(self.slots, drop).is_ok()
    }
}

impl Clone for RingPublisher {
    fn clone(&self) -> Self {
        Self {
            producer: self.producer.clone(),
            slots: self.slots,
        }
    }
}

impl std::fmt::Debug for RingPublisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RingPublisher")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl RingPoller {
    /// Hands the records in up to `slots_max` slots to `on_record`, in order, with their positions,
    /// and frees the slots. `on_record` must not panic. Returns how many slots were read.
    #[inline]
    pub(crate) fn poll(&mut self, slots_max: u64, mut on_record: impl FnMut(u64, &[u8])) -> u64 {
        let mut guard = match self.poller.take(slots_max) {
            Ok(guard) => guard,
            Err(Polling::NoEvents | Polling::Shutdown) => return 0,
        };
        let mut read = 0;
        let slots = &mut guard;
        let available = slots.len() as u64;
        for slot in slots {
            read += 1;
            // Published already: so it takes nothing from a publisher that it is not done with.
            if read + PREFETCH_SLOTS <= available {
                prefetch_behind(slot, PREFETCH_SLOTS);
            }
            let position = self.position + read;
            let (partial, partial_length) = (&mut self.partial, &mut self.partial_length);
            slot.read(|part| {
                let length = part.length as usize;
                if *partial_length == 0 && length <= SLOT_BYTES {
                    on_record(position, &part.bytes[..length]);
                    return;
                }
                if *partial_length == 0 {
                    *partial_length = length;
                    partial.clear();
                }
                let missing = *partial_length - partial.len();
                partial.extend_from_slice(&part.bytes[..missing.min(SLOT_BYTES)]);
                if partial.len() == *partial_length {
                    *partial_length = 0;
                    on_record(position, partial);
                }
            });
        }
        self.position += read;
        read
    }

    /// Whether a poll would read something.
    pub(crate) fn has_records(&self) -> bool {
        self.poller.has_available()
    }

    /// How many slots the ring has.
    pub(crate) fn slots(&self) -> u64 {
        self.slots
    }

    /// Bytes of a record whose last slots have not been read yet.
    pub(crate) fn partial_bytes(&self) -> usize {
        if self.partial_length == 0 {
            0
        } else {
            self.partial.len()
        }
    }
}

impl std::fmt::Debug for RingPoller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RingPoller")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Writes a record into the next slots.
#[inline]
fn write<'a>(record: &[u8], slots: &mut impl Iterator<Item = &'a mut Slot>) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a record is shorter than the ring"
    )]
    let length = record.len() as u32;
    let mut write_part = |bytes: &[u8], length| {
        if let Some(slot) = slots.next() {
            slot.write(|part| {
                part.length = length;
                copy_short(&mut part.bytes[..bytes.len()], bytes);
            });
        }
    };
    if record.len() <= SLOT_BYTES {
        write_part(record, length);
        return;
    }
    for (index, bytes) in record.chunks(SLOT_BYTES).enumerate() {
        write_part(bytes, if index == 0 { length } else { 0 });
    }
}

/// The crate counts from 0; a position counts slots, so that 0 can mean "nothing".
#[inline]
fn position_of(sequence: i64) -> u64 {
    sequence.cast_unsigned() + 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn drain(poller: &mut RingPoller, slots_max: u64) -> Vec<(u64, Vec<u8>)> {
        let mut records = Vec::new();
        while poller.poll(slots_max, |position, bytes| {
            records.push((position, bytes.to_vec()))
        }) > 0
        {}
        records
    }

    #[test]
    fn records_of_every_length_arrive_whole_and_in_order_over_the_wrap() {
        let (mut publisher, mut poller) = ring(64);
        for round in 0..200usize {
            let lengths = [1, 119, 120, 121, 240, 241, 1_000, round + 1];
            let sent: Vec<Vec<u8>> = lengths
                .iter()
                .enumerate()
                .map(|(index, length)| {
                    #[expect(clippy::cast_possible_truncation, reason = "any byte will do")]
                    let byte = (round * 8 + index) as u8;
                    vec![byte; *length]
                })
                .collect();
            let positions: Vec<u64> = sent
                .iter()
                .map(|record| publisher.try_publish(record).unwrap())
                .collect();
            // Polling three slots at a time cuts long records into pieces.
            let received = drain(&mut poller, 3);
            let expected: Vec<_> = positions.into_iter().zip(sent).collect();
            assert_eq!(received, expected);
        }
    }

    #[test]
    fn a_batch_arrives_whole_and_in_order_or_not_at_all() {
        let (mut publisher, mut poller) = ring(64);
        let sent: Vec<Vec<u8>> = [1, 120, 121, 600, 7].map(|length| vec![7; length]).to_vec();
        let records = || sent.iter().map(Vec::as_slice);
        for round in 1..=50 {
            assert_eq!(publisher.try_publish_all(records(), 10), Ok(round * 10));
            let received = drain(&mut poller, 3).into_iter().map(|(_, record)| record);
            assert_eq!(received.collect::<Vec<_>>(), sent);
        }
        for _ in 0..60 {
            publisher.try_publish(&[1]).unwrap();
        }
        assert_eq!(publisher.try_publish_all(records(), 10), Err(RingFull));
        assert_eq!(drain(&mut poller, 64).len(), 60);
    }

    #[test]
    fn a_full_ring_refuses_and_accepts_again_after_a_poll() {
        let (mut publisher, mut poller) = ring(64);
        for _ in 0..64 {
            publisher.try_publish(&[1]).unwrap();
        }
        assert_eq!(publisher.try_publish(&[2]), Err(RingFull));
        assert!(!publisher.try_seal());
        assert_eq!(poller.poll(1, |_, _| {}), 1);
        assert_eq!(publisher.try_publish(&[2]), Ok(65));
    }

    #[test]
    fn a_sealed_ring_is_full_for_every_publisher_for_ever() {
        let (mut publisher, mut poller) = ring(64);
        let mut other = publisher.clone();
        publisher.try_publish(&[1]).unwrap();
        drain(&mut poller, 100);
        assert!(publisher.try_seal());
        assert_eq!(publisher.try_publish(&[1]), Err(RingFull));
        assert_eq!(other.try_publish(&[1]), Err(RingFull));
    }
}
