//! `ringlog dump`: the events back as newline-delimited JSON.

use std::path::PathBuf;

use ringlog::journal::{JournalReader, ReadError, RecordedEvent};

use crate::Domain;
use crate::exit::{Exit, Usage};
use crate::output::{Output, tell};
use crate::print::{Printer, printed};
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
        printer: Printer::start(output, args.bare)?,
        is_damaged: false,
    };
    let dumped = dump.partitions(&reader, partitions);
    let done = match dump.is_damaged {
        true => Exit::Corruption,
        false => Exit::Success,
    };
    // What precedes damage is worth having.
    dump.printer.finish()?;
    printed(dumped, done, output)
}

struct Dump<'a, D> {
    args: &'a Args,
    printer: Printer<D>,
    /// Whether salvage passed over anything.
    is_damaged: bool,
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
                tell!(
                    "note: partition {partition}: events before sequence {} are retired",
                    cursor.earliest()
                );
            }
            loop {
                let event = match cursor.next_event() {
                    Err(error) if self.is_passed_over(&error) => {
                        if let Some(gap) = cursor.skip_damage()? {
                            tell!("salvage: {gap}");
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
                self.print(&event)?;
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
            tell!(
                "salvage: partition {}: {} is damaged at byte {}: {}",
                damage.partition,
                damage.segment,
                damage.position,
                damage.damage
            );
        }
        self.args.salvage
    }

    /// Prints the event where it was asked for.
    fn print(&mut self, event: &RecordedEvent<'_>) -> anyhow::Result<()> {
        let args = self.args;
        if args.raw {
            return self.printer.print_raw(event);
        }
        self.printer.print(event, |view| {
            let is_user = args.user.is_none_or(|user_id| {
                view.is_some_and(|view| D::user_id(view, &event.meta) == user_id)
            });
            let is_type = args
                .event_type
                .as_deref()
                .is_none_or(|name| view.is_some_and(|view| D::type_name(view) == name));
            is_user && is_type
        })?;
        Ok(())
    }
}
