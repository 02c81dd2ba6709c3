//! rtrb: a ring of one producer and one consumer, without waits of its own.

use rtrb::{Consumer, Producer, RingBuffer, chunks::ChunkError};

use super::disruptor::Slot;
use super::race::{BATCH, CAPACITY, Load, Outlet, consume, race};
use crate::wait::Backoff;
use crate::{Message, Sample};

/// `push` and `pop`; with several publishers each has a ring.
pub(super) fn rtrb<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (outlets, mut consumers) = rings(load, One);
        consume(move || {
            let mut backoff = Backoff::default();
            loop {
                let mut is_idle = true;
                for consumer in &mut consumers {
                    // In turns of a batch, so that nobody waits long.
                    for _ in 0..BATCH {
                        let Ok(Slot(message)) = consumer.pop() else {
                            break;
                        };
                        is_idle = false;
                        if tally.take(&message) {
                            return;
                        }
                    }
                }
                if is_idle {
                    backoff.wait();
                } else {
                    backoff.reset();
                }
            }
        });
        outlets
    })
}

/// Chunks on both ends, as its documentation recommends for many items; with several publishers
/// each has a ring.
pub(super) fn rtrb_chunks<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (outlets, mut consumers) = rings(load, Chunks);
        consume(move || {
            let mut backoff = Backoff::default();
            loop {
                let mut is_idle = true;
                for consumer in &mut consumers {
                    // Not everything at once: the publisher goes on while the rest is read.
                    let ready = consumer.slots().min(BATCH);
                    let chunk = consumer.read_chunk(ready).expect("they are there");
                    is_idle &= ready == 0;
                    if chunk.into_iter().any(|Slot(message)| tally.take(&message)) {
                        return;
                    }
                }
                if is_idle {
                    backoff.wait();
                } else {
                    backoff.reset();
                }
            }
        });
        outlets
    })
}

fn rings<M: Message, O>(
    load: Load,
    outlet: fn(Producer<Slot<M>>) -> O,
) -> (Vec<O>, Vec<Consumer<Slot<M>>>) {
    (0..load.publishers)
        .map(|_| {
            let (producer, consumer) = RingBuffer::new(CAPACITY);
            (outlet(producer), consumer)
        })
        .unzip()
}

struct One<M>(Producer<Slot<M>>);

impl<M: Message> Outlet<M> for One<M> {
    #[inline]
    fn send(&mut self, messages: impl ExactSizeIterator<Item = M>) {
        let mut backoff = Backoff::default();
        for message in messages {
            let mut slot = Slot(message);
            while let Err(rtrb::PushError::Full(refused)) = self.0.push(slot) {
                slot = refused;
                backoff.wait();
            }
            backoff.reset();
        }
    }
}

struct Chunks<M>(Producer<Slot<M>>);

impl<M: Message> Outlet<M> for Chunks<M> {
    #[inline]
    fn send(&mut self, messages: impl ExactSizeIterator<Item = M>) {
        let mut backoff = Backoff::default();
        let chunk = loop {
            match self.0.write_chunk_uninit(messages.len()) {
                Ok(chunk) => break chunk,
                Err(ChunkError::TooFewSlots(_)) => backoff.wait(),
            }
        };
        chunk.fill_from_iter(messages.map(Slot));
    }
}
