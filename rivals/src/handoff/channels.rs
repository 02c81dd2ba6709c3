//! Bounded channels, with their own blocking waits on both ends.

use super::race::{CAPACITY, Load, Outlet, consume, race};
use crate::{Message, Sample};

/// crossbeam-channel, bounded: `send`, and the blocking iterator.
pub(super) fn crossbeam<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (sender, receiver) = crossbeam_channel::bounded::<M>(CAPACITY);
        consume(move || {
            receiver.iter().any(|message| tally.take(&message));
        });
        vec![sender; load.publishers]
    })
}

/// The standard library's `sync_channel`: `send`, and the blocking iterator.
pub(super) fn std_mpsc<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (sender, receiver) = std::sync::mpsc::sync_channel::<M>(CAPACITY);
        consume(move || {
            receiver.iter().any(|message| tally.take(&message));
        });
        vec![sender; load.publishers]
    })
}

/// kanal, bounded: `send` and `recv`.
pub(super) fn kanal<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (sender, receiver) = kanal::bounded::<M>(CAPACITY);
        consume(move || while receiver.recv().is_ok_and(|message| !tally.take(&message)) {});
        vec![sender; load.publishers]
    })
}

/// kanal, bounded: `send`; one `recv`, and then everything else that is there with one lock.
pub(super) fn kanal_drained<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (sender, receiver) = kanal::bounded::<M>(CAPACITY);
        consume(move || {
            let mut drained = Vec::with_capacity(2 * CAPACITY);
            while let Ok(message) = receiver.recv() {
                if tally.take(&message) {
                    return;
                }
                // It fails when everybody is gone, and `recv` does then, too.
                let _ = receiver.drain_into(&mut drained);
                if drained.drain(..).any(|message| tally.take(&message)) {
                    return;
                }
            }
        });
        vec![sender; load.publishers]
    })
}

/// flume, bounded: `send`, and the blocking iterator.
pub(super) fn flume<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (sender, receiver) = flume::bounded::<M>(CAPACITY);
        consume(move || {
            receiver.iter().any(|message| tally.take(&message));
        });
        vec![sender; load.publishers]
    })
}

/// flume, bounded: `send`; one `recv`, and then everything else that is there with one lock.
pub(super) fn flume_drained<M: Message>(load: Load) -> Sample {
    race::<M, _>(load, |mut tally| {
        let (sender, receiver) = flume::bounded::<M>(CAPACITY);
        consume(move || {
            while let Ok(message) = receiver.recv() {
                if tally.take(&message) || receiver.drain().any(|message| tally.take(&message)) {
                    return;
                }
            }
        });
        vec![sender; load.publishers]
    })
}

macro_rules! outlets {
    ($($sender:ty),*) => {$(
        impl<M: Message> Outlet<M> for $sender {
            #[inline]
            fn send(&mut self, messages: impl ExactSizeIterator<Item = M>) {
                for message in messages {
                    <$sender>::send(self, message).expect("the consumer is there");
                }
            }
        }
    )*};
}

outlets!(
    crossbeam_channel::Sender<M>,
    std::sync::mpsc::SyncSender<M>,
    kanal::Sender<M>,
    flume::Sender<M>
);
