//! rtrb: a ring of one producer and one consumer, without waits of its own.

use rtrb::{Producer, RingBuffer, chunks::ChunkError};

use super::disruptor::Slot;
use super::race::{CAPACITY, Load, Outlet, consume, race};
use crate::wait::Backoff;
use crate::{Message, Sample};

/// `push` and `pop`.
pub fn rtrb<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (producer, mut consumer) = RingBuffer::<Slot<M>>::new(CAPACITY);
        consume(move || {
            let mut backoff = Backoff::default();
            loop {
                match consumer.pop() {
                    Ok(Slot(message)) => {
                        backoff.reset();
                        if tally.take(&message) {
                            return;
                        }
                    }
                    Err(_) => backoff.wait(),
                }
            }
        });
        vec![One(producer)]
    })
}

/// Chunks on both ends, as its documentation recommends for many items.
pub fn rtrb_chunks<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (producer, mut consumer) = RingBuffer::<Slot<M>>::new(CAPACITY);
        consume(move || {
            let mut backoff = Backoff::default();
            loop {
                let ready = consumer.slots();
                let chunk = consumer.read_chunk(ready).expect("they are there");
                if ready == 0 {
                    backoff.wait();
                    continue;
                }
                backoff.reset();
                for Slot(message) in chunk {
                    if tally.take(&message) {
                        return;
                    }
                }
            }
        });
        vec![Chunks(producer)]
    })
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
