//! ringlog without a journal, one partition.

use ringlog::{Durability, Pipeline, Publisher};

use super::race::{CAPACITY, Load, Outlet, race};
use crate::{Message, Sample};

/// `publish`: events one by one to a pipeline in memory, applied to a state that adds up.
pub(super) fn ringlog<M: Message>(load: Load) -> Sample {
    run::<M, _>(load, OneByOne)
}

/// `publish_all`: the same in batches.
pub(super) fn ringlog_batches<M: Message>(load: Load) -> Sample {
    run::<M, _>(load, Batches)
}

fn run<M: Message, O: Outlet<M>>(load: Load, outlet: fn(Publisher<M::Event>) -> O) -> Sample {
    let mut kept = None;
    race::<M, _>(load, |tally| {
        let mut tally = Some(tally);
        let pipeline = Pipeline::<M::State>::builder("unused")
            .durability(Durability::Memory)
            .ring_slots(CAPACITY)
            .open(move |_| M::state(tally.take().expect("there is one partition")))
            .expect("a pipeline in memory opens");
        let outlets = (0..load.publishers)
            .map(|_| outlet(pipeline.publisher()))
            .collect();
        kept = Some(pipeline);
        outlets
    })
}

struct OneByOne<E>(Publisher<E>);

impl<M: Message> Outlet<M> for OneByOne<M::Event> {
    #[inline]
    fn send(&mut self, messages: impl ExactSizeIterator<Item = M>) {
        for message in messages {
            self.0.publish(&message.into()).expect("it publishes");
        }
    }
}

struct Batches<E>(Publisher<E>);

impl<M: Message> Outlet<M> for Batches<M::Event> {
    #[inline]
    fn send(&mut self, messages: impl ExactSizeIterator<Item = M>) {
        let events = messages.map(M::Event::from);
        self.0.publish_all(events).expect("it publishes");
    }
}
