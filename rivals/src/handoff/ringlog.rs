//! ringlog without a journal, one partition.

use ringlog::{Durability, Pipeline, Publisher};

use super::race::{CAPACITY, Load, Outlet, race};
use crate::{Message, Sample};

/// Events published one by one to a pipeline in memory, and applied to a state that adds up.
pub fn ringlog<M: Message>(load: Load) -> Sample {
    let mut kept = None;
    race::<M, _>(load, |tally| {
        let mut tally = Some(tally);
        let pipeline = Pipeline::<M::State>::builder("unused")
            .durability(Durability::Memory)
            .ring_slots(CAPACITY)
            .open(move |_| M::state(tally.take().expect("there is one partition")))
            .expect("a pipeline in memory opens");
        let outlets = (0..load.publishers).map(|_| pipeline.publisher()).collect();
        kept = Some(pipeline);
        outlets
    })
}

impl<M: Message> Outlet<M> for Publisher<M::Event> {
    #[inline]
    fn send(&mut self, messages: impl ExactSizeIterator<Item = M>) {
        for message in messages {
            self.publish(&message.into()).expect("it publishes");
        }
    }
}
