//! The lock as a file, for tests and for the program `ringlog`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{SchemaError, check, update};
use crate::event::Event;
use crate::storage::{Files, OpenMode, Storage};

/// Set to `1`, it makes [`assert_locked`] write the file instead of comparing with it.
pub(super) const UPDATE_VARIABLE: &str = "RINGLOG_UPDATE_SCHEMA";
/// Far above any lock; a longer file is none.
const LOCK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The test that holds a program to its lock: compares the event types of `E` with the file `path`,
/// relative to the package that is being tested.
///
/// With `RINGLOG_UPDATE_SCHEMA=1` in the environment it adds what is not locked yet to the file
/// instead. It never changes what is locked.
///
/// # Panics
///
/// Where they differ, with what to do about each difference.
#[track_caller]
pub fn assert_locked<E: Event>(path: impl AsRef<Path>) {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = PathBuf::from(root).join(path);
    let is_updated = std::env::var_os(UPDATE_VARIABLE).is_some_and(|value| value == "1");
    let done = match is_updated {
        true => write_file::<E>(&path),
        false => check_file::<E>(&path),
    };
    if let Err(error) = done {
        panic!("{}: {error}", path.display());
    }
}

/// Compares the event types of `E` with the lock in `path`. One that is missing has nothing locked.
///
/// # Errors
///
/// Those of [`check`], and [`SchemaError::Io`].
pub fn check_file<E: Event>(path: &Path) -> Result<(), SchemaError> {
    check::<E>(&read(path)?)
}

/// Adds to the lock in `path` what it does not have of `E`, or makes it.
///
/// # Errors
///
/// Those of [`update`], and [`SchemaError::Io`]; the file is then as it was.
pub fn write_file<E: Event>(path: &Path) -> Result<(), SchemaError> {
    let text = update::<E>(&read(path)?)?;
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let write = || {
        let file = Files.open(&temporary, OpenMode::WriteBuffered)?;
        file.set_len(0)?;
        file.write_at(text.as_bytes(), 0)?;
        file.sync()?;
        Files.rename(&temporary, path)
    };
    write().map_err(failed("write", path))
}

/// The text in `path`; none where there is no such file.
fn read(path: &Path) -> Result<String, SchemaError> {
    let read = || {
        let file = match Files.open(path, OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            file => file?,
        };
        let length = file.len()?;
        let length = usize::try_from(length)
            .ok()
            .filter(|_| length <= LOCK_BYTES_MAX)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; length];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    };
    read().map_err(failed("read", path))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SchemaError {
    let path = path.to_owned();
    move |source| SchemaError::Io {
        operation,
        path,
        source,
    }
}
