//! The domain of the rigs: numbered marks, and a state that remembers enough to tell what was lost,
//! repeated or reordered.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use ringlog::{EventMeta, State, rkyv};

/// One numbered event of a key.
#[derive(Debug, Clone, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub(crate) struct Marked {
    /// What routes it.
    pub(crate) key: u64,
    /// Increasing within the key.
    pub(crate) number: u64,
    /// Bytes of any length.
    pub(crate) payload: Vec<u8>,
}

ringlog::events! {
    /// What the rigs publish.
    #[derive(Debug)]
    pub(crate) enum TallyEvent, view TallyView {
        Marked(Marked) = 1, "rig.marked", version 1, key key;
    }
}

/// Every number of each key in the order in which it was applied, and a digest of everything.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// By key.
    pub(crate) numbers: BTreeMap<u64, Vec<u64>>,
    /// Of keys, numbers, payloads and sequences in order.
    pub(crate) digest: u64,
    /// The last sequence applied.
    pub(crate) last_sequence: u64,
}

impl State for Tally {
    type Event = TallyEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, TallyView::Marked(mark): TallyView<'_>, meta: &EventMeta) {
        let (key, number) = (mark.key.to_native(), mark.number.to_native());
        self.numbers.entry(key).or_default().push(number);
        let mut eat =
            |value: u64| self.digest = (self.digest ^ value).wrapping_mul(0x0100_0000_01b3);
        eat(key);
        eat(number);
        eat(meta.sequence);
        // By words: replaying is what most of a rig's time goes into.
        for word in mark.payload.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            eat(u64::from_le_bytes(bytes));
        }
        eat(mark.payload.len() as u64);
        self.last_sequence = meta.sequence;
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut put = |value: u64| out.write_all(&value.to_le_bytes());
        put(self.digest)?;
        put(self.last_sequence)?;
        for (key, numbers) in &self.numbers {
            put(*key)?;
            put(numbers.len() as u64)?;
            numbers.iter().try_for_each(|number| put(*number))?;
        }
        Ok(())
    }

    fn load(&mut self, _version: u32, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let (words, []) = bytes.as_chunks() else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let mut next = || words.next().ok_or(io::ErrorKind::UnexpectedEof);
        self.digest = next()?;
        self.last_sequence = next()?;
        while let Ok(key) = next() {
            let count = next()?;
            let numbers = (0..count).map(|_| next()).collect::<Result<_, _>>()?;
            self.numbers.insert(key, numbers);
        }
        Ok(())
    }
}
