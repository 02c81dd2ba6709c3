//! What a reader finds in a journal that is open and sound: the same as the model, whichever
//! snapshot it starts from.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ringlog::journal::{Cursor, JournalReader};
use ringlog::snapshot::AsOf;
use ringlog::storage::sim::SimDisk;
use ringlog::{State, Viewer};

use super::model::{Chain, Expected};
use super::session::SOURCE;
use super::world::World;
use crate::tally::TallyEvent;

/// The snapshots of a partition with their sequences, oldest first.
pub(crate) fn snapshots(disk: &SimDisk, journal: &Path, partition: u32) -> Vec<(usize, PathBuf)> {
    let folder = journal.join(format!("partition-{partition:04}"));
    let paths = disk.paths().into_iter();
    paths
        .filter(|path| {
            path.parent() == Some(&folder) && path.extension() == Some(OsStr::new("snap"))
        })
        .filter_map(|path| {
            let name = path.file_stem()?.to_str()?;
            let (sequence, _) = name.split_once('-')?;
            Some((sequence.parse().ok()?, path))
        })
        .collect()
}

/// No snapshot holds an event that was not recovered.
pub(super) fn snapshots_hold_no_more(world: &World) -> Result<(), String> {
    for (partition, expected) in (0..).zip(&world.model) {
        for (sequence, path) in snapshots(&world.disk, &world.settings.path, partition) {
            if sequence > expected.taken() {
                let events = expected.taken();
                return Err(format!(
                    "{events} events recovered, but there is {}",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

/// Reads every partition from its newest snapshot, from each older one, and from its first event.
/// The disk must have no fault, and the journal must have been recovered.
pub(super) fn journal(world: &World) -> Result<(), String> {
    let reader = JournalReader::open_in(world.disk.clone(), &world.settings.path)
        .map_err(|error| format!("the reader: {error}"))?;
    for (partition, expected) in (0..).zip(&world.model) {
        let folder = || snapshots(&world.disk, &world.settings.path, partition);
        let older = match world.has_bad_snapshots {
            true => Vec::new(),
            false => folder(),
        };
        read_partition(&reader, partition, expected, &older)
            .map_err(|difference| format!("read, partition {partition}: {difference}"))?;
    }
    Ok(())
}

fn read_partition(
    reader: &JournalReader,
    partition: u32,
    expected: &Expected,
    snapshots: &[(usize, PathBuf)],
) -> Result<(), String> {
    let restore = |as_of| {
        let restored = reader.restore(partition, as_of, |_| Chain::default());
        restored.map_err(|error| error.to_string())
    };
    let (state, mut cursor) = restore(AsOf::LATEST)?;
    compare(&expected.chain().after(state.events()), &state)?;
    compare(expected.chain(), &fold(state, &mut cursor)?)?;
    let counted = cursor.totals().events();
    if counted != expected.taken() as u64 {
        return Err(format!(
            "{counted} events in total, {} taken",
            expected.taken()
        ));
    }
    let number = cursor
        .sources()
        .get(SOURCE)
        .map_or(0, |source| source.last_number);
    if number != expected.last_number() {
        let last = expected.last_number();
        return Err(format!("the source is at {number}, not at {last}"));
    }
    for (sequence, path) in snapshots {
        let as_of = AsOf {
            sequence: Some(*sequence as u64),
            ..AsOf::LATEST
        };
        let (state, _) = restore(as_of).map_err(|error| format!("{}: {error}", path.display()))?;
        compare(&expected.chain().after(*sequence), &state)?;
    }
    let mut cursor = reader
        .cursor(partition)
        .map_err(|error| error.to_string())?;
    let before = expected.chain().after(cursor.earliest() as usize - 1);
    compare(expected.chain(), &fold(before, &mut cursor)?)
}

/// Applies what the cursor yields.
fn fold(mut state: Chain, cursor: &mut Cursor) -> Result<Chain, String> {
    while let Some(event) = cursor.next_event().map_err(|error| error.to_string())? {
        let mut viewer = Viewer::default();
        let view = event
            .view::<TallyEvent>(&mut viewer)
            .map_err(|error| error.to_string())?;
        state.apply(view, &event.meta);
    }
    Ok(state)
}

fn compare(expected: &Chain, found: &Chain) -> Result<(), String> {
    match expected == found {
        true => Ok(()),
        false => Err(format!(
            "a state of {} events differs from the model's of {}",
            found.events(),
            expected.events()
        )),
    }
}
