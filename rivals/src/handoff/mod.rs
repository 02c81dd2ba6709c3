//! Messages from publishers to one consumer, in memory, in queues of [`CAPACITY`].
//!
//! Every contender does the same: each publisher makes its messages and sends them, one consumer
//! adds up what it gets. A lap before the clock starts touches the memory. The clock runs from the
//! first publisher's start to the moment at which the consumer has the last message of the last
//! publisher. Afterwards the sum must be right: every message arrived once.
//!
//! Consumers are pinned to the CPU that ringlog pins its partition to. Publishers are not pinned.

mod channels;
mod disruptor;
mod race;
mod ringlog;
mod rtrb;
mod tally;

pub use channels::{crossbeam, flume, flume_drained, kanal, kanal_drained, std_mpsc};
pub use disruptor::{
    BusySpin, Sending, SpinThenYield, multi_managed, multi_polled, single_managed, single_polled,
};
pub use race::{BATCH, CAPACITY, Load};
pub use ringlog::{ringlog, ringlog_batches};
pub use rtrb::{rtrb, rtrb_chunks};
pub use tally::Tally;
