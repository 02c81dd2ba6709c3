//! Asks the engine about a damaged journal in every way that it offers, and compares.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, bail, ensure};
use ringlog::journal::{Cursor, JournalReader, ReadError};
use ringlog::storage::sim::SimDisk;
use ringlog::storage::{OpenMode, Storage};
use ringlog::{OpenError, Pipeline, RecoveredPartition, Viewer};

use super::chronicle::{Chronicle, digest};
use super::expectation::{Changes, Expectation, Verdict};
use super::reference::{CURSOR, ROOT, Reference};
use crate::tally::TallyEvent;

/// What became of damage, in the most telling way that showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    /// Every event is there, and nothing was said: the bytes do not matter.
    Harmless,
    /// Every event is there, and the damage was reported: a lost control word, a rejected snapshot,
    /// a cursor's mark, a segment that only readers of the past need.
    Reported,
    /// A tail that no witness covers was set aside, or ends earlier.
    Torn,
    /// Refused with a typed error.
    Refused,
}

/// Damages a copy of `reference`, and compares what the engine says of it with what must be said.
///
/// # Errors
///
/// What was promised and not kept.
pub(crate) fn check(reference: &Reference, changes: &Changes) -> anyhow::Result<Came> {
    let expectation = Expectation::of(reference, changes);
    let disk = reference.disk.fork();
    apply(reference, changes, &disk)?;
    match catch_unwind(AssertUnwindSafe(|| ask(reference, &expectation, &disk))) {
        Ok(Ok(came)) => Ok(came),
        Ok(Err(error)) => Err(error.context(format!("expected: {expectation:?}"))),
        Err(_) => bail!("a panic"),
    }
}

/// Changes the files of a copy of the journal.
pub(crate) fn apply(
    reference: &Reference,
    changes: &Changes,
    disk: &SimDisk,
) -> anyhow::Result<()> {
    for (index, bytes) in changes {
        let file = &reference.files[*index];
        if bytes.len() != file.bytes.len() {
            let handle = disk.open(&file.path, OpenMode::WriteBuffered)?;
            handle.set_len(bytes.len() as u64)?;
            handle.sync()?;
        }
        let mut differing = file
            .bytes
            .iter()
            .zip(bytes)
            .enumerate()
            .filter(|(_, (was, is))| was != is)
            .map(|(at, _)| at);
        if let Some(first) = differing.next() {
            let last = differing.next_back().unwrap_or(first);
            disk.overwrite(&file.path, first, &bytes[first..=last]);
        }
    }
    Ok(())
}

fn ask(reference: &Reference, expectation: &Expectation, disk: &SimDisk) -> anyhow::Result<Came> {
    let reader = match JournalReader::open_in(disk.clone(), ROOT) {
        Ok(reader) => reader,
        Err(error) => {
            ensure!(
                expectation.metadata_changed && is_typed(&error),
                "the reader refused: {error}"
            );
            ensure!(recover(disk).is_err(), "opened without metadata");
            return Ok(Came::Refused);
        }
    };
    let mut came = Came::Harmless;
    came = came.max(ask_reader(reference, expectation, &reader).context("reading")?);
    came = came.max(ask_cursor(reference, expectation, &reader).context("the named cursor")?);
    came = came.max(ask_verify(expectation, &reader).context("verifying")?);
    came = came.max(ask_opening(reference, expectation, disk).context("opening")?);
    Ok(came)
}

fn ask_reader(
    reference: &Reference,
    expectation: &Expectation,
    reader: &JournalReader,
) -> anyhow::Result<Came> {
    let mut read = Vec::new();
    let mut first = 1;
    let error = match reader.cursor(0) {
        Ok(cursor) => read_all(cursor, &mut first, &mut read)?,
        Err(error) => Some(error),
    };
    let last = first + read.len() as u64 - 1;
    compare(reference, first, &read)?;
    ensure!(
        last <= expectation.readable || read.is_empty(),
        "{last} events, of which only {} are sound",
        expectation.readable
    );
    match (error, expectation.reading) {
        (Some(error), Verdict::Refused) => {
            ensure!(is_typed(&error), "not a typed error: {error}");
            Ok(Came::Refused)
        }
        (Some(error), Verdict::Events(_)) => bail!("refused: {error}"),
        (None, Verdict::Refused) => bail!("ended after {last} events without an error"),
        (None, Verdict::Events(sound)) => {
            let promised = sound.min(expectation.acknowledged);
            ensure!(last == promised, "{last} events instead of {promised}");
            Ok(Came::Harmless)
        }
    }
}

fn ask_cursor(
    reference: &Reference,
    expectation: &Expectation,
    reader: &JournalReader,
) -> anyhow::Result<Came> {
    let mut read = Vec::new();
    let mut first = reference.handled + 1;
    let cursor = match reader.named_cursor(0, CURSOR) {
        Ok(cursor) => cursor,
        Err(error) if expectation.mark_is_sound => {
            ensure!(is_typed(&error), "not a typed error: {error}");
            ensure!(expectation.cursor == Verdict::Refused, "refused: {error}");
            return Ok(Came::Refused);
        }
        Err(error) => {
            ensure!(is_typed(&error), "not a typed error: {error}");
            return Ok(Came::Reported);
        }
    };
    ensure!(expectation.mark_is_sound, "a damaged mark was taken");
    let error = read_all(cursor, &mut first, &mut read)?;
    compare(reference, first, &read)?;
    ensure!(first == reference.handled + 1, "went on with {first}");
    let last = reference.handled + read.len() as u64;
    match (error, expectation.cursor) {
        (Some(error), Verdict::Refused) => {
            ensure!(is_typed(&error), "not a typed error: {error}");
            Ok(Came::Refused)
        }
        (Some(error), Verdict::Events(_)) => bail!("refused: {error}"),
        (None, Verdict::Refused) => bail!("ended after {last} events without an error"),
        (None, Verdict::Events(sound)) => {
            let promised = sound.min(expectation.acknowledged).max(reference.handled);
            ensure!(last == promised, "{last} events instead of {promised}");
            Ok(Came::Harmless)
        }
    }
}

fn ask_verify(expectation: &Expectation, reader: &JournalReader) -> anyhow::Result<Came> {
    let report = reader.verify(|event| {
        let mut viewer = Viewer::default();
        event
            .view::<TallyEvent>(&mut viewer)
            .map(|_| ())
            .map_err(|error| error.to_string())
    })?;
    let partition = report.partitions.first().context("no partition")?;
    ensure!(partition.invalid_events == 0, "invalid events passed");
    ensure!(
        partition.control_unreadable == expectation.control_unreadable || partition.error.is_some(),
        "the control word was not judged right"
    );
    match (&partition.error, expectation.reading) {
        (Some(error), Verdict::Refused) => {
            ensure!(is_typed(error), "not a typed error: {error}");
            Ok(Came::Refused)
        }
        (Some(error), Verdict::Events(_)) => bail!("refused: {error}"),
        (None, Verdict::Refused) => bail!("nothing found"),
        (None, Verdict::Events(_)) if partition.control_unreadable => Ok(Came::Reported),
        (None, Verdict::Events(_)) => Ok(match partition.torn_tail {
            Some(_) => Came::Torn,
            None => Came::Harmless,
        }),
    }
}

fn ask_opening(
    reference: &Reference,
    expectation: &Expectation,
    disk: &SimDisk,
) -> anyhow::Result<Came> {
    let partition = match recover(disk) {
        Ok(partition) => partition,
        Err(error) => {
            let is_typed = match &error {
                OpenError::Journal(error) => is_typed(error),
                OpenError::NoUsableSnapshot { .. } => true,
                _ => false,
            };
            ensure!(is_typed, "not a typed error: {error}");
            ensure!(expectation.opening == Verdict::Refused, "refused: {error}");
            return Ok(Came::Refused);
        }
    };
    let Verdict::Events(promised) = expectation.opening else {
        bail!("opened with {} events", partition.state.0.len());
    };
    compare(reference, 1, &partition.state.0)?;
    ensure!(
        (partition.state.0.len() as u64, partition.last_sequence) == (promised, promised),
        "{} events and sequence {} instead of {promised}",
        partition.state.0.len(),
        partition.last_sequence
    );
    ensure!(
        partition.control_unreadable == expectation.control_unreadable,
        "the control word was not judged right"
    );
    ensure!(
        partition.rejected_snapshots.is_empty() != expectation.snapshot_rejected,
        "rejected snapshots: {:?}",
        partition.rejected_snapshots
    );
    let is_whole = partition.state.0.len() == reference.events.len();
    ensure!(
        !is_whole || partition.sources == reference.sources,
        "another table of sources: {:?}",
        partition.sources
    );
    if partition.torn_tail.is_some() {
        let again = recover(disk).context("opening again")?;
        ensure!(
            again.torn_tail.is_none() && again.state == partition.state,
            "opening twice is not opening once"
        );
    }
    Ok(match () {
        () if partition.torn_tail.is_some() || !is_whole => Came::Torn,
        () if partition.control_unreadable || expectation.snapshot_rejected => Came::Reported,
        () => Came::Harmless,
    })
}

/// Opens for writing, without starting anything.
pub(crate) fn recover(disk: &SimDisk) -> Result<RecoveredPartition<Chronicle>, OpenError> {
    let recovered = Pipeline::<Chronicle>::builder(ROOT)
        .storage(disk.clone())
        .recover(|_| Chronicle::default())?;
    Ok(recovered
        .into_iter()
        .next()
        .expect("a journal has a partition"))
}

/// Reads to the end, and returns the error that it ended with.
pub(crate) fn read_all(
    mut cursor: Cursor,
    first: &mut u64,
    digests: &mut Vec<u64>,
) -> anyhow::Result<Option<ReadError>> {
    loop {
        match cursor.next_event() {
            Ok(Some(event)) => {
                let mut viewer = Viewer::default();
                let view = event
                    .view::<TallyEvent>(&mut viewer)
                    .context("an invalid event was handed out")?;
                if digests.is_empty() {
                    *first = event.meta.sequence;
                }
                digests.push(digest(view, &event.meta));
            }
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(error)),
        }
    }
}

/// Whether the events are those of the reference, from sequence `first` on.
pub(crate) fn compare(reference: &Reference, first: u64, digests: &[u64]) -> anyhow::Result<()> {
    let start = usize::try_from(first)? - 1;
    let were = reference.events.get(start..start + digests.len());
    ensure!(were == Some(digests), "wrong events");
    Ok(())
}

/// Whether the error says that something is damaged or missing: all that bytes may cause.
pub(crate) fn is_typed(error: &ReadError) -> bool {
    match error {
        ReadError::NotAJournal { .. } | ReadError::NewerFormat { .. } => true,
        ReadError::Retired { .. } => true,
        error => error.is_corruption(),
    }
}
