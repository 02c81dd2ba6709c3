//! Whole files: missing, empty, under another name, of another journal or partition, or a loop of
//! symbolic links.

use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use ringlog::journal::JournalReader;
use ringlog::storage::sim::SimDisk;
use ringlog::storage::{OpenMode, Storage};
use ringlog::{OpenError, Pipeline};

use super::check::{Came, compare, is_typed, read_all, recover};
use super::chronicle::Chronicle;
use super::layout::Kind;
use super::reference::{CURSOR, JournalFile, ROOT, Reference};
use super::runner::{Sum, references};
use crate::outcome::Outcome;

/// Loses, empties, renames, doubles and exchanges whole files of reference journals.
#[derive(Debug, clap::Args)]
pub(crate) struct FileFaults {
    /// Only this journal.
    #[arg(long)]
    only: Option<String>,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy)]
enum Fate<'a> {
    Missing,
    Empty,
    /// Once more, under this name.
    Doubled(&'a str),
    Renamed(&'a str),
    /// Other bytes: those of another journal's file of the same kind.
    Exchanged(&'a [u8]),
    /// As another partition would have written it.
    OfAnotherPartition(&'a [u8]),
}

/// What an opening has to say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Refused,
    /// Every event is there.
    Whole,
    /// Every event is there, and a snapshot was rejected.
    Rejected,
    /// Refused, or every event is there: a control word does not say whose it is.
    Either,
    /// The events of the segments that are left. Nothing that is left says that there was another
    /// one: after a power cut a last segment is its own witness.
    Unprovable(u64),
}

impl FileFaults {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let references = references(self.only.as_deref())?;
        let others = super::reference::all()?;
        let mut sum = Sum::default();
        for reference in &references {
            for (index, file) in reference.files.iter().enumerate() {
                let names = other_names(reference, file);
                let foreign = others
                    .iter()
                    .filter(|other| other.name != reference.name)
                    .filter_map(|other| same_kind(other, file));
                let of_partition = of_another_partition(file);
                let fates = [Fate::Missing, Fate::Empty].into_iter();
                let fates = fates
                    .chain(names.iter().map(|name| Fate::Doubled(name)))
                    .chain(names.iter().map(|name| Fate::Renamed(name)))
                    .chain(foreign.map(|other| Fate::Exchanged(&other.bytes)))
                    .chain(of_partition.as_deref().map(Fate::OfAnotherPartition));
                for fate in fates {
                    let what = match fate {
                        Fate::Exchanged(_) => "exchanged".to_owned(),
                        Fate::OfAnotherPartition(_) => "of another partition".to_owned(),
                        fate => format!("{fate:?}"),
                    };
                    let what = format!("{}: {}: {what}", reference.name, file.name());
                    let asked = catch_unwind(AssertUnwindSafe(|| ask(reference, index, fate)));
                    sum.count(&what, asked.unwrap_or_else(|_| bail!("a panic")));
                }
                let what = format!("{}: {}: a loop", reference.name, file.name());
                let asked = catch_unwind(AssertUnwindSafe(|| ask_loop(reference, index)));
                sum.count(&what, asked.unwrap_or_else(|_| bail!("a panic")));
            }
        }
        Ok(sum.outcome("files", None, started))
    }
}

fn ask(reference: &Reference, index: usize, fate: Fate<'_>) -> anyhow::Result<Came> {
    let disk = reference.disk.fork();
    let file = &reference.files[index];
    apply(&disk, file, fate)?;
    let expected = expected(reference, index, fate);
    // The reader first: an opening changes the disk.
    read(reference, &disk).context("reading")?;
    match (recover(&disk), expected) {
        (Err(error), Expected::Refused | Expected::Either) => {
            ensure!(is_due(&error), "not a typed error: {error}");
            Ok(Came::Refused)
        }
        (Err(error), _) => bail!("refused: {error}"),
        (Ok(_), Expected::Refused) => bail!("opened"),
        (Ok(partition), expected) => {
            compare(reference, 1, &partition.state.0)?;
            let promised = match expected {
                Expected::Unprovable(sequence) => sequence,
                _ => reference.events.len() as u64,
            };
            let events = partition.state.0.len() as u64;
            ensure!(events == promised, "{events} events instead of {promised}");
            let is_rejected = !partition.rejected_snapshots.is_empty();
            ensure!(
                is_rejected == (expected == Expected::Rejected),
                "rejected snapshots: {:?}",
                partition.rejected_snapshots
            );
            Ok(match expected {
                Expected::Unprovable(_) => Came::Torn,
                Expected::Rejected => Came::Reported,
                _ => Came::Harmless,
            })
        }
    }
}

fn expected(reference: &Reference, index: usize, fate: Fate<'_>) -> Expected {
    let file = &reference.files[index];
    match (&file.kind, fate) {
        (Kind::Segment(segment), fate) => {
            let next = reference.segments().find(|(later, _)| *later > index);
            let next_first = next.and_then(|(_, next)| match &next.kind {
                Kind::Segment(next) => Some(next.first_group),
                _ => None,
            });
            let newest = snapshots(reference).max().map_or(0, |(group, _)| group);
            // What lies below a snapshot is not read, unless its name puts it elsewhere.
            match (next_first.is_some_and(|next| next <= newest + 1), fate) {
                (true, Fate::Doubled(_) | Fate::Renamed(_)) => return Expected::Either,
                (true, _) => return Expected::Whole,
                (false, Fate::Doubled(_)) if newest > 0 => return Expected::Either,
                (false, _) => {}
            }
            let (last_group, last_sequence) = last_without(reference, index);
            let synced = reference.files.iter().map(|file| match &file.kind {
                Kind::Control(control) => control.synced_group,
                _ => newest,
            });
            let is_lone_witness = next_first.is_none() && synced.max() <= Some(last_group);
            match (is_lone_witness && segment.first_group > 1, fate) {
                (true, Fate::Missing) => Expected::Unprovable(last_sequence),
                _ => Expected::Refused,
            }
        }
        (Kind::Snapshot(_), Fate::Missing) => Expected::Whole,
        (Kind::Snapshot(snapshot), fate) => {
            let mine = (snapshot.group, snapshot.sequence);
            let place = match fate {
                Fate::Doubled(name) | Fate::Renamed(name) => snapshot_place(name),
                _ => mine,
            };
            // Only what is newer than the one that is used is looked at.
            let used = snapshots(reference)
                .filter(|one| *one != mine || matches!(fate, Fate::Doubled(_)))
                .max();
            match used.is_none_or(|used| place > used) {
                true => Expected::Rejected,
                false => Expected::Whole,
            }
        }
        (Kind::Control(_), Fate::Missing | Fate::Empty) => Expected::Whole,
        (Kind::Control(_), _) => Expected::Either,
        (Kind::Metadata, _) => Expected::Refused,
        (Kind::Mark, _) => Expected::Whole,
    }
}

/// The reader's events must be the reference's, whatever it ends with.
fn read(reference: &Reference, disk: &SimDisk) -> anyhow::Result<()> {
    let reader = match JournalReader::open_in(disk.clone(), ROOT) {
        Ok(reader) => reader,
        Err(error) => {
            ensure!(is_typed(&error), "not a typed error: {error}");
            return Ok(());
        }
    };
    for cursor in [reader.cursor(0), reader.named_cursor(0, CURSOR)] {
        let (mut first, mut digests) = (1, Vec::new());
        let error = match cursor {
            Ok(cursor) => read_all(cursor, &mut first, &mut digests)?,
            Err(error) => Some(error),
        };
        compare(reference, first, &digests)?;
        if let Some(error) = error {
            ensure!(is_typed(&error), "not a typed error: {error}");
        }
    }
    Ok(())
}

fn is_due(error: &OpenError) -> bool {
    match error {
        OpenError::Journal(error) => is_typed(error),
        OpenError::NoUsableSnapshot { .. } => true,
        _ => false,
    }
}

/// Group and sequence of each snapshot.
fn snapshots(reference: &Reference) -> impl Iterator<Item = (u64, u64)> {
    let files = reference.files.iter();
    files.filter_map(|file| match &file.kind {
        Kind::Snapshot(snapshot) => Some((snapshot.group, snapshot.sequence)),
        _ => None,
    })
}

/// The last group, and the last sequence, of the segments but one.
fn last_without(reference: &Reference, lost: usize) -> (u64, u64) {
    let groups = reference
        .segments()
        .filter(|(index, _)| *index != lost)
        .flat_map(|(_, file)| match &file.kind {
            Kind::Segment(segment) => &segment.groups[..],
            _ => &[],
        });
    groups
        .map(|group| (group.number, group.first_sequence + group.events - 1))
        .max()
        .unwrap_or((0, 0))
}

fn apply(disk: &SimDisk, file: &JournalFile, fate: Fate<'_>) -> anyhow::Result<()> {
    let write = |path: &Path, bytes: &[u8]| -> anyhow::Result<()> {
        let handle = disk.open(path, OpenMode::WriteBuffered)?;
        handle.set_len(bytes.len() as u64)?;
        handle.write_at(bytes, 0)?;
        Ok(handle.sync()?)
    };
    match fate {
        Fate::Missing => disk.remove(&file.path)?,
        Fate::Empty => write(&file.path, &[])?,
        Fate::Doubled(name) => write(&file.path.with_file_name(name), &file.bytes)?,
        Fate::Renamed(name) => disk.rename(&file.path, &file.path.with_file_name(name))?,
        Fate::Exchanged(bytes) | Fate::OfAnotherPartition(bytes) => write(&file.path, bytes)?,
    }
    Ok(())
}

/// Other valid names: in front of the file, right behind it, between its neighbours, and far ahead.
fn other_names(reference: &Reference, file: &JournalFile) -> Vec<String> {
    let suffix = match &file.kind {
        Kind::Segment(_) => "seg",
        Kind::Snapshot(_) => "snap",
        _ => return Vec::new(),
    };
    let stem = file.name().split('.').next().unwrap_or_default();
    let Some((first, second)) = stem.split_once('-') else {
        return Vec::new();
    };
    let (first, second): (u64, u64) = (first.parse().unwrap_or(1), second.parse().unwrap_or(1));
    let candidates = [
        (first, second + 1),
        (first + 1, second + 1),
        (first + 1, second),
        (first.max(2) - 1, second.max(2) - 1),
        (1, 1),
        (first + 1_000_000, second + 1_000_000),
        (u64::MAX, u64::MAX),
    ];
    let mut names: Vec<String> = candidates
        .iter()
        .map(|(first, second)| format!("{first:020}-{second:020}.{suffix}"))
        .collect();
    names.sort();
    names.dedup();
    names.retain(|name| reference.files.iter().all(|file| file.name() != name));
    names
}

fn snapshot_place(name: &str) -> (u64, u64) {
    let stem = name.trim_end_matches(".snap");
    let (sequence, group) = stem.split_once('-').unwrap_or_default();
    (group.parse().unwrap_or(0), sequence.parse().unwrap_or(0))
}

/// A file of another journal that could stand there: the last one of its kind.
fn same_kind<'a>(other: &'a Reference, file: &JournalFile) -> Option<&'a JournalFile> {
    let kind = std::mem::discriminant(&file.kind);
    other
        .files
        .iter()
        .rfind(|one| std::mem::discriminant(&one.kind) == kind && one.bytes != file.bytes)
}

/// The file with another partition's number, and the checksum made good.
fn of_another_partition(file: &JournalFile) -> Option<Vec<u8>> {
    let (at, end) = match &file.kind {
        Kind::Segment(_) => (72, 80),
        Kind::Snapshot(_) => (120, 136),
        Kind::Mark => (12, file.bytes.len()),
        Kind::Control(_) | Kind::Metadata => return None,
    };
    let mut bytes = file.bytes.clone();
    *bytes.get_mut(at)? ^= 1;
    let checksum = crc_fast::crc32_iscsi(bytes.get(12..end)?);
    bytes
        .get_mut(8..12)?
        .copy_from_slice(&checksum.to_le_bytes());
    Some(bytes)
}

/// The file is a symbolic link to itself, on a real file system.
fn ask_loop(reference: &Reference, index: usize) -> anyhow::Result<Came> {
    let directory = tempfile::tempdir()?;
    let file = &reference.files[index];
    for one in &reference.files {
        let path = directory.path().join(one.path.strip_prefix(ROOT)?);
        std::fs::create_dir_all(path.parent().context("a file lies in a directory")?)?;
        if one.path == file.path {
            symlink(&path, &path)?;
        } else {
            std::fs::write(&path, &one.bytes)?;
        }
    }
    let opened = Pipeline::<Chronicle>::builder(directory.path()).recover(|_| Chronicle::default());
    let is_needed = expected(reference, index, Fate::Empty) == Expected::Refused;
    let (must_refuse, may_refuse) = match file.kind {
        Kind::Segment(_) | Kind::Metadata => (is_needed, is_needed),
        // What cannot be read is not known to be missing.
        Kind::Control(_) | Kind::Snapshot(_) => (false, true),
        Kind::Mark => (false, false),
    };
    match opened {
        Err(error) => {
            ensure!(may_refuse, "refused: {error}");
            Ok(Came::Refused)
        }
        Ok(mut partitions) => {
            ensure!(!must_refuse, "opened");
            let partition = partitions.pop().context("no partition")?;
            ensure!(partition.state.0 == reference.events, "other events");
            Ok(Came::Reported)
        }
    }
}
