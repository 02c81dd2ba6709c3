//! The names of all sources of a journal, and which have a live handle.

use std::collections::HashMap;
use std::sync::Weak;

use super::SourceError;
use super::ranges::RangeSet;
use super::table::{SOURCE_IDS_MAX, SOURCES_MAX, SourceTable};
use crate::event::Event;
use crate::journal::format::{FrameHeader, KIND_SOURCE_NAMED, KIND_SOURCE_RETIRED};
use crate::pipeline::Publisher;
use crate::sync::{self, Arc, Mutex};

const NAME_BYTES_MAX: usize = 1024;

/// Something that holds events back, and must let go when the pipeline closes. Closing never blocks.
pub(crate) trait Holds: Send + Sync {
    fn close(&self);
}

#[derive(Debug)]
pub(crate) struct Registry {
    names: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    by_name: HashMap<String, Known>,
    last_id: u32,
    holding: Vec<Weak<dyn Holds>>,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names")
            .field("sources", &self.by_name.len())
            .finish_non_exhaustive()
    }
}

/// What is known of a source when a handle is opened.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    pub(crate) source_id: u32,
    /// The highest number in any partition.
    pub(crate) last_number: u64,
    /// For a contiguous source: every number up to this one is settled.
    pub(crate) settled_number: u64,
    pub(crate) skipped: RangeSet,
    /// The partitions whose journal has the name.
    named: Vec<bool>,
    is_live: bool,
}

impl Registry {
    /// The union of what the partitions recovered: a crash can leave a record in one of them only.
    pub(crate) fn recovered(tables: &[SourceTable]) -> Self {
        let mut names = Names::default();
        let mut by_id: HashMap<u32, (String, Known)> = HashMap::new();
        for (partition, table) in tables.iter().enumerate() {
            for info in table.iter() {
                names.last_id = names.last_id.max(info.source_id);
                if info.is_retired {
                    continue;
                }
                let (name, known) = by_id.entry(info.source_id).or_default();
                known.source_id = info.source_id;
                known.named.resize(tables.len(), false);
                if !info.name.is_empty() {
                    name.clone_from(&info.name);
                    known.named[partition] = true;
                }
                known.last_number = known.last_number.max(info.last_number);
                known.settled_number = known.settled_number.max(info.settled_number);
                for (first, last) in &info.skipped {
                    known.skipped.insert(*first, *last);
                }
            }
        }
        let retired: Vec<u32> = tables
            .iter()
            .flat_map(SourceTable::iter)
            .filter_map(|info| info.is_retired.then_some(info.source_id))
            .collect();
        by_id.retain(|source_id, _| !retired.contains(source_id));
        for (name, known) in by_id.into_values() {
            names.by_name.insert(name, known);
        }
        Self {
            names: Mutex::new(names),
        }
    }

    /// Gives out the one handle of `name`; journals the name where it is new.
    pub(crate) fn open<E: Event>(
        self: &Arc<Self>,
        name: &str,
        publisher: &Publisher<E>,
    ) -> Result<Lease, SourceError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(SourceError::Name);
        }
        let partitions = publisher.partitions();
        let known = {
            let mut names = sync::lock(&self.names);
            let is_full = names.by_name.len() >= SOURCES_MAX || names.last_id >= SOURCE_IDS_MAX;
            let next_id = names.last_id + 1;
            if let Some(known) = names.by_name.get_mut(name) {
                if known.is_live {
                    return Err(SourceError::SourceBusy {
                        name: name.to_owned(),
                    });
                }
                known.is_live = true;
                known.clone()
            } else {
                if is_full {
                    let name = name.to_owned();
                    return Err(SourceError::TooManySources {
                        name,
                        max: SOURCES_MAX,
                    });
                }
                names.last_id = next_id;
                let known = Known {
                    source_id: next_id,
                    named: vec![false; partitions as usize],
                    is_live: true,
                    ..Known::default()
                };
                names.by_name.insert(name.to_owned(), known.clone());
                known
            }
        };
        // From here on the lease gives the name back, also when an error returns early.
        let mut lease = Lease {
            registry: Arc::clone(self),
            name: name.to_owned(),
            known,
        };
        for partition in 0..partitions {
            if lease.known.named.get(partition as usize) == Some(&false) {
                // In front of the source's first event there, by the ring's order.
                let record =
                    FrameHeader::control(KIND_SOURCE_NAMED, lease.known.source_id, name.len());
                publisher.publish_control(partition, record, name.as_bytes())?;
                lease.known.named[partition as usize] = true;
            }
        }
        Ok(lease)
    }

    /// Journals that `name` will not come back, and forgets it.
    pub(crate) fn retire<E: Event>(
        &self,
        name: &str,
        publisher: &Publisher<E>,
    ) -> Result<(), SourceError> {
        let source_id = {
            let mut names = sync::lock(&self.names);
            let unknown = || SourceError::Unknown {
                name: name.to_owned(),
            };
            let known = names.by_name.get_mut(name).ok_or_else(unknown)?;
            if known.is_live {
                return Err(SourceError::SourceBusy {
                    name: name.to_owned(),
                });
            }
            known.is_live = true;
            known.source_id
        };
        let mut receipts = Vec::new();
        for partition in 0..publisher.partitions() {
            let record = FrameHeader::control(KIND_SOURCE_RETIRED, source_id, 0);
            match publisher.publish_control(partition, record, &[]) {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => {
                    if let (true, Some(known)) = (
                        receipts.is_empty(),
                        sync::lock(&self.names).by_name.get_mut(name),
                    ) {
                        known.is_live = false;
                    }
                    // Otherwise one partition may have it as retired: the name stays busy until
                    // the next opening decides, lest its numbers be taken a second time.
                    return Err(error.into());
                }
            }
        }
        for receipt in receipts {
            receipt.wait()?;
        }
        sync::lock(&self.names).by_name.remove(name);
        Ok(())
    }

    /// Remembers a handle whose held events must be answered when the pipeline closes.
    pub(crate) fn add_holding(&self, holds: Weak<dyn Holds>) {
        let mut names = sync::lock(&self.names);
        names.holding.retain(|holds| holds.strong_count() > 0);
        names.holding.push(holds);
    }

    /// Has every held event answered with an error; never blocks.
    pub(crate) fn close_holding(&self) {
        let holding = std::mem::take(&mut sync::lock(&self.names).holding);
        for holds in holding.iter().filter_map(Weak::upgrade) {
            holds.close();
        }
    }
}

/// The exclusive use of a source; dropping it gives the source back.
#[derive(Debug)]
pub(crate) struct Lease {
    registry: Arc<Registry>,
    pub(crate) name: String,
    pub(crate) known: Known,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut names = sync::lock(&self.registry.names);
        if let Some(known) = names.by_name.get_mut(&self.name) {
            known.clone_from(&self.known);
            known.is_live = false;
        }
    }
}
