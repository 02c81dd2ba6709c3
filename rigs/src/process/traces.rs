//! What snapshots and retention leave in a directory, read from its names and segment headers.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Of a segment's header, the byte that says that its file held another segment before.
const RECYCLED_BYTE: usize = 14;

/// How far each partition's snapshots and segments are.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Traces(Vec<Trace>);

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Trace {
    newest_snapshot: String,
    oldest_segment: String,
    newest_recycled: String,
}

/// In how many cycles the child took a snapshot, retired a segment, and used one again.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Covered {
    snapshots: u64,
    retired: u64,
    recycled: u64,
}

impl Traces {
    /// Those of the journal in `dir`; none where there is no journal.
    pub(crate) fn of(dir: &Path, partitions: u32) -> Self {
        let traces = (0..partitions)
            .map(|partition| Trace::of(&dir.join(format!("partition-{partition:04}"))));
        Self(traces.map(Result::unwrap_or_default).collect())
    }
}

impl Trace {
    fn of(dir: &Path) -> io::Result<Self> {
        let mut trace = Self::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.ends_with(".snap") {
                trace.newest_snapshot = trace.newest_snapshot.max(name);
            } else if name.ends_with(".seg") {
                let mut header = [0; RECYCLED_BYTE + 1];
                File::open(entry.path())?.read_exact(&mut header)?;
                if header[RECYCLED_BYTE] == 1 && name > trace.newest_recycled {
                    trace.newest_recycled.clone_from(&name);
                }
                if trace.oldest_segment.is_empty() || name < trace.oldest_segment {
                    trace.oldest_segment = name;
                }
            }
        }
        Ok(trace)
    }
}

impl Covered {
    /// Counts a cycle that began with `before` and ended with `after`.
    pub(crate) fn count(&mut self, before: &Traces, after: &Traces) {
        let any = |rose: fn(&Trace, &Trace) -> bool| {
            let mut pairs = before.0.iter().zip(&after.0);
            u64::from(pairs.any(|(before, after)| rose(before, after)))
        };
        self.snapshots += any(|before, after| after.newest_snapshot > before.newest_snapshot);
        self.retired += any(|before, after| {
            !before.oldest_segment.is_empty() && after.oldest_segment > before.oldest_segment
        });
        self.recycled += any(|before, after| after.newest_recycled > before.newest_recycled);
    }

    /// As facts of the ledger's line.
    pub(crate) fn facts(&self) -> [(&'static str, u64); 3] {
        [
            ("cycles_with_snapshots", self.snapshots),
            ("cycles_with_retired", self.retired),
            ("cycles_with_recycled", self.recycled),
        ]
    }
}
