//! The journals that are damaged: small, but with everything in them that a journal has.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ringlog::journal::JournalReader;
use ringlog::snapshot::Retention;
use ringlog::source::SourceInfo;
use ringlog::storage::sim::SimDisk;
use ringlog::storage::{OpenMode, Storage};
use ringlog::{Builder, Durability, Pipeline};

use super::chronicle::Chronicle;
use super::layout::{self, BLOCK_BYTES, Kind};
use crate::random::Random;
use crate::tally::Marked;

/// Where the journals lie on their disks.
pub(crate) const ROOT: &str = "/journal";
/// The named cursor of every journal.
pub(crate) const CURSOR: &str = "audit";
/// Blocks of all segments together: 64 KiB.
const BLOCKS: u64 = 16;
const MIB: usize = 1024 * 1024;

/// A journal, and what is in it.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) name: &'static str,
    pub(crate) disk: SimDisk,
    pub(crate) files: Vec<JournalFile>,
    /// The digest of every event.
    pub(crate) events: Vec<u64>,
    pub(crate) sources: Vec<SourceInfo>,
    /// How many events the named cursor has handled.
    pub(crate) handled: u64,
    /// The last group that it need not read again.
    pub(crate) marked_group: u64,
    /// What a recycled segment's file held before, as far as it is known.
    pub(crate) older: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct JournalFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: Kind,
}

impl JournalFile {
    pub(crate) fn name(&self) -> &str {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }
}

/// Every journal that there is.
pub(crate) fn all() -> anyhow::Result<Vec<Reference>> {
    Ok(vec![
        closed(Durability::Sync, "closed", 1)?,
        killed("killed", 2)?,
        power_cut("power-cut", 3)?,
        reopened("reopened", 4)?,
        buffered("os-buffer", 5)?,
        snapshots("snapshots", 6)?,
        recycled("recycled", 7)?,
    ])
}

/// Two sessions, both closed.
pub(crate) fn closed(
    durability: Durability,
    name: &'static str,
    seed: u64,
) -> anyhow::Result<Reference> {
    let disk = SimDisk::new(seed);
    let mut writing = Writing::new(&disk, seed);
    writing.session(durability, BLOCKS / 2)?.close()?;
    store_cursor(&disk)?;
    writing.session(durability, BLOCKS)?.close()?;
    Reference::of(name, disk, &writing, None)
}

/// The second session was killed: its control word is true to the last.
fn killed(name: &'static str, seed: u64) -> anyhow::Result<Reference> {
    let disk = SimDisk::new(seed);
    let mut writing = Writing::new(&disk, seed);
    writing.session(Durability::Sync, BLOCKS / 2)?.close()?;
    store_cursor(&disk)?;
    let pipeline = writing.session(Durability::Sync, BLOCKS - 1)?;
    let disk = disk.kill();
    drop(pipeline);
    Reference::of(name, disk, &writing, None)
}

/// Power failed in the second session: the control word is that of its opening.
fn power_cut(name: &'static str, seed: u64) -> anyhow::Result<Reference> {
    let disk = SimDisk::new(seed);
    let mut writing = Writing::new(&disk, seed);
    writing.session(Durability::Sync, BLOCKS / 2)?.close()?;
    store_cursor(&disk)?;
    let pipeline = writing.session(Durability::Sync, BLOCKS - 1)?;
    let disk = cut(&disk);
    drop(pipeline);
    Reference::of(name, disk, &writing, None)
}

/// Opened after a power cut, which copied a tail that nothing witnessed, and killed again.
fn reopened(name: &'static str, seed: u64) -> anyhow::Result<Reference> {
    let disk = SimDisk::new(seed);
    let mut writing = Writing::new(&disk, seed);
    let pipeline = writing.session(Durability::Sync, BLOCKS / 2)?;
    let disk = cut(&disk);
    drop(pipeline);
    trim(&disk)?;
    writing.disk = disk.clone();
    let pipeline = writing.session(Durability::Sync, BLOCKS - 1)?;
    store_cursor(&disk)?;
    let disk = cut(&disk);
    drop(pipeline);
    Reference::of(name, disk, &writing, None)
}

/// Groups that were only handed to the kernel, and a killed process.
fn buffered(name: &'static str, seed: u64) -> anyhow::Result<Reference> {
    let disk = SimDisk::new(seed);
    let mut writing = Writing::new(&disk, seed);
    writing.session(Durability::OsBuffer, BLOCKS / 2)?.close()?;
    store_cursor(&disk)?;
    let pipeline = writing.session(Durability::OsBuffer, BLOCKS - 1)?;
    let disk = disk.kill();
    drop(pipeline);
    Reference::of(name, disk, &writing, None)
}

/// Two snapshots in front of the end of a whole history, and a killed process.
fn snapshots(name: &'static str, seed: u64) -> anyhow::Result<Reference> {
    let disk = SimDisk::new(seed);
    let mut writing = Writing::new(&disk, seed);
    let pipeline = writing.session(Durability::Sync, BLOCKS / 2)?;
    pipeline.snapshot()?;
    pipeline.close()?;
    store_cursor(&disk)?;
    let pipeline = writing.session(Durability::Sync, BLOCKS - 4)?;
    pipeline.snapshot()?;
    writing.fill(&pipeline, BLOCKS - 1)?;
    let disk = disk.kill();
    drop(pipeline);
    Reference::of(name, disk, &writing, None)
}

/// Everything but the last segment is retired, and that one lies in a recycled file, with sound
/// groups of its former life behind its end.
fn recycled(name: &'static str, seed: u64) -> anyhow::Result<Reference> {
    let disk = SimDisk::new(seed);
    let mut writing = Writing::new(&disk, seed);
    let builder = writing
        .builder(Durability::Sync)
        .segment_bytes(MIB as u64)
        .retention(Retention::FromOldestSnapshot { cursor_lag_max: 0 });
    let pipeline = writing.open(builder)?;
    let mut last = segments(&disk);
    for _ in 0..20 {
        // Small groups first, so that stale groups lie behind the small ones of the next life.
        for _ in 0..12 {
            writing.publish(&pipeline, 1, 300)?;
        }
        while segments(&disk) == last {
            let room = segment_room(&disk);
            writing.publish(&pipeline, 1, if room > MIB / 4 { MIB / 5 } else { 300 })?;
        }
        last = segments(&disk);
        let newest = last.last().context("no segment")?;
        let bytes = disk.cached_bytes(newest).context("no bytes")?;
        if bytes.get(14) == Some(&1) {
            let older = bytes.get(..BLOCKS as usize * BLOCK_BYTES);
            let older = older.map(<[u8]>::to_vec);
            writing.publish(&pipeline, 3, 900)?;
            pipeline.snapshot()?;
            writing.publish(&pipeline, 1, 5000)?;
            pipeline.snapshot()?;
            store_cursor(&disk)?;
            for _ in 0..3 {
                writing.publish(&pipeline, 2, 700)?;
            }
            let disk = cut(&disk);
            drop(pipeline);
            return Reference::of(name, disk, &writing, older);
        }
        pipeline.snapshot()?;
        writing.publish(&pipeline, 1, 10)?;
        pipeline.snapshot()?;
    }
    anyhow::bail!("no segment was recycled")
}

/// The power fails, and nothing survives that was not synced.
fn cut(disk: &SimDisk) -> SimDisk {
    disk.power_cut_choosing(&vec![0; disk.unsynced().len()])
}

/// Writes sessions of a journal.
#[derive(Debug)]
struct Writing {
    disk: SimDisk,
    random: Random,
    number: u64,
}

impl Writing {
    fn new(disk: &SimDisk, seed: u64) -> Self {
        Self {
            disk: disk.clone(),
            random: Random::new(seed),
            number: 0,
        }
    }

    fn builder(&self, durability: Durability) -> Builder {
        Pipeline::<Chronicle>::builder(ROOT)
            .storage(self.disk.clone())
            .durability(durability)
    }

    fn open(&self, builder: Builder) -> anyhow::Result<Pipeline<Chronicle>> {
        Ok(builder.open(|_| Chronicle::default())?)
    }

    /// A session that fills the journal's segments up to about `blocks` blocks.
    fn session(
        &mut self,
        durability: Durability,
        blocks: u64,
    ) -> anyhow::Result<Pipeline<Chronicle>> {
        let pipeline = self.open(self.builder(durability))?;
        self.fill(&pipeline, blocks)?;
        Ok(pipeline)
    }

    fn fill(&mut self, pipeline: &Pipeline<Chronicle>, blocks: u64) -> anyhow::Result<()> {
        loop {
            // A block for the witness at the end.
            let left = blocks.saturating_sub(used_blocks(&self.disk) + 1);
            match left {
                0 => return Ok(()),
                1..4 => self.publish(pipeline, 1, 1500)?,
                _ => {
                    let events = 1 + self.random.below(4);
                    let bytes = [0, 40, 300, 900, 5000];
                    let bytes = bytes[usize::try_from(self.random.below(5))?];
                    self.publish(pipeline, events.min(left - 2), bytes)?;
                }
            }
        }
    }

    /// Publishes `events` events of about `bytes` bytes, and waits for the last one.
    fn publish(
        &mut self,
        pipeline: &Pipeline<Chronicle>,
        events: u64,
        bytes: usize,
    ) -> anyhow::Result<()> {
        let source = pipeline.source("feed")?;
        let mut last = None;
        for _ in 0..events {
            self.number += 1;
            let payload = (0..bytes)
                .map(|_| self.random.number().to_le_bytes()[0])
                .collect();
            let mark = Marked {
                key: self.random.below(5),
                number: self.number,
                payload,
            };
            last = Some(source.publish(self.number, &mark.into())?);
        }
        if let Some(last) = last {
            last.wait()?;
        }
        Ok(())
    }
}

impl Reference {
    fn of(
        name: &'static str,
        disk: SimDisk,
        writing: &Writing,
        older: Option<Vec<u8>>,
    ) -> anyhow::Result<Self> {
        trim(&disk)?;
        // What a handle or a cut left undone is done: every copy starts with this.
        disk.write_back();
        let mut files = Vec::new();
        for path in disk.paths() {
            let bytes = disk.cached_bytes(&path).unwrap_or_default();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(kind) = layout::read(name.unwrap_or_default(), &bytes) {
                files.push(JournalFile { path, bytes, kind });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut recovered = Pipeline::<Chronicle>::builder(ROOT)
            .storage(disk.fork())
            .recover(|_| Chronicle::default())?;
        let partition = recovered.pop().context("no partition")?;
        let events = partition.state.0;
        ensure!(
            events.len() as u64 == writing.number,
            "{name}: {} of {} events are there",
            events.len(),
            writing.number
        );
        let mut reference = Self {
            name,
            disk,
            files,
            events,
            sources: partition.sources,
            handled: 0,
            marked_group: 0,
            older,
        };
        (reference.handled, reference.marked_group) = reference.mark()?;
        Ok(reference)
    }

    fn mark(&self) -> anyhow::Result<(u64, u64)> {
        let mark = self.files.iter().find(|file| file.name() == "audit.cursor");
        let number = |at: usize| -> anyhow::Result<u64> {
            let bytes = mark.and_then(|mark| mark.bytes.get(at..at + 8));
            let bytes = bytes.context("no named cursor")?.try_into()?;
            Ok(u64::from_le_bytes(bytes))
        };
        Ok((number(32)?, number(40)?))
    }

    /// The segments, in order.
    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = (usize, &JournalFile)> {
        self.files
            .iter()
            .enumerate()
            .filter(|(_, file)| matches!(file.kind, Kind::Segment(_)))
    }
}

/// Removes what the next opening would remove, and cuts prepared space and stale bytes to a few
/// blocks: a legal end of a segment is anywhere.
fn trim(disk: &SimDisk) -> anyhow::Result<()> {
    for path in disk.paths() {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        if name.ends_with(".tmp") || path.starts_with(Path::new(ROOT).join("quarantine")) {
            disk.remove(&path)?;
        } else if name.ends_with(".seg") {
            let bytes = disk.cached_bytes(&path).unwrap_or_default();
            let Some(Kind::Segment(segment)) = layout::read(name, &bytes) else {
                continue;
            };
            let end = segment.groups.last().map_or(BLOCK_BYTES, |group| group.end);
            let is_recycled = bytes.get(14) == Some(&1);
            let kept = match is_recycled {
                true => usize::try_from(BLOCKS)? * BLOCK_BYTES,
                false => end.next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES,
            };
            let file = disk.open(&path, OpenMode::WriteBuffered)?;
            file.set_len(bytes.len().min(kept) as u64)?;
            file.sync()?;
        }
    }
    disk.sync_dir(&Path::new(ROOT).join("partition-0000"))?;
    Ok(())
}

/// The named cursor handles a few events.
fn store_cursor(disk: &SimDisk) -> anyhow::Result<()> {
    let reader = JournalReader::open_in(disk.clone(), ROOT)?;
    let mut cursor = reader.cursor(0)?;
    for _ in 0..5 {
        cursor.next_event()?;
    }
    Ok(cursor.store(CURSOR)?)
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let mut paths = disk.paths();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    paths.sort();
    paths
}

/// Blocks up to the last group, over all segments.
fn used_blocks(disk: &SimDisk) -> u64 {
    segments(disk)
        .iter()
        .map(|path| segment_end(disk, path).div_ceil(BLOCK_BYTES) as u64)
        .sum()
}

fn segment_end(disk: &SimDisk, path: &Path) -> usize {
    let name = path.file_name().and_then(|name| name.to_str());
    let bytes = disk.cached_bytes(path).unwrap_or_default();
    match layout::read(name.unwrap_or_default(), &bytes) {
        Some(Kind::Segment(segment)) => segment.groups.last().map_or(BLOCK_BYTES, |last| last.end),
        _ => 0,
    }
}

/// Bytes left in the last segment.
fn segment_room(disk: &SimDisk) -> usize {
    segments(disk)
        .last()
        .map_or(0, |path| MIB.saturating_sub(segment_end(disk, path)))
}
