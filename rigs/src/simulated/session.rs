//! An open simulation, and what its receipts promise.

use ringlog::sim::{Settings, Simulation};
use ringlog::source::{Source, SourcePublishError};
use ringlog::{Durability, Poison, PublishError, Receipt, partition_of};

use super::model::{Chain, Expected};
use crate::random::Random;
use crate::tally::{Marked, TallyEvent};

/// The longest payload: a quarter of the smallest ring.
const PAYLOAD_BYTES_MAX: u64 = 1900;
/// Keys that events have.
const KEYS: u64 = 12;
pub(super) const SOURCE: &str = "feed";

pub(crate) struct Session {
    simulation: Simulation<Chain>,
    durability: Durability,
    /// Faults that had struck before it was opened.
    pub(crate) struck_before: u64,
    source: Option<Source<TallyEvent>>,
    next_number: u64,
    promises: Vec<Promise>,
}

/// A receipt, and how many of its partition's events its `Ok` promises.
struct Promise {
    partition: usize,
    events: usize,
    receipt: Receipt<'static>,
}

/// What a publication came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    Taken,
    Full,
    Poisoned,
}

impl Session {
    pub(crate) fn new(
        simulation: Simulation<Chain>,
        settings: &Settings,
        struck_before: u64,
    ) -> Self {
        Self {
            simulation,
            durability: settings.durability,
            struck_before,
            source: None,
            next_number: 1,
            promises: Vec::new(),
        }
    }

    pub(crate) fn simulation(&mut self) -> &mut Simulation<Chain> {
        &mut self.simulation
    }

    /// Publishes an event of any size.
    pub(crate) fn publish(
        &mut self,
        model: &mut [Expected],
        random: &mut Random,
    ) -> Result<Published, String> {
        let mark = mark(random);
        let partition = partition_index(mark.key, model.len());
        let published = self.simulation.publish(&mark.clone().into());
        self.take(published, partition, &mark, 0, model)
    }

    /// Publishes the next number of the source, from the first one that the journal may lack, or
    /// from earlier.
    pub(crate) fn publish_next_number(
        &mut self,
        model: &mut [Expected],
        random: &mut Random,
    ) -> Result<Published, String> {
        if self.source.is_none() {
            self.next_number = 1 + random.below(first_missing(model));
            match self.simulation.source(SOURCE) {
                Ok(source) => self.source = Some(source),
                Err(_) if !self.simulation.poisons().is_empty() => return Ok(Published::Poisoned),
                Err(error) => return Err(format!("the source does not open: {error}")),
            }
        }
        let Some(source) = &self.source else {
            return Ok(Published::Full);
        };
        let number = self.next_number;
        let mark = numbered(number);
        let partition = partition_index(mark.key, model.len());
        let published = source
            .try_publish(number, &mark.clone().into())
            .map(Receipt::detach)
            .map_err(|error| match error {
                SourcePublishError::Publish(error) => Ok(error),
                error => Err(error.to_string()),
            });
        let published = match published {
            Ok(receipt) => Ok(receipt),
            Err(Ok(error)) => Err(error),
            Err(Err(error)) => return Err(error),
        };
        self.next_number += u64::from(published.is_ok());
        self.take(published, partition, &mark, number, model)
    }

    fn take(
        &mut self,
        published: Result<Receipt<'static>, PublishError>,
        partition: usize,
        mark: &Marked,
        source_number: u64,
        model: &mut [Expected],
    ) -> Result<Published, String> {
        match published {
            Ok(receipt) => {
                let events = model[partition].take(mark, source_number);
                self.promises.push(Promise {
                    partition,
                    events,
                    receipt,
                });
                Ok(Published::Taken)
            }
            Err(PublishError::Full) => Ok(Published::Full),
            Err(PublishError::Poisoned(_)) => Ok(Published::Poisoned),
            Err(error) => Err(format!("an event was refused: {error}")),
        }
    }

    /// Writes into the model what was acknowledged by now.
    pub(crate) fn collect(&mut self, model: &mut [Expected]) -> Result<(), String> {
        let mut open = vec![true; model.len()];
        for promise in &self.promises {
            let (partition, events) = (promise.partition, promise.events);
            let expected = &mut model[partition];
            match promise.receipt.is_durable() {
                Ok(true) if open[partition] => {
                    expected.acknowledged = expected.acknowledged.max(events);
                    if self.durability == Durability::Sync {
                        expected.durable = expected.durable.max(events);
                    }
                }
                Ok(true) => return Err("acknowledged behind one that was not".to_owned()),
                Ok(false) => open[partition] = false,
                Err(_) => {
                    open[partition] = false;
                    let poisons = self.simulation.poisons();
                    if poisons.is_empty() {
                        return Err("a receipt failed without a poison".to_owned());
                    }
                }
            }
        }
        for (partition, stats) in self.simulation.stats().iter().enumerate() {
            if stats.durable_sequence as usize > model[partition].taken() {
                return Err("more is durable than was taken".to_owned());
            }
        }
        Ok(())
    }

    pub(crate) fn poisons(&self) -> Vec<Poison> {
        self.simulation.poisons()
    }

    /// Closes; whether that went well, so that everything taken is durable.
    pub(crate) fn close(mut self, model: &mut [Expected]) -> Result<bool, String> {
        drop(self.source.take());
        self.simulation.run_until_idle();
        let was_poisoned = !self.simulation.poisons().is_empty();
        let Self {
            simulation,
            promises,
            ..
        } = self;
        let closed = simulation.close();
        if was_poisoned && closed.is_ok() {
            return Err("closing does not tell of the poison".to_owned());
        }
        let mut refused = vec![false; model.len()];
        for promise in promises {
            match promise.receipt.is_durable() {
                Ok(true) if refused[promise.partition] => {
                    return Err("acknowledged behind a failure".to_owned());
                }
                Ok(true) => {
                    let expected = &mut model[promise.partition];
                    expected.acknowledged = expected.acknowledged.max(promise.events);
                    if closed.is_ok() {
                        expected.durable = expected.durable.max(promise.events);
                    }
                }
                Ok(false) => return Err("a receipt is open after closing".to_owned()),
                Err(_) => refused[promise.partition] = true,
            }
        }
        if closed.is_ok() && refused.contains(&true) {
            return Err("closed well, but a receipt failed".to_owned());
        }
        Ok(closed.is_ok())
    }
}

fn partition_index(key: u64, partitions: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "a few")]
    let partitions = partitions as u32;
    partition_of(key, partitions) as usize
}

fn mark(random: &mut Random) -> Marked {
    let bytes = match random.below(8) {
        0 => random.below(PAYLOAD_BYTES_MAX),
        _ => random.below(60),
    };
    Marked {
        key: random.below(KEYS),
        number: random.number(),
        payload: (0..bytes).map(|_| random.number() as u8).collect(),
    }
}

/// The event that a number of the source stands for.
fn numbered(number: u64) -> Marked {
    Marked {
        key: number % KEYS,
        number,
        payload: vec![number as u8; (number * 37 % 300) as usize],
    }
}

/// The first number of the source that is in no partition.
fn first_missing(model: &[Expected]) -> u64 {
    (1..)
        .find(|number| {
            let partition = partition_index(numbered(*number).key, model.len());
            !model[partition].has_number(*number)
        })
        .unwrap_or(1)
}
