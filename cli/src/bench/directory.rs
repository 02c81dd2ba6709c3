//! Where the bench writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::files;

const PREFIX: &str = "ringlog-bench-";

/// A folder of the bench's own, removed at the end, also when it fails.
#[derive(Debug)]
pub(super) struct Directory(tempfile::TempDir);

impl Directory {
    /// A folder in `asked`, which is created if it is missing, or in the current directory.
    pub(super) fn choose(asked: Option<&Path>) -> Result<Self> {
        let parent = asked.map_or_else(|| PathBuf::from("."), Path::to_owned);
        files::create_directory(&parent)
            .and_then(|()| tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parent))
            .map(Self)
            .with_context(|| format!("cannot create a directory in {}", parent.display()))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}
