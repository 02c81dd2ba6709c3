//! Keeping what a violation left behind, where its file system ends with the rig.

use std::path::Path;
use std::process::Command;

/// Copies `directory` to a place that stays, and says where.
pub(crate) fn keep_copy(directory: &Path) -> String {
    let copied = tempfile::Builder::new()
        .prefix("rigs-violation-")
        .tempdir()
        .map(tempfile::TempDir::keep)
        .and_then(|kept| {
            let copied = Command::new("cp")
                .arg("-a")
                .arg(directory)
                .arg(&kept)
                .status()?;
            Ok((kept, copied))
        });
    match copied {
        Ok((kept, status)) if status.success() => {
            format!("a copy of the directory is in {}", kept.display())
        }
        _ => "the directory could not be copied".to_owned(),
    }
}
