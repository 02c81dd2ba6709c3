//! `ringlog stats`: what a journal holds, in figures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ringlog::journal::{JournalReader, RecordedEvent};
use ringlog::snapshot::{AsOf, Totals};
use ringlog::source::SourceInfo;
use ringlog::{Event, Viewer};
use serde_json::{Map, Value, json};

use crate::Domain;
use crate::apply::{apply_view, place};
use crate::exit::Exit;
use crate::output::{Output, grouped};
use crate::progress::Progress;

/// Show what the journal holds, in figures
///
/// Reads every event, and applies it to state for the figures that only state knows. `bytes` is
/// what the segments take on the file system, prepared space included; `first_timestamp` and
/// `last_timestamp` are the least and the greatest event time. Events whose segments are retired
/// are counted by what the snapshots say of them, under the names of their types.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
}

/// What is counted over all partitions.
#[derive(Default)]
struct Figures {
    by_type: BTreeMap<String, u64>,
    by_partition: Vec<u64>,
    unknown: u64,
    times: Option<(i64, i64)>,
    sources: BTreeMap<String, SourceInfo>,
    segments: u64,
    bytes: u64,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reader = JournalReader::open(&args.dir)?;
    let mut progress = Progress::of_events("reading", &reader);
    let mut figures = Figures::default();
    let mut states = Vec::new();
    for partition in 0..reader.partitions() {
        let mut state = D::state(partition);
        let mut cursor = reader.cursor(partition)?;
        let mut events = 0;
        let mut viewer = Viewer::default();
        if cursor.earliest() > 1 {
            (state, cursor) = reader.restore(partition, AsOf::LATEST, D::state)?;
            events = cursor.totals().events();
            figures.add_totals::<D>(cursor.totals());
        }
        while let Some(event) = cursor.next_event()? {
            progress.event();
            events += 1;
            figures.count::<D>(&event, &mut state, &mut viewer)?;
        }
        figures.by_partition.push(events);
        figures.merge_sources(cursor.sources());
        let (segments, bytes) = reader.segments(partition)?;
        figures.segments += segments;
        figures.bytes += bytes;
        states.push(state);
    }
    drop(progress);
    let json = figures.json(D::stats(&states));
    output.show(&Value::Object(json.clone()), || text_of(&json))?;
    Ok(Exit::Success)
}

impl Figures {
    /// Counts what is retired by what a snapshot says of it.
    fn add_totals<D: Domain>(&mut self, totals: &Totals) {
        for ((kind, version), count) in totals.by_type() {
            let known = (D::Event::TYPES.iter())
                .chain(D::Event::OLDER_TYPES)
                .find(|known| (known.kind, known.version) == (kind, version));
            match known {
                Some(known) => self.count_types(known.name, count),
                None => {
                    self.unknown += count;
                    self.count_types(&format!("kind {kind} version {version}"), count);
                }
            }
        }
        if let Some((first, last)) = totals.event_times_ms() {
            self.count_time(first);
            self.count_time(last);
        }
    }

    fn count_time(&mut self, time: i64) {
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    fn count<D: Domain>(
        &mut self,
        event: &RecordedEvent<'_>,
        state: &mut D::State,
        viewer: &mut Viewer,
    ) -> anyhow::Result<()> {
        self.count_time(event.meta.event_time_ms);
        match event.view::<D::Event>(viewer) {
            Ok(view) => {
                self.count_types(D::type_name(&view), 1);
                apply_view(state, view, event)
            }
            Err(error) if error.is_unknown() => {
                let (kind, version) = (event.kind, event.version);
                self.unknown += 1;
                self.count_types(&format!("kind {kind} version {version}"), 1);
                Ok(())
            }
            Err(error) => {
                Err(anyhow::Error::new(error).context(format!("{} cannot be read", place(event))))
            }
        }
    }

    fn count_types(&mut self, name: &str, more: u64) {
        // Looked up first: `entry` would need a name of its own for every event.
        match self.by_type.get_mut(name) {
            Some(count) => *count += more,
            None => drop(self.by_type.insert(name.to_owned(), more)),
        }
    }

    fn merge_sources(&mut self, sources: BTreeMap<String, SourceInfo>) {
        for (name, info) in sources {
            let Some(known) = self.sources.get_mut(&name) else {
                self.sources.insert(name, info);
                continue;
            };
            // Ids grow: a higher one is a younger source, of the same name as one that was retired.
            match info.source_id.cmp(&known.source_id) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Greater => *known = info,
                std::cmp::Ordering::Equal => {
                    known.last_number = known.last_number.max(info.last_number);
                    known.settled_number = known.settled_number.max(info.settled_number);
                    known.is_retired |= info.is_retired;
                    known.skipped.extend(info.skipped);
                    known.skipped.sort_unstable();
                    known.skipped.dedup();
                }
            }
        }
    }

    fn json(self, of_domain: Map<String, Value>) -> Map<String, Value> {
        let sources: Map<String, Value> = self
            .sources
            .into_iter()
            .map(|(name, info)| {
                let figures = json!({
                    "source_id": info.source_id,
                    "last_number": info.last_number,
                    "skipped": info.skipped,
                    "is_retired": info.is_retired,
                });
                (name, figures)
            })
            .collect();
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| drop(json.insert(name.to_owned(), value));
        put("events", json!(self.by_partition.iter().sum::<u64>()));
        put("by_type", json!(self.by_type));
        put("by_partition", json!(self.by_partition));
        put("first_timestamp", json!(self.times.map(|(first, _)| first)));
        put("last_timestamp", json!(self.times.map(|(_, last)| last)));
        for (name, value) in of_domain {
            put(&name, value);
        }
        put("unknown_events", json!(self.unknown));
        put("bytes", json!(self.bytes));
        put("segments", json!(self.segments));
        put("sources", Value::Object(sources));
        json
    }
}

/// The figures as lines of text, in the order of the JSON.
fn text_of(figures: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in figures {
        let title = name.replace('_', " ");
        match value {
            Value::Object(members) => {
                text.push_str(&format!("{title}:\n"));
                for (name, value) in members {
                    let value = value.as_u64().map_or_else(|| value.to_string(), grouped);
                    text.push_str(&format!("  {name:30} {value:>14}\n"));
                }
            }
            Value::Number(number) if !name.ends_with("timestamp") => {
                let value = number.as_u64().map_or_else(|| number.to_string(), grouped);
                text.push_str(&format!("{title:32} {value:>14}\n"));
            }
            value => text.push_str(&format!("{title:32} {value}\n")),
        }
    }
    text
}
