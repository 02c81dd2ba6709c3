//! Publishing many events, and waiting for the last.

use anyhow::{Context, Result};
use ringlog::{Event, Publisher};

/// Receipts waited for at the end: every partition that was published to lately is among them.
const TAIL: u64 = 64;

/// How a publisher hands its events over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    InBatches,
    OneByOne,
}

/// Publishes `count` events, and returns when all of them are acknowledged.
pub(super) fn publish<E: Event>(
    publisher: &Publisher<E>,
    manner: Manner,
    count: u64,
    events: &mut impl Iterator<Item = E>,
) -> Result<()> {
    match manner {
        Manner::InBatches => publish_batches(publisher, count, events),
        Manner::OneByOne => publish_each(publisher, count, events),
    }
}

fn publish_batches<E: Event>(
    publisher: &Publisher<E>,
    count: u64,
    events: &mut impl Iterator<Item = E>,
) -> Result<()> {
    let count = usize::try_from(count)?;
    publisher
        .publish_all(events.by_ref().take(count))
        .context("the pipeline took no more events")?
        .wait()?;
    Ok(())
}

fn publish_each<E: Event>(
    publisher: &Publisher<E>,
    count: u64,
    events: &mut impl Iterator<Item = E>,
) -> Result<()> {
    let mut last = Vec::new();
    for (number, event) in (0..count).zip(events) {
        let receipt = publisher
            .publish(&event)
            .context("the pipeline took no more events")?;
        if count - number <= TAIL {
            last.push(receipt);
        }
    }
    for receipt in last {
        receipt.wait()?;
    }
    Ok(())
}
