//! Messages from publishers to one consumer, in memory, in queues of 4,096.
//!
//! Every contender does the same: each publisher makes its messages and sends them, one consumer
//! adds up what it gets. A lap before the clock starts touches the memory. The clock runs from the
//! first publisher's start to the moment at which the consumer has the last message of the last
//! publisher. Afterwards the sum must be right: every message arrived once.
//!
//! Consumers are pinned to the CPU that ringlog pins its partition to. Publishers are not pinned.
//! A run is cut after two seconds, and what was sent until then counts: a wait that only spins can
//! take minutes where threads outnumber the cores.

mod channels;
mod contenders;
mod disruptor;
mod race;
mod ringlog;
mod rtrb;
mod tally;

pub use contenders::contenders;
pub use tally::Tally;

use disruptor::Sending;
use race::Load;
