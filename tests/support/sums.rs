//! A state that takes snapshots.

use std::io::{self, Read, Write};

use ringlog::{EventMeta, State};

use super::{CounterEvent, CounterView};

/// Sums by counter, with snapshots in version `V`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sums<const V: u32> {
    /// Counter, sum, number of additions.
    pub sums: Vec<(u64, u64, u64)>,
    pub last_sequence: u64,
}

impl<const V: u32> State for Sums<V> {
    type Event = CounterEvent;

    const SNAPSHOT_VERSION: u32 = V;

    fn apply(&mut self, event: CounterView<'_>, meta: &EventMeta) {
        if let CounterView::Added(added) = event {
            let counter = added.counter.to_native();
            let index = match self.sums.binary_search_by_key(&counter, |entry| entry.0) {
                Ok(index) => index,
                Err(index) => {
                    self.sums.insert(index, (counter, 0, 0));
                    index
                }
            };
            self.sums[index].1 += added.amount.to_native();
            self.sums[index].2 += 1;
        }
        self.last_sequence = meta.sequence;
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.last_sequence.to_le_bytes())?;
        for (counter, sum, count) in &self.sums {
            for number in [counter, sum, count] {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        Ok(())
    }

    fn load(&mut self, version: u32, from: &mut dyn Read) -> io::Result<()> {
        if version != V {
            return Err(io::Error::other("another version"));
        }
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let mut numbers = bytes
            .chunks_exact(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        self.last_sequence = numbers.next().ok_or(io::ErrorKind::UnexpectedEof)?;
        while let (Some(counter), Some(sum), Some(count)) =
            (numbers.next(), numbers.next(), numbers.next())
        {
            self.sums.push((counter, sum, count));
        }
        Ok(())
    }
}
