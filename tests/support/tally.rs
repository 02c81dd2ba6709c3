//! A read model over the counters of all partitions.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use ringlog::EventMeta;
use ringlog::projection::Projection;

use super::{CounterEvent, CounterView};

/// Counts what it was given, and by partition whether that came in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub totals: BTreeMap<u64, u64>,
    /// The first and the last sequence that was applied, by partition.
    pub applied: BTreeMap<u32, (u64, u64)>,
    pub events: u64,
    /// What is multiplied with every amount: another logic.
    pub factor: u64,
    /// Fails at a note with this text, where there is one.
    pub fails_at: Option<&'static str>,
    pub panics: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the tally cannot take `{0}`")]
pub struct Refused(String);

impl Tally {
    pub fn new() -> Self {
        Self {
            factor: 1,
            ..Self::default()
        }
    }

    pub fn failing(text: &'static str) -> Self {
        Self {
            fails_at: Some(text),
            ..Self::new()
        }
    }

    pub fn sum(&self) -> u64 {
        self.totals.values().sum()
    }
}

impl Projection for Tally {
    type Event = CounterEvent;
    type Error = Refused;
    const VERSION: u32 = 1;

    fn apply(&mut self, event: CounterView<'_>, meta: &EventMeta) -> Result<(), Refused> {
        if let CounterView::Noted(noted) = &event
            && self.fails_at == Some(noted.text.as_str())
        {
            assert!(!self.panics, "the tally exploded");
            return Err(Refused(noted.text.to_string()));
        }
        if let CounterView::Added(added) = event {
            let total = self.totals.entry(added.counter.into()).or_default();
            *total += self.factor * added.amount.to_native();
        }
        let applied = self
            .applied
            .entry(meta.partition)
            .or_insert((meta.sequence, meta.sequence - 1));
        assert_eq!(applied.1 + 1, meta.sequence, "each event once, in order");
        applied.1 = meta.sequence;
        self.events += 1;
        Ok(())
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut put = |number: u64| out.write_all(&number.to_le_bytes());
        put(self.factor)?;
        put(self.events)?;
        put(self.totals.len() as u64)?;
        for (&counter, &total) in &self.totals {
            put(counter)?;
            put(total)?;
        }
        put(self.applied.len() as u64)?;
        for (&partition, &(first, last)) in &self.applied {
            put(partition.into())?;
            put(first)?;
            put(last)?;
        }
        Ok(())
    }

    fn load(&mut self, version: u32, from: &mut dyn Read) -> io::Result<()> {
        if version != Self::VERSION {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut take = || {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)
                .map(|()| u64::from_le_bytes(bytes))
        };
        self.factor = take()?;
        self.events = take()?;
        for _ in 0..take()? {
            self.totals.insert(take()?, take()?);
        }
        for _ in 0..take()? {
            #[expect(clippy::cast_possible_truncation, reason = "a partition")]
            let partition = take()? as u32;
            self.applied.insert(partition, (take()?, take()?));
        }
        Ok(())
    }
}
