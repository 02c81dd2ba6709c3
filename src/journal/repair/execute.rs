//! Carrying a plan out.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use super::cut::{schema_of, set_aside, store_control};
use super::error::RepairError;
use super::plan::{PartitionPlan, RepairPlan, Work};
use super::survey::survey;
use crate::journal::directory::{Directory, has_writer, list_segments, read_metadata};
use crate::journal::error::ReadError;
use crate::journal::open::{RecoverError, recover_partition};
use crate::snapshot;
use crate::storage::{Files, Storage};
use crate::sync::Arc;

/// A repair of a journal that no writer has open.
#[derive(Debug, Clone)]
#[must_use = "a repair does nothing until it is planned or executed"]
pub struct Repair {
    path: PathBuf,
    accepts_loss: bool,
    storage: Arc<dyn Storage>,
}

impl Repair {
    /// A repair of the journal in `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            accepts_loss: false,
            storage: Arc::new(Files),
        }
    }

    /// Whether events that were durable may be cut; without it such a repair is refused.
    pub fn accept_loss(mut self, accept: bool) -> Self {
        self.accepts_loss = accept;
        self
    }

    /// Where the files are: the operating system's by default.
    pub fn storage(mut self, storage: impl Storage) -> Self {
        self.storage = Arc::new(storage);
        self
    }

    /// What [`execute`](Self::execute) would do. Writes nothing and takes no lock.
    ///
    /// # Errors
    ///
    /// [`RepairError`], but never for a loss: the plan says what would be lost.
    pub fn plan(&self) -> Result<RepairPlan, RepairError> {
        let metadata = read_metadata(&*self.storage, &self.path)?
            .ok_or_else(|| ReadError::no_journal(&self.path))?;
        self.refuse_writer()?;
        let plan = survey(&self.storage, &self.path, &metadata);
        // One that came in the meantime may have been seen in the middle of a write.
        self.refuse_writer()?;
        Ok(plan?)
    }

    /// Repairs the journal under its lock, and returns what was done. Killed or failed at any
    /// point, it can be executed again and ends the same.
    ///
    /// # Errors
    ///
    /// [`RepairError`]; after [`RepairError::LossNotAccepted`] nothing has been changed.
    pub fn execute(&self) -> Result<RepairPlan, RepairError> {
        let directory = Directory::open_existing(Arc::clone(&self.storage), &self.path)
            .map_err(|error| RepairError::from_opening(error, &self.path))?;
        let plan = survey(&self.storage, &self.path, &directory.metadata)?;
        if !self.accepts_loss && plan.losses().next().is_some() {
            return Err(RepairError::LossNotAccepted {
                losses: plan.losses().cloned().collect(),
            });
        }
        for partition in &plan.partitions {
            let damaged = partition.damaged_snapshot_names();
            set_aside(&directory, partition.partition, &damaged)?;
            match &partition.work {
                Work::Nothing => {}
                Work::Open => open(&directory, partition)?,
                Work::Cut(cut) => cut.make(&directory, partition.partition)?,
                Work::Folder => {
                    let folder = directory.partition_dir(partition.partition);
                    self.storage
                        .create_dir(&folder)
                        .map_err(ReadError::io("create the directory", &folder))?;
                }
            }
        }
        Ok(plan)
    }

    fn refuse_writer(&self) -> Result<(), RepairError> {
        if has_writer(&*self.storage, &self.path)? {
            return Err(RepairError::AlreadyOpen {
                path: self.path.clone(),
            });
        }
        Ok(())
    }
}

/// Does what an opening does by itself, without applying events.
fn open(directory: &Directory, plan: &PartitionPlan) -> Result<(), ReadError> {
    let storage = &*directory.storage;
    let partition = plan.partition;
    let folder = directory.partition_dir(partition);
    let schema = match list_segments(storage, &folder)?.unwrap_or_default().last() {
        Some(last) => schema_of(storage, &folder.join(&last.name))?,
        None => 0,
    };
    // Damage that a snapshot covers is not walked into.
    let after = match plan.covered.is_empty() {
        true => None,
        false => {
            let id = directory.metadata.journal_id;
            snapshot::newest_sound(storage, &folder, partition, id)?
        }
    };
    let recovered = recover_partition(directory, partition, schema, after, |_| {
        Ok::<_, RecoverError<Infallible>>(())
    });
    let recovery = recovered.map_err(|error| match error {
        RecoverError::Read(error) => error,
        RecoverError::Frame(never) => match never {},
    })?;
    if let Some(segment) = &recovery.segment {
        // Nobody goes on in it: the space that was prepared for that is not needed.
        segment
            .file
            .set_len(segment.position)
            .and_then(|()| segment.file.sync())
            .map_err(ReadError::io("trim the fresh segment in", &folder))?;
    }
    store_control(
        storage,
        &folder,
        recovery.last_group,
        recovery.last_sequence,
    )
}
