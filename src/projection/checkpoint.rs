//! The checkpoint of a projection: its state and the place in every partition, in one file that is
//! replaced as a whole. A place that was written apart from its state cannot be.
#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};

use super::{Projection, ProjectionError};
use crate::callback::{Callback, panic_message};
use crate::clock;
use crate::journal::format::{Damage, Position, checksum};
use crate::snapshot::{BodyWriter, Section};
use crate::storage::{OpenMode, Storage, StorageFile};
use crate::sync::Arc;

const MAGIC: u64 = u64::from_le_bytes(*b"RINGPROJ");
const FORMAT: u16 = 1;
const CHUNK_BYTES: usize = 1024 * 1024;
const PROJECTIONS_DIR: &str = "projections";

/// How far a projection has come in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    /// The last sequence that was handled.
    pub(super) sequence: u64,
    /// The place in front of the group that holds the next event.
    pub(super) position: Position,
    /// The last sequence in front of the first event that was or will be applied.
    pub(super) origin: u64,
    /// Whether that event was met; until then the starting time decides.
    pub(super) has_begun: bool,
    /// The journal time of the last event.
    pub(super) journal_time_ns: u64,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    magic: u64,
    /// CRC-32C of the fields behind it.
    checksum: u32,
    format: u16,
    reserved: u16,
    journal_id: [u64; 2],
    state_bytes: u64,
    created_ns: u64,
    /// `Projection::VERSION` of the program that wrote it.
    version: u32,
    partitions: u32,
    /// CRC-32C of everything behind the header.
    body_checksum: u32,
    reserved_too: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Entry {
    sequence: u64,
    group: u64,
    group_sequence: u64,
    segment_first_group: u64,
    byte: u64,
    origin: u64,
    journal_time_ns: u64,
    has_begun: u64,
}

const HEADER_BYTES: usize = size_of::<Header>();
const ENTRY_BYTES: usize = size_of::<Entry>();
const _: () = assert!(HEADER_BYTES == 64 && ENTRY_BYTES == 64);

/// Where the files of one projection are.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) storage: Arc<dyn Storage>,
    directory: PathBuf,
    name: Arc<str>,
    journal_id: [u64; 2],
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0}")]
    Damaged(#[from] Damage),
    #[error("it is of another journal")]
    Journal,
    #[error("`load` refused version {version}: {source}")]
    Load { version: u32, source: io::Error },
    #[error("`load` panicked: {0}")]
    Panicked(String),
    #[error(
        "partition {0} has no mark that reaches as far: a repair cut events away that are in it, the \
         mark was removed by hand, or the journal was restored without it"
    )]
    Cut(u32),
    #[error("a former start could not use it, and came to no other one")]
    SetAside,
}

/// What the operating system refused, and on which file.
pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> ProjectionError + use<> {
    let path = path.to_owned();
    move |source| ProjectionError::Io {
        operation,
        path,
        source,
    }
}

impl Files {
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        journal: &Path,
        name: Arc<str>,
        journal_id: [u64; 2],
    ) -> Self {
        Self {
            storage,
            directory: journal.join(PROJECTIONS_DIR),
            name,
            journal_id,
        }
    }

    /// Nobody else has the name for as long as this is held.
    pub(super) fn take_lock(&self) -> Result<Box<dyn Debug + Send + Sync>, ProjectionError> {
        self.storage
            .create_dir(&self.directory)
            .map_err(failed("create", &self.directory))?;
        self.storage
            .try_lock(&self.lock())
            .map_err(failed("lock", &self.lock()))?
            .ok_or_else(|| ProjectionError::AlreadyRunning(self.name.to_string()))
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.directory.join(format!("{}.checkpoint", self.name))
    }

    fn lock(&self) -> PathBuf {
        self.directory.join(format!("{}.lock", self.name))
    }

    fn set_aside(&self) -> PathBuf {
        self.directory
            .join(format!("{}.checkpoint.void", self.name))
    }

    fn temporary(&self) -> PathBuf {
        self.directory.join(format!("{}.checkpoint.tmp", self.name))
    }

    /// Writes a checkpoint durably, but under its temporary name.
    pub(super) fn prepare<P: Projection>(&self, reached: &[Reached], state: &P) -> io::Result<()> {
        let file = self
            .storage
            .open(&self.temporary(), OpenMode::WriteBuffered)?;
        file.set_len(0)?;
        let mut body = BodyWriter::new(&*file, HEADER_BYTES as u64);
        for reached in reached {
            body.write_all(bytemuck::bytes_of(&Entry::from(*reached)))?;
        }
        let entries_bytes = body.written();
        let save = std::panic::AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            state.save(&mut body)
        });
        std::panic::catch_unwind(save).unwrap_or_else(|payload| {
            let message = panic_message(&*payload);
            Err(io::Error::other(format!("`save` panicked: {message}")))
        })?;
        let state_bytes = body.written() - entries_bytes;
        let mut header = Header {
            magic: MAGIC,
            format: FORMAT,
            journal_id: self.journal_id,
            state_bytes,
            created_ns: clock::wall_ns(),
            version: P::VERSION,
            partitions: u32::try_from(reached.len()).unwrap_or(u32::MAX),
            body_checksum: body.finish()?,
            ..Header::zeroed()
        };
        header.checksum = checksum(&bytemuck::bytes_of(&header)[12..]);
        file.write_at(bytemuck::bytes_of(&header), 0)?;
        file.sync()
    }

    /// Gives the prepared checkpoint its name: from now on it is the one that counts.
    pub(super) fn name_prepared(&self) -> io::Result<()> {
        self.storage.rename(&self.temporary(), &self.checkpoint())?;
        self.storage.sync_dir(&self.directory)?;
        // Behind the sync: until then it is what tells of the one that could not be used.
        self.remove(&self.set_aside())
    }

    /// Takes the name away from a checkpoint that cannot be used. Its marks are about to rise: after
    /// a crash they would no longer tell that it is void.
    pub(super) fn set_checkpoint_aside(&self) -> io::Result<()> {
        match self.storage.rename(&self.checkpoint(), &self.set_aside()) {
            // A former start did it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        self.storage.sync_dir(&self.directory)
    }

    /// Removes all there is of it, durably.
    pub(super) fn remove_checkpoints(&self) -> Result<(), ProjectionError> {
        // The one that counts goes last: a crash between leaves it, or nothing.
        for path in [self.temporary(), self.set_aside(), self.checkpoint()] {
            self.remove(&path).map_err(failed("remove", &path))?;
        }
        self.storage
            .sync_dir(&self.directory)
            .map_err(failed("sync", &self.directory))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match self.storage.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Loads the checkpoint into `fresh`; `None` where there is none.
    pub(super) fn load<P: Projection>(
        &self,
        partitions: u32,
        fresh: &mut P,
    ) -> io::Result<Option<Result<Vec<Reached>, Unusable>>> {
        let file = match self.storage.open(&self.checkpoint(), OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let set_aside = self.storage.open(&self.set_aside(), OpenMode::Read);
                return match set_aside {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    set_aside => set_aside.map(|_| Some(Err(Unusable::SetAside))),
                };
            }
            file => file?,
        };
        match self.load_from(&*file, partitions, fresh) {
            Ok(loaded) => Ok(Some(Ok(loaded))),
            Err(LoadError::Unusable(unusable)) => Ok(Some(Err(unusable))),
            Err(LoadError::Io(error)) => Err(error),
        }
    }

    fn load_from<P: Projection>(
        &self,
        file: &dyn StorageFile,
        partitions: u32,
        fresh: &mut P,
    ) -> Result<Vec<Reached>, LoadError> {
        let mut bytes = [0; HEADER_BYTES];
        if file.read_at(&mut bytes, 0)? < HEADER_BYTES {
            return Err(Damage::Short.into());
        }
        let header: Header = bytemuck::cast(bytes);
        if header.magic != MAGIC {
            return Err(Damage::Magic.into());
        }
        if header.checksum != checksum(&bytes[12..]) {
            return Err(Damage::Checksum.into());
        }
        if header.format > FORMAT {
            return Err(Damage::Version(header.format).into());
        }
        if (header.journal_id, header.partitions) != (self.journal_id, partitions) {
            return Err(LoadError::Unusable(Unusable::Journal));
        }
        let entries_bytes = u64::from(partitions) * ENTRY_BYTES as u64;
        let end = (HEADER_BYTES as u64 + entries_bytes).checked_add(header.state_bytes);
        if end != Some(file.len()?) {
            return Err(Damage::Short.into());
        }
        let body = || {
            let section = Section::new(file, HEADER_BYTES as u64, end.unwrap_or_default());
            BufReader::with_capacity(CHUNK_BYTES, section)
        };
        finish(body(), header.body_checksum)?;
        let mut body = body();
        let mut reached = Vec::new();
        for _ in 0..partitions {
            let mut entry = Entry::zeroed();
            body.read_exact(bytemuck::bytes_of_mut(&mut entry))?;
            reached.push(entry.reached()?);
        }
        let load = std::panic::AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            fresh.load(header.version, &mut (&mut body).take(header.state_bytes))
        });
        match std::panic::catch_unwind(load) {
            Ok(Ok(())) => {}
            Ok(Err(source)) => {
                let version = header.version;
                return Err(LoadError::Unusable(Unusable::Load { version, source }));
            }
            Err(payload) => {
                let message = panic_message(&*payload);
                return Err(LoadError::Unusable(Unusable::Panicked(message)));
            }
        }
        // The bytes of this reading: the device may have returned others to the check.
        finish(body, header.body_checksum)?;
        Ok(reached)
    }
}

/// Reads on to the end, and compares the checksum of all that was read.
fn finish(mut body: BufReader<Section<'_>>, expected: u32) -> Result<(), LoadError> {
    loop {
        let bytes = body.fill_buf()?.len();
        if bytes == 0 {
            break;
        }
        body.consume(bytes);
    }
    match body.into_inner().checksum() == expected {
        true => Ok(()),
        false => Err(Damage::Checksum.into()),
    }
}

enum LoadError {
    Unusable(Unusable),
    Io(io::Error),
}

impl From<Damage> for LoadError {
    fn from(damage: Damage) -> Self {
        Self::Unusable(damage.into())
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Reached> for Entry {
    fn from(reached: Reached) -> Self {
        Self {
            sequence: reached.sequence,
            group: reached.position.group,
            group_sequence: reached.position.sequence,
            segment_first_group: reached.position.segment_first_group,
            byte: reached.position.byte,
            origin: reached.origin,
            journal_time_ns: reached.journal_time_ns,
            has_begun: reached.has_begun.into(),
        }
    }
}

impl Entry {
    fn reached(self) -> Result<Reached, Damage> {
        let position = Position {
            group: self.group,
            sequence: self.group_sequence,
            segment_first_group: self.segment_first_group,
            byte: self.byte,
        };
        let position = position.checked()?;
        if self.sequence < position.sequence
            || self.origin > self.sequence
            || self.sequence == u64::MAX
        {
            return Err(Damage::OutOfRange("sequence"));
        }
        Ok(Reached {
            sequence: self.sequence,
            position,
            origin: self.origin,
            has_begun: self.has_begun != 0,
            journal_time_ns: self.journal_time_ns,
        })
    }
}
