//! What must be recovered: the model that every opening is compared with.

use std::io::{self, Read, Write};

use ringlog::{EventMeta, State};

use crate::tally::{Marked, TallyEvent, TallyView};

/// A digest of a partition's events after each one: the state of these rigs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain(pub(crate) Vec<u64>);

impl Default for Chain {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Chain {
    fn push(&mut self, key: u64, number: u64, sequence: u64, payload: &[u8]) {
        let mut digest = self.0.last().copied().unwrap_or_default();
        let words = payload.chunks(8).map(|word| {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            u64::from_le_bytes(bytes)
        });
        for word in [key, number, sequence, payload.len() as u64]
            .into_iter()
            .chain(words)
        {
            digest = (digest ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            digest ^= digest >> 29;
        }
        self.0.push(digest);
    }

    /// As it was after `events` events.
    pub(crate) fn after(&self, events: usize) -> Self {
        Self(self.0.iter().take(events + 1).copied().collect())
    }

    /// How many events it holds.
    pub(crate) fn events(&self) -> usize {
        self.0.len() - 1
    }
}

impl State for Chain {
    type Event = TallyEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, TallyView::Marked(mark): TallyView<'_>, meta: &EventMeta) {
        let (key, number) = (mark.key.to_native(), mark.number.to_native());
        self.push(key, number, meta.sequence, &mark.payload);
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0
            .iter()
            .try_for_each(|digest| out.write_all(&digest.to_le_bytes()))
    }

    fn load(&mut self, _version: u32, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let (digests, []) = bytes.as_chunks() else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        self.0 = digests
            .iter()
            .map(|digest| u64::from_le_bytes(*digest))
            .collect();
        match self.0.is_empty() {
            true => Err(io::ErrorKind::InvalidData.into()),
            false => Ok(()),
        }
    }
}

/// One partition of the model.
#[derive(Debug, Default, Clone)]
pub(crate) struct Expected {
    /// Every event that was taken, in order: more than this is never recovered.
    chain: Chain,
    /// The number that each of them had from the source; 0 for none.
    numbers: Vec<u64>,
    /// How many of them survive a power cut.
    pub(crate) durable: usize,
    /// How many of them survive the death of the process.
    pub(crate) acknowledged: usize,
}

/// Where an opening stands against the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The process died, or closed.
    Kill,
    /// The power failed, or a failed sync lost pages.
    PowerCut,
    /// The device returned or kept other bytes than were written: anything may be missing, but
    /// nothing may be wrong.
    Damage,
}

impl Expected {
    /// Takes an event, unless the source published its number before; returns how many events an
    /// acknowledgement of it promises.
    pub(crate) fn take(&mut self, mark: &Marked, source_number: u64) -> usize {
        if source_number == 0 || source_number > self.last_number() {
            let sequence = self.chain.0.len() as u64;
            self.chain
                .push(mark.key, mark.number, sequence, &mark.payload);
            self.numbers.push(source_number);
        }
        self.chain.events()
    }

    pub(crate) fn last_number(&self) -> u64 {
        self.numbers.iter().copied().max().unwrap_or_default()
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(crate) fn taken(&self) -> usize {
        self.chain.events()
    }

    /// Whether an event with this number of the source is among the first `events`.
    pub(crate) fn has_number(&self, number: u64) -> bool {
        self.numbers.contains(&number)
    }

    /// Compares what was recovered; it is then what is there.
    pub(crate) fn recover(&mut self, found: &Chain, after: After) -> Result<(), String> {
        let events = found.events();
        let least = match after {
            After::Kill => self.acknowledged.max(self.durable),
            After::PowerCut => self.durable,
            After::Damage => 0,
        };
        if events < least {
            return Err(format!(
                "{least} events were acknowledged, {events} are there"
            ));
        }
        if !self.chain.0.starts_with(&found.0) {
            let same = self.chain.0.iter().zip(&found.0);
            let same = same
                .take_while(|(expected, found)| expected == found)
                .count();
            return Err(format!(
                "{events} events recovered, {} taken; they differ from sequence {same} on",
                self.chain.events()
            ));
        }
        self.chain.0.truncate(events + 1);
        self.numbers.truncate(events);
        // What an opening showed is durable: it wrote it again where it was not.
        self.durable = events;
        self.acknowledged = events;
        Ok(())
    }
}
