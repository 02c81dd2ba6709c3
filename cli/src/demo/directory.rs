//! The directory that a demo runs in.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ringlog::journal::JournalReader;

use crate::files;

const PREFIX: &str = "ringlog-demo-";

/// Where the demo's journal is.
pub(super) enum Directory {
    Kept(PathBuf),
    /// Removed when dropped, also when the demo fails.
    Fresh(tempfile::TempDir),
}

impl Directory {
    pub(super) fn choose(asked: Option<&Path>) -> Result<Self> {
        if let Some(path) = asked {
            return Ok(Self::Kept(path.to_owned()));
        }
        let program = std::env::current_exe().context("cannot find the program's own path")?;
        let beside = program
            .parent()
            .context("the program's path has no directory")?;
        remove_abandoned(beside);
        tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(beside)
            .map(Self::Fresh)
            .with_context(|| format!("cannot create a directory in {}", beside.display()))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Fresh(directory) => directory.path(),
        }
    }
}

/// Removes what demos left that were interrupted: nobody holds their journals open any more.
fn remove_abandoned(beside: &Path) {
    for path in files::directories(beside, PREFIX) {
        // One without a journal may belong to a demo that is just starting.
        let is_abandoned = JournalReader::open(&path)
            .and_then(|reader| reader.has_writer())
            .is_ok_and(|has| !has);
        if is_abandoned {
            let _ = files::remove_directory(&path);
        }
    }
}
