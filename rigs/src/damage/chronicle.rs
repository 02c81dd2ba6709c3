//! A state that remembers a digest of every event, so that any change, loss or reordering shows.

use std::io::{self, Read, Write};

use ringlog::{EventMeta, State};

use crate::tally::{TallyEvent, TallyView};

/// The digest of every event, in order: element `n` is that of sequence `n + 1`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Chronicle(pub(crate) Vec<u64>);

impl State for Chronicle {
    type Event = TallyEvent;

    const SNAPSHOT_VERSION: u32 = 1;

    fn apply(&mut self, event: TallyView<'_>, meta: &EventMeta) {
        self.0.push(digest(event, meta));
    }

    fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0
            .iter()
            .try_for_each(|digest| out.write_all(&digest.to_le_bytes()))
    }

    fn load(&mut self, _version: u32, from: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        self.0 = bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .collect();
        Ok(())
    }
}

/// A digest of everything that the engine says of an event.
pub(crate) fn digest(TallyView::Marked(mark): TallyView<'_>, meta: &EventMeta) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |value: u64| {
        digest = (digest ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        digest ^= digest >> 32;
    };
    let source = meta.source.map_or((0, 0), |source| {
        (u64::from(source.source_id), source.number)
    });
    eat(u64::from(meta.partition));
    eat(meta.sequence);
    eat(meta.journal_time_ns);
    eat(meta.event_time_ms.cast_unsigned());
    eat(meta.key);
    eat(source.0);
    eat(source.1);
    eat(mark.key.to_native());
    eat(mark.number.to_native());
    eat(mark.payload.len() as u64);
    for word in mark.payload.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        eat(u64::from_le_bytes(bytes));
    }
    digest
}
