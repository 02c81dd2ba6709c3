//! The marks of named cursors: how far each has come, durably.

use std::io;
use std::path::Path;

use bytemuck::{Pod, Zeroable};

use super::directory::TEMPORARY_SUFFIX;
use super::error::ReadError;
use super::format::{Damage, Position, checksum};
use crate::storage::{OpenMode, Storage};

const MAGIC: u64 = u64::from_le_bytes(*b"RINGMARK");
pub(super) const MARK_SUFFIX: &str = ".cursor";
const NAME_BYTES_MAX: usize = 64;

/// How far a named cursor has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) name: String,
    /// The last sequence that was handled.
    pub(crate) sequence: u64,
    /// The place in front of the group that holds the next event.
    pub(crate) position: Position,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Stored {
    magic: u64,
    /// CRC-32C of the fields behind it.
    checksum: u32,
    partition: u32,
    journal_id: [u64; 2],
    sequence: u64,
    group: u64,
    group_sequence: u64,
    segment_first_group: u64,
    byte: u64,
}

/// Whether a cursor may be named so: 1 to 64 letters, digits, hyphens and underscores.
pub(crate) fn is_cursor_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

/// Stores a mark durably; the one before it stands until this one does.
pub(crate) fn store_mark(
    storage: &dyn Storage,
    partition_dir: &Path,
    partition: u32,
    journal_id: [u64; 2],
    mark: &Mark,
) -> Result<(), ReadError> {
    let mut stored = Stored {
        magic: MAGIC,
        checksum: 0,
        partition,
        journal_id,
        sequence: mark.sequence,
        group: mark.position.group,
        group_sequence: mark.position.sequence,
        segment_first_group: mark.position.segment_first_group,
        byte: mark.position.byte,
    };
    stored.checksum = checksum(&bytemuck::bytes_of(&stored)[12..]);
    let path = partition_dir.join(format!("{}{MARK_SUFFIX}", mark.name));
    let temporary = partition_dir.join(format!("{}{MARK_SUFFIX}{TEMPORARY_SUFFIX}", mark.name));
    let write = || -> io::Result<()> {
        let file = storage.open(&temporary, OpenMode::WriteBuffered)?;
        file.set_len(0)?;
        file.write_at(bytemuck::bytes_of(&stored), 0)?;
        file.sync()?;
        storage.rename(&temporary, &path)?;
        storage.sync_dir(partition_dir)
    };
    write().map_err(ReadError::io("store a cursor's mark in", &path))
}

/// The mark of the cursor `name`; `None` where it never stored one.
pub(crate) fn read_mark(
    storage: &dyn Storage,
    partition_dir: &Path,
    partition: u32,
    journal_id: [u64; 2],
    name: &str,
) -> Result<Option<Mark>, ReadError> {
    let path = partition_dir.join(format!("{name}{MARK_SUFFIX}"));
    let file = match storage.open(&path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReadError::io("open", &path)(error)),
    };
    let mut bytes = [0; size_of::<Stored>()];
    let read = file
        .read_at(&mut bytes, 0)
        .map_err(ReadError::io("read", &path))?;
    let damaged = |damage| ReadError::Metadata {
        path: path.clone(),
        damage,
    };
    if read < bytes.len() {
        return Err(damaged(Damage::Short));
    }
    let stored: Stored = bytemuck::cast(bytes);
    if stored.magic != MAGIC {
        return Err(damaged(Damage::Magic));
    }
    if stored.checksum != checksum(&bytes[12..]) {
        return Err(damaged(Damage::Checksum));
    }
    if [stored.sequence, stored.group, stored.group_sequence].contains(&u64::MAX) {
        return Err(damaged(Damage::OutOfRange("group or sequence number")));
    }
    if (stored.partition, stored.journal_id) != (partition, journal_id) {
        return Err(damaged(Damage::Misplaced("another journal's cursor")));
    }
    let position = Position {
        group: stored.group,
        sequence: stored.group_sequence,
        segment_first_group: stored.segment_first_group,
        byte: stored.byte,
    };
    let position = position.checked().map_err(damaged)?;
    if stored.sequence < position.sequence || stored.sequence == u64::MAX {
        return Err(damaged(Damage::OutOfRange("sequence")));
    }
    Ok(Some(Mark {
        name: name.to_owned(),
        sequence: stored.sequence,
        position,
    }))
}

/// Removes the mark of the cursor `name`, if it has one: retention forgets the cursor.
pub(crate) fn remove_mark(
    storage: &dyn Storage,
    partition_dir: &Path,
    name: &str,
) -> Result<(), ReadError> {
    let path = partition_dir.join(format!("{name}{MARK_SUFFIX}"));
    match storage.remove(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed
            .and_then(|()| storage.sync_dir(partition_dir))
            .map_err(ReadError::io("remove a cursor's mark in", &path)),
    }
}

/// The marks of every named cursor of a partition. One that cannot be read is an error: what its
/// cursor still needs is not known, so nothing may be retired.
pub(crate) fn list_marks(
    storage: &dyn Storage,
    partition_dir: &Path,
    partition: u32,
    journal_id: [u64; 2],
) -> Result<Vec<Mark>, ReadError> {
    let names = storage
        .list(partition_dir)
        .map_err(ReadError::io("list", partition_dir))?;
    let mut marks = Vec::new();
    for name in names
        .iter()
        .filter_map(|name| name.strip_suffix(MARK_SUFFIX))
    {
        marks.extend(read_mark(
            storage,
            partition_dir,
            partition,
            journal_id,
            name,
        )?);
    }
    Ok(marks)
}
