//! What a partition's past comes down to besides the state: the fold of its frames.

use super::Totals;
use crate::command::{KeyVersions, Outcomes};
use crate::journal::format::{
    Frame, FrameHeader, KIND_KEY_VERSION, KIND_KEY_VERSIONS, KIND_OUTCOME, KIND_SOURCE_NAMED,
    KIND_SOURCE_REACHED, KIND_SOURCE_RETIRED, KIND_SOURCE_SKIPPED, KIND_TOTAL,
};
use crate::source::{SourceInfo, SourceTable};

/// The engine's own tables of one partition.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tables {
    pub(crate) sources: SourceTable,
    pub(crate) totals: Totals,
    pub(crate) outcomes: Outcomes,
    pub(crate) versions: KeyVersions,
    pub(crate) journal_time_ns: u64,
}

impl Tables {
    /// Those of a partition without a history, whose state asks for so many versions of keys.
    pub(crate) fn new(key_versions_max: usize) -> Self {
        Self {
            versions: KeyVersions::new(key_versions_max),
            ..Self::default()
        }
    }

    /// Folds one frame of the journal, or one record of a snapshot.
    // Asked for: replay calls it from two places, and one of them for every event.
    #[inline(always)]
    pub(crate) fn replay(&mut self, frame: &Frame<'_>) {
        self.journal_time_ns = self.journal_time_ns.max(frame.header.journal_time_ns);
        let header = frame.header;
        if !header.is_control() {
            self.totals.count(header);
            self.versions.count(header.key);
            self.sources.replay(frame);
            return;
        }
        match header.kind {
            KIND_TOTAL => self.totals.replay(header),
            KIND_KEY_VERSION => self.versions.set(header.key, header.source_number),
            KIND_KEY_VERSIONS => self
                .versions
                .recorded(header.key, header.source_number == 1),
            KIND_OUTCOME => {
                let (source, number) = (header.source_id, header.source_number);
                self.outcomes
                    .keep(source, number, header.version, frame.body);
                self.sources.replay(frame);
            }
            _ => self.sources.replay(frame),
        }
    }

    /// Hands `on_record` the records that [`replay`](Self::replay) rebuilds the tables from.
    pub(crate) fn for_each_record<E>(
        &self,
        mut on_record: impl FnMut(&FrameHeader, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for record in self.totals.records() {
            on_record(&record, &[])?;
        }
        for source in self.sources.iter() {
            for (record, body) in source_records(source) {
                on_record(&record, body)?;
            }
        }
        self.outcomes.for_each(|source_id, number, version, body| {
            let record = FrameHeader {
                source_number: number,
                version,
                ..FrameHeader::control(KIND_OUTCOME, source_id, body.len())
            };
            on_record(&record, body)
        })?;
        if self.versions.are_kept() {
            let record = FrameHeader {
                key: self.versions.keys_max() as u64,
                source_number: self.versions.is_overflown().into(),
                ..FrameHeader::control(KIND_KEY_VERSIONS, 0, 0)
            };
            on_record(&record, &[])?;
        }
        for (key, count) in self.versions.iter() {
            let record = FrameHeader {
                key,
                source_number: count,
                ..FrameHeader::control(KIND_KEY_VERSION, 0, 0)
            };
            on_record(&record, &[])?;
        }
        Ok(())
    }
}

fn source_records(source: &SourceInfo) -> impl Iterator<Item = (FrameHeader, &[u8])> {
    let id = source.source_id;
    let named = (!source.name.is_empty()).then(|| {
        let name = source.name.as_bytes();
        (
            FrameHeader::control(KIND_SOURCE_NAMED, id, name.len()),
            name,
        )
    });
    let reached = FrameHeader {
        source_number: source.last_number,
        key: source.settled_number,
        ..FrameHeader::control(KIND_SOURCE_REACHED, id, 0)
    };
    let skipped = source.skipped.iter().map(move |(first, last)| FrameHeader {
        source_number: *first,
        key: *last,
        ..FrameHeader::control(KIND_SOURCE_SKIPPED, id, 0)
    });
    let retired = source
        .is_retired
        .then(|| FrameHeader::control(KIND_SOURCE_RETIRED, id, 0));
    let empty: &[u8] = &[];
    named.into_iter().chain(
        std::iter::once(reached)
            .chain(skipped)
            .chain(retired)
            .map(move |record| (record, empty)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_rebuilt_from_their_records_are_the_same() {
        let mut tables = Tables::default();
        let mut replay = |header: FrameHeader, body: &[u8]| {
            tables.replay(&Frame {
                header: &header,
                body,
            })
        };
        replay(FrameHeader::control(KIND_SOURCE_NAMED, 2, 4), b"feed");
        for (kind, number) in [(1, 5), (1, 6), (9, 7)] {
            let mut event = FrameHeader::control(kind, 2, 0);
            event.source_number = number;
            event.source_lag = 0;
            event.event_time_ms = 100 - i64::from(kind);
            replay(event, &[]);
        }
        let mut gap = FrameHeader::control(KIND_SOURCE_SKIPPED, 2, 0);
        (gap.source_number, gap.key) = (8, 12);
        replay(gap, &[]);
        replay(FrameHeader::control(KIND_SOURCE_RETIRED, 3, 0), &[]);

        let mut rebuilt = Tables::default();
        tables
            .for_each_record(|header, body| {
                rebuilt.replay(&Frame { header, body });
                Ok::<_, ()>(())
            })
            .unwrap();
        let sources = |tables: &Tables| tables.sources.iter().cloned().collect::<Vec<_>>();
        assert_eq!(sources(&rebuilt), sources(&tables));
        assert_eq!(rebuilt.totals.by_type(), tables.totals.by_type());
        assert_eq!(tables.totals.event_times_ms(), Some((91, 99)));
    }
}
