//! The `disruptor` crate alone, which ringlog's ring is built on.

pub(super) use disruptor::BusySpin;
use disruptor::wait_strategies::WaitStrategy;
use disruptor::{
    Polling, ProcessorSettings, Producer, Sequence, build_multi_producer, build_single_producer,
};

use super::Tally;
use super::race::{BATCH, CAPACITY, Load, Outlet, consume, consumer_cpu, race};
use crate::wait::Backoff;
use crate::{Message, Sample};

/// On cache lines of its own: large allocations start 16 bytes into a page.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Slot<M>(pub(crate) M);

/// Gives way where `BusySpin` would not; a strategy keeps no count, so it yields after each spell.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpinThenYield;

impl WaitStrategy for SpinThenYield {
    #[inline]
    fn wait_for(&self, _: Sequence) {
        for _ in 0..32 {
            std::hint::spin_loop();
        }
        std::thread::yield_now();
    }
}

/// How a publisher sends, and what it does while the ring is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    /// One by one; gives way.
    OneByOne,
    /// In batches; gives way.
    Batches,
    /// One by one; the crate's own wait, an empty loop.
    OneByOneSpinning,
    /// In batches; the crate's own wait, an empty loop.
    BatchesSpinning,
}

// The trait that both pollers' barriers have cannot be named from outside the crate.
macro_rules! poll {
    ($poller:ident, $tally:ident) => {
        consume(move || {
            let mut backoff = Backoff::default();
            loop {
                // Not everything at once: the publisher goes on while the rest is read.
                match $poller.take(BATCH as u64) {
                    Ok(mut messages) => {
                        backoff.reset();
                        if (&mut messages).any(|Slot(message)| $tally.take(message)) {
                            return;
                        }
                    }
                    Err(Polling::NoEvents) => backoff.wait(),
                    Err(Polling::Shutdown) => return,
                }
            }
        })
    };
}

/// A single producer, polled by a thread of ours that gives way.
pub(super) fn single_polled<M: Message>(load: Load, sending: Sending) -> Sample {
    race::<M, _>(load, |mut tally| {
        let builder = build_single_producer(CAPACITY, empty::<M>, BusySpin);
        let (mut poller, builder) = builder.new_event_poller();
        poll!(poller, tally);
        vec![Ring(builder.build(), sending)]
    })
}

/// The multi-producer handle, polled by a thread of ours that gives way.
pub(super) fn multi_polled<M: Message>(load: Load, sending: Sending) -> Sample {
    race::<M, _>(load, |mut tally| {
        let builder = build_multi_producer(CAPACITY, empty::<M>, BusySpin);
        let (mut poller, builder) = builder.new_event_poller();
        poll!(poller, tally);
        clones(builder.build(), sending, load)
    })
}

/// A single producer; the crate's own consumer thread waits as `strategy` says.
pub(super) fn single_managed<M: Message>(
    load: Load,
    sending: Sending,
    strategy: impl WaitStrategy + 'static,
) -> Sample {
    race::<M, _>(load, |tally| {
        let mut builder = build_single_producer(CAPACITY, empty::<M>, strategy);
        if let Some(cpu) = consumer_cpu() {
            builder = builder.pin_at_core(cpu);
        }
        let producer = builder.handle_events_with(handler(tally)).build();
        vec![Ring(producer, sending)]
    })
}

/// The multi-producer handle; the crate's own consumer thread waits as `strategy` says.
pub(super) fn multi_managed<M: Message>(
    load: Load,
    sending: Sending,
    strategy: impl WaitStrategy + 'static,
) -> Sample {
    race::<M, _>(load, |tally| {
        let mut builder = build_multi_producer(CAPACITY, empty::<M>, strategy);
        if let Some(cpu) = consumer_cpu() {
            builder = builder.pin_at_core(cpu);
        }
        let producer = builder.handle_events_with(handler(tally)).build();
        clones(producer, sending, load)
    })
}

fn empty<M: Message>() -> Slot<M> {
    Slot(M::new(0, false))
}

fn handler<M: Message>(mut tally: Tally) -> impl FnMut(&Slot<M>, Sequence, bool) + Send + 'static {
    move |Slot(message), _, _| {
        tally.take(message);
    }
}

fn clones<P: Clone>(producer: P, sending: Sending, load: Load) -> Vec<Ring<P>> {
    (0..load.publishers)
        .map(|_| Ring(producer.clone(), sending))
        .collect()
}

struct Ring<P>(P, Sending);

impl<M: Message, P: Producer<Slot<M>> + Send> Outlet<M> for Ring<P> {
    #[inline]
    fn send(&mut self, mut messages: impl ExactSizeIterator<Item = M>) {
        let Self(producer, sending) = self;
        let count = messages.len();
        let mut backoff = Backoff::default();
        match sending {
            Sending::OneByOne => {
                for message in messages {
                    while producer.try_publish(|slot| slot.0 = message).is_err() {
                        backoff.wait();
                    }
                    backoff.reset();
                }
            }
            Sending::Batches => {
                while producer
                    .try_batch_publish(count, |slots| {
                        for (slot, message) in slots.zip(&mut messages) {
                            slot.0 = message;
                        }
                    })
                    .is_err()
                {
                    backoff.wait();
                }
            }
            Sending::OneByOneSpinning => {
                for message in messages {
                    producer.publish(|slot| slot.0 = message);
                }
            }
            Sending::BatchesSpinning => producer.batch_publish(count, |slots| {
                for (slot, message) in slots.zip(messages) {
                    slot.0 = message;
                }
            }),
        }
    }
}
