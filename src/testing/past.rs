//! Everything that a partition's journal ever showed, also what was retired since.

use std::collections::BTreeMap;

use rkyv::util::AlignedVec;

use crate::event::{Event, EventMeta, State};
use crate::journal::JournalReader;

/// The events of one partition from the first one on.
#[derive(Debug, Default)]
pub(super) struct Past {
    events: Vec<PastEvent>,
}

#[derive(Debug, PartialEq)]
struct PastEvent {
    meta: EventMeta,
    kind: u16,
    version: u16,
    body: Vec<u8>,
}

impl Past {
    /// Reads what the journal has now. Below `acknowledged`, included, nothing may differ from what was
    /// seen before; what a crash took above it is forgotten.
    pub(super) fn read(&mut self, reader: &JournalReader, partition: u32, acknowledged: u64) {
        let mut cursor = reader.cursor(partition).expect("the journal is readable");
        while let Some(event) = cursor.next_event().expect("the journal is sound") {
            let seen = PastEvent {
                meta: event.meta,
                kind: event.kind,
                version: event.version,
                body: event.body.to_vec(),
            };
            let sequence = seen.meta.sequence;
            let index = usize::try_from(sequence - 1).expect("few events");
            match self.events.get(index) {
                Some(before) if *before == seen => {}
                Some(before) => {
                    assert!(
                        sequence > acknowledged,
                        "sequence {sequence} was acknowledged, and is another event now: \
                         {before:?}, then {seen:?}"
                    );
                    self.events.truncate(index);
                    self.events.push(seen);
                }
                None => {
                    assert_eq!(index, self.events.len(), "no sequence is left out");
                    self.events.push(seen);
                }
            }
        }
        let events = usize::try_from(cursor.next_sequence() - 1).expect("few events");
        self.events.truncate(events);
        assert!(
            self.events.len() as u64 >= acknowledged,
            "{acknowledged} events were acknowledged, and {} are there",
            self.events.len()
        );
    }

    pub(super) fn events(&self) -> u64 {
        self.events.len() as u64
    }

    /// How many events each key has.
    pub(super) fn versions(&self) -> BTreeMap<u64, u64> {
        let mut versions = BTreeMap::new();
        for event in &self.events {
            *versions.entry(event.meta.key).or_default() += 1;
        }
        versions
    }

    /// The plain fold.
    pub(super) fn fold<S: State>(&self, mut state: S) -> S {
        let mut body = AlignedVec::<16>::new();
        for event in &self.events {
            body.clear();
            body.extend_from_slice(&event.body);
            let view = S::Event::view(event.kind, event.version, &body)
                .expect("an event is an archive of its type");
            state.apply(view, &event.meta);
        }
        state
    }
}
