//! What a directory must hold, and the check that it does.

use std::collections::BTreeMap;
use std::io;

use ringlog::journal::{JournalReader, ReadError};
use ringlog::snapshot::AsOf;
use ringlog::{OpenError, State, Viewer, partition_of};

use super::settings::Settings;
use super::stream;
use crate::tally::{Tally, TallyEvent, TallyView};

/// The highest number of each key that has to be there.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ledger {
    owed: BTreeMap<u64, u64>,
}

/// What a check found, all of it in order.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Found {
    /// Events in all.
    pub(crate) events: u64,
    /// Partitions whose torn tail was set aside.
    pub(crate) torn_tails: u64,
    /// Bytes of the journal.
    pub(crate) bytes: u64,
}

/// Why a check did not end well.
#[derive(Debug)]
pub(crate) enum Unsound {
    /// A promise was broken.
    Broken(String),
    /// The operating system refused, which may be what the fault is about.
    Refused {
        /// Its error number; 0 where there is none.
        errno: i32,
        /// The engine's text.
        text: String,
    },
}

impl Ledger {
    /// Notes that the thread's event, and what precedes it in its partition, was acknowledged.
    pub(crate) fn acked(&mut self, thread: u64, source_number: u64, partitions: u32) {
        let (acked_key, _) = stream::mark_of(thread, source_number);
        let partition = partition_of(acked_key, partitions);
        for key in stream::keys(thread) {
            if partition_of(key, partitions) != partition {
                continue;
            }
            let first = stream::source_number_of(key, 1);
            if source_number >= first {
                let step = stream::source_number_of(key, 2) - first;
                let owed = self.owed.entry(key).or_default();
                *owed = (*owed).max((source_number - first) / step + 1);
            }
        }
    }

    /// How many events are owed.
    pub(crate) fn owed(&self) -> u64 {
        self.owed.values().sum()
    }

    /// Verifies the journal, opens and closes it twice, and compares. What an opening showed is
    /// owed from then on: it may not be taken back.
    pub(crate) fn check(&mut self, settings: &Settings) -> Result<Found, Unsound> {
        if !settings.dir.join("journal.meta").exists() && self.owed() == 0 {
            return Ok(Found::default());
        }
        verify(settings)?;
        let (first, found) = self.open_and_close(settings)?;
        let (second, again) = self.open_and_close(settings)?;
        if first != second {
            return Err(Unsound::Broken(format!(
                "two openings in a row differ: {} and {} events",
                found.events, again.events
            )));
        }
        if again.torn_tails > 0 {
            return Err(Unsound::Broken(
                "a torn tail is found a second time".to_owned(),
            ));
        }
        if settings.retire {
            compare_restored(&second, settings)?;
        }
        Ok(found)
    }

    fn open_and_close(&mut self, settings: &Settings) -> Result<(Vec<Tally>, Found), Unsound> {
        let pipeline =
            settings
                .builder()
                .open(|_| Tally::default())
                .map_err(|error| match os_error(&error) {
                    Some(source) => refused(source, &error),
                    None => Unsound::Broken(format!("opening: {error}")),
                })?;
        let mut found = Found::default();
        for start in &pipeline.start_report().partitions {
            found.torn_tails += u64::from(start.torn_tail.is_some());
            found.bytes += start.bytes;
            if start.control_unreadable {
                return Err(Unsound::Broken("the control word is unreadable".to_owned()));
            }
            if let Some(rejected) = start.rejected_snapshots.first() {
                return Err(Unsound::Broken(format!(
                    "a snapshot is unusable: {rejected}"
                )));
            }
        }
        let mut states = Vec::new();
        for partition in 0..settings.partitions {
            let state = pipeline
                .read_partition(partition, Tally::clone)
                .map_err(|error| Unsound::Broken(format!("reading state: {error}")))?;
            found.events += state.last_sequence;
            states.push(state);
        }
        pipeline.close().map_err(|error| match &error {
            ringlog::CloseError::Poisoned { poisons, .. } => {
                match poisons.iter().find_map(|poison| poison.io_error()) {
                    Some(source) => refused(source, &error),
                    None => Unsound::Broken(format!("closing: {error}")),
                }
            }
            _ => Unsound::Broken(format!("closing: {error}")),
        })?;
        self.compare(&states, settings).map_err(Unsound::Broken)?;
        Ok((states, found))
    }

    fn compare(&mut self, states: &[Tally], settings: &Settings) -> Result<(), String> {
        let mut held = BTreeMap::new();
        for (partition, state) in (0..).zip(states) {
            let mut events = 0;
            for (key, numbers) in &state.numbers {
                if !stream::is_key(*key, settings.threads)
                    || partition_of(*key, settings.partitions) != partition
                {
                    return Err(format!("partition {partition} has key {key}"));
                }
                let out_of_order = (1..).zip(numbers).find(|(wanted, found)| wanted != *found);
                if let Some((wanted, found)) = out_of_order {
                    return Err(format!("key {key} has {found} in the place of {wanted}"));
                }
                events += numbers.len() as u64;
                held.insert(*key, numbers.len() as u64);
            }
            if events != state.last_sequence {
                return Err(format!(
                    "partition {partition} has {events} events, and sequence {} is its last",
                    state.last_sequence
                ));
            }
        }
        for (key, owed) in &self.owed {
            let held = held.get(key).copied().unwrap_or(0);
            if held < *owed {
                return Err(format!(
                    "key {key}: {owed} was acknowledged, {held} is the last one there"
                ));
            }
        }
        self.owed = held;
        Ok(())
    }
}

/// Rebuilds each state from the newest snapshot and the events behind it, as any reader does.
fn compare_restored(states: &[Tally], settings: &Settings) -> Result<(), Unsound> {
    let failed = |error: ReadError| match &error {
        ReadError::Io { source, .. } => refused(source, &error),
        _ => Unsound::Broken(format!("restoring: {error}")),
    };
    let reader = JournalReader::open(&settings.dir).map_err(failed)?;
    for (partition, opened) in (0..).zip(states) {
        let (mut restored, mut cursor) = reader
            .restore(partition, AsOf::LATEST, |_| Tally::default())
            .map_err(failed)?;
        while let Some(event) = cursor.next_event().map_err(failed)? {
            let mut viewer = Viewer::default();
            let view = event
                .view::<TallyEvent>(&mut viewer)
                .map_err(|error| Unsound::Broken(format!("restoring: {error}")))?;
            restored.apply(view, &event.meta);
        }
        if restored != *opened {
            return Err(Unsound::Broken(format!(
                "partition {partition}: restored {} events, opened {}, and they differ",
                restored.last_sequence, opened.last_sequence
            )));
        }
    }
    Ok(())
}

/// Reads every byte that matters, and compares every payload.
fn verify(settings: &Settings) -> Result<(), Unsound> {
    let failed = |error: ReadError| match &error {
        ReadError::Io { source, .. } => refused(source, &error),
        _ => Unsound::Broken(format!("verifying: {error}")),
    };
    let mut next = vec![None; settings.partitions as usize];
    let report = JournalReader::open(&settings.dir)
        .map_err(failed)?
        .verify(|event| {
            let mut viewer = Viewer::default();
            let TallyView::Marked(mark) = event
                .view::<TallyEvent>(&mut viewer)
                .map_err(|error| error.to_string())?;
            let payload = stream::payload_of(mark.key.to_native(), mark.number.to_native());
            if mark.payload.as_slice() != payload {
                return Err("its payload is not what was published".to_owned());
            }
            let sequence = event.meta.sequence;
            let expected = next[event.meta.partition as usize].replace(sequence + 1);
            match expected {
                Some(expected) if expected != sequence => Err(format!("{expected} is missing")),
                _ => Ok(()),
            }
        })
        .map_err(failed)?;
    for check in report.partitions {
        if let Some(error) = check.error {
            return Err(failed(error));
        }
        if let Some(damaged) = check.damaged_snapshots.first() {
            return Err(Unsound::Broken(format!("a damaged snapshot: {damaged}")));
        }
        if let Some((sequence, reason)) = check.invalid.first() {
            let partition = check.partition;
            return Err(Unsound::Broken(format!(
                "partition {partition}, sequence {sequence}: {reason}"
            )));
        }
    }
    Ok(())
}

fn refused(source: &io::Error, error: &impl ToString) -> Unsound {
    Unsound::Refused {
        errno: source.raw_os_error().unwrap_or(0),
        text: error.to_string(),
    }
}

/// The operating system's error, where it is why an opening failed.
pub(super) fn os_error(error: &OpenError) -> Option<&io::Error> {
    match error {
        OpenError::Journal(ReadError::Io { source, .. }) | OpenError::Io { source, .. } => {
            Some(source)
        }
        _ => None,
    }
}

impl std::fmt::Display for Unsound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broken(text) | Self::Refused { text, .. } => f.write_str(text),
        }
    }
}
