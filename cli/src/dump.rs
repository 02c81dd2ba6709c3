//! `ringlog dump`: the events back as newline-delimited JSON.

use std::io::Write;
use std::path::PathBuf;

use ringlog::Viewer;
use ringlog::journal::{JournalReader, ReadError, RecordedEvent};
use serde_json::json;

use crate::Domain;
use crate::apply::place;
use crate::exit::{self, Exit, Usage};
use crate::output::{Lines, Output};
use crate::progress::Progress;

/// Print the events as newline-delimited JSON
///
/// Each event is one line, equal in meaning to the line that was ingested, and with its `partition`
/// and `sequence` in front; partition by partition, in sequence order. A type that this program
/// does not know is printed as its header and its archive in hex. With `--json` the lines are the
/// elements of one JSON array. Damage ends it, with exit code 4; with `--salvage` it goes on behind
/// the damage, and says on standard error what was lost.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// Only this partition
    #[arg(long, value_name = "P")]
    partition: Option<u32>,
    /// Only from this sequence on
    #[arg(long, value_name = "S")]
    from: Option<u64>,
    /// Only up to this sequence, itself included
    #[arg(long, value_name = "S")]
    to: Option<u64>,
    /// Only the events of this user
    #[arg(long, value_name = "ID")]
    user: Option<u64>,
    /// Only events of this type
    #[arg(long = "type", value_name = "T")]
    event_type: Option<String>,
    /// Leave `partition` and `sequence` out
    #[arg(long)]
    bare: bool,
    /// Print headers and hex, also of types that this program knows
    #[arg(long, conflicts_with_all = ["user", "event_type", "bare"])]
    raw: bool,
    /// Go on behind damage: print what can be read, and report each gap on standard error
    #[arg(long)]
    salvage: bool,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reader = JournalReader::open(&args.dir)?;
    let partitions = match args.partition {
        Some(partition) if partition >= reader.partitions() => {
            let last = reader.partitions() - 1;
            let text = format!("--partition {partition}: the journal has partitions 0 to {last}");
            return Err(Usage(text).into());
        }
        Some(partition) => partition..partition + 1,
        None => 0..reader.partitions(),
    };
    let mut dump = Dump::<D> {
        args,
        is_array: output.is_json(),
        is_first: true,
        out: Lines::lock(),
        line: Vec::new(),
        viewer: Viewer::default(),
        is_damaged: false,
        _domain: std::marker::PhantomData,
    };
    dump.start()?;
    let dumped = dump.partitions(&reader, partitions);
    let done = match dump.is_damaged {
        true => Exit::Corruption,
        false => Exit::Success,
    };
    // What precedes damage is worth having.
    dump.finish()?;
    match dumped {
        // The one JSON value has been printed: what went wrong is for standard error alone.
        Err(error) if output.is_json() => {
            let exit = exit::of_error(&error);
            if exit != Exit::Success {
                eprintln!("error: {}", exit::describe(&error));
            }
            Ok(exit)
        }
        dumped => dumped.map(|()| done),
    }
}

struct Dump<'a, D> {
    args: &'a Args,
    is_array: bool,
    is_first: bool,
    out: Lines,
    line: Vec<u8>,
    viewer: Viewer,
    /// Whether salvage passed over anything.
    is_damaged: bool,
    _domain: std::marker::PhantomData<D>,
}

impl<D: Domain> Dump<'_, D> {
    fn partitions(
        &mut self,
        reader: &JournalReader,
        partitions: std::ops::Range<u32>,
    ) -> anyhow::Result<()> {
        let mut progress = Progress::of_events("dumping", reader);
        for partition in partitions {
            let mut cursor = match reader.cursor(partition) {
                Err(error) if self.is_passed_over(&error) => continue,
                cursor => cursor?,
            };
            if cursor.earliest() > self.args.from.unwrap_or(1) {
                eprintln!(
                    "note: partition {partition}: events before sequence {} are retired",
                    cursor.earliest()
                );
            }
            loop {
                let event = match cursor.next_event() {
                    Err(error) if self.is_passed_over(&error) => {
                        if let Some(gap) = cursor.skip_damage()? {
                            eprintln!("salvage: {gap}");
                        }
                        continue;
                    }
                    event => event?,
                };
                let Some(event) = event else { break };
                progress.event();
                let sequence = event.meta.sequence;
                if self.args.to.is_some_and(|last| sequence > last) {
                    break;
                }
                if self.args.from.is_some_and(|first| sequence < first) {
                    continue;
                }
                self.line.clear();
                if self.print(&event)? {
                    self.put()?;
                }
            }
        }
        Ok(())
    }

    /// Whether salvage goes on behind this error; it is reported then.
    fn is_passed_over(&mut self, error: &ReadError) -> bool {
        let ReadError::Corruption(damage) = error else {
            return false;
        };
        if self.args.salvage {
            self.is_damaged = true;
            eprintln!(
                "salvage: partition {}: {} is damaged at byte {}: {}",
                damage.partition, damage.segment, damage.position, damage.damage
            );
        }
        self.args.salvage
    }

    /// Prints the event into `line`; `false` where it was not asked for.
    fn print(&mut self, event: &RecordedEvent<'_>) -> anyhow::Result<bool> {
        if self.args.raw {
            self.print_raw(event)?;
            return Ok(true);
        }
        let mut viewer = std::mem::take(&mut self.viewer);
        let printed = self.print_view(event, &mut viewer);
        self.viewer = viewer;
        printed
    }

    /// As [`print`](Self::print), by the domain where it knows the event.
    fn print_view(
        &mut self,
        event: &RecordedEvent<'_>,
        viewer: &mut Viewer,
    ) -> anyhow::Result<bool> {
        let view = match event.view::<D::Event>(viewer) {
            Ok(view) => view,
            // Nobody can say whose event it is, or of which type.
            Err(error) if error.is_unknown() => {
                let is_asked_for = self.args.user.is_none() && self.args.event_type.is_none();
                if is_asked_for {
                    self.print_raw(event)?;
                }
                return Ok(is_asked_for);
            }
            Err(error) => {
                return Err(anyhow::Error::new(error)
                    .context(format!("{} cannot be read; see --raw", place(event))));
            }
        };
        let is_asked_for = self
            .args
            .user
            .is_none_or(|user_id| D::user_id(&view, &event.meta) == user_id)
            && self
                .args
                .event_type
                .as_deref()
                .is_none_or(|name| D::type_name(&view) == name);
        if !is_asked_for {
            return Ok(false);
        }
        if self.args.bare {
            D::print(&view, &mut self.line);
            return Ok(true);
        }
        // In front: should the event have members of these names itself, readers take the last
        // of two, and nothing of the event is lost.
        write!(
            self.line,
            "{{\"partition\":{},\"sequence\":{}",
            event.meta.partition, event.meta.sequence
        )?;
        let brace = self.line.len();
        D::print(&view, &mut self.line);
        let is_empty = self.line.get(brace..) == Some(b"{}");
        if let Some(byte) = self.line.get_mut(brace) {
            *byte = b',';
        }
        if is_empty {
            self.line.remove(brace);
        }
        Ok(true)
    }

    fn print_raw(&mut self, event: &RecordedEvent<'_>) -> anyhow::Result<()> {
        let meta = &event.meta;
        let mut archive = String::with_capacity(event.body.len() * 2);
        for byte in event.body {
            archive.push(hex_digit(byte >> 4));
            archive.push(hex_digit(byte & 15));
        }
        let header = json!({
            "partition": meta.partition,
            "sequence": meta.sequence,
            "kind": event.kind,
            "version": event.version,
            "key": meta.key,
            "event_time_ms": meta.event_time_ms,
            "journal_time_ns": meta.journal_time_ns,
            "source_id": meta.source.map(|source| source.source_id),
            "source_number": meta.source.map(|source| source.number),
            "bytes": event.body.len(),
            "archive_hex": archive,
        });
        serde_json::to_writer(&mut self.line, &header)?;
        Ok(())
    }

    fn start(&mut self) -> anyhow::Result<()> {
        if self.is_array {
            self.out.write(b"[")?;
        }
        Ok(())
    }

    /// Writes `line` as a line, or as an element of the array.
    fn put(&mut self) -> anyhow::Result<()> {
        if self.is_array {
            let separator: &[u8] = if self.is_first { b"\n" } else { b",\n" };
            self.out.write(separator)?;
        } else {
            self.line.push(b'\n');
        }
        self.is_first = false;
        self.out.write(&self.line)
    }

    fn finish(mut self) -> anyhow::Result<()> {
        if self.is_array {
            self.out.write(b"\n]\n")?;
        }
        self.out.finish()
    }
}

fn hex_digit(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('?')
}
