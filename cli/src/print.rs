//! Events on standard output: as lines, or as the elements of one JSON array.

use std::io::Write;
use std::marker::PhantomData;

use ringlog::Viewer;
use ringlog::journal::RecordedEvent;
use serde_json::json;

use crate::Domain;
use crate::apply::place;
use crate::exit::{self, Exit};
use crate::output::{Lines, Output, tell};

/// Prints events.
pub(crate) struct Printer<D> {
    is_array: bool,
    is_first: bool,
    is_bare: bool,
    out: Lines,
    line: Vec<u8>,
    viewer: Viewer,
    _domain: PhantomData<D>,
}

impl<D: Domain> Printer<D> {
    /// A printer that has begun. Bare events are printed without `partition` and `sequence`.
    pub(crate) fn start(output: Output, is_bare: bool) -> anyhow::Result<Self> {
        let mut out = Lines::lock();
        if output.is_json() {
            out.write(b"[")?;
        }
        Ok(Self {
            is_array: output.is_json(),
            is_first: true,
            is_bare,
            out,
            line: Vec::new(),
            viewer: Viewer::default(),
            _domain: PhantomData,
        })
    }

    /// Prints an event, if `is_asked_for` says so of it; `None` stands for one of a type that this
    /// program does not know, which is printed as its header and its archive in hex.
    pub(crate) fn print(
        &mut self,
        event: &RecordedEvent<'_>,
        is_asked_for: impl FnOnce(Option<&<D::Event as ringlog::Event>::View<'_>>) -> bool,
    ) -> anyhow::Result<bool> {
        // Apart from `self`, which prints what it shows.
        let mut viewer = std::mem::take(&mut self.viewer);
        let printed = self.print_with(event, &mut viewer, is_asked_for);
        self.viewer = viewer;
        printed
    }

    fn print_with(
        &mut self,
        event: &RecordedEvent<'_>,
        viewer: &mut Viewer,
        is_asked_for: impl FnOnce(Option<&<D::Event as ringlog::Event>::View<'_>>) -> bool,
    ) -> anyhow::Result<bool> {
        let view = match event.view::<D::Event>(viewer) {
            Ok(view) => view,
            // Nobody can say whose event it is, or of which type.
            Err(error) if error.is_unknown() => {
                let is_asked_for = is_asked_for(None);
                if is_asked_for {
                    self.print_raw(event)?;
                }
                return Ok(is_asked_for);
            }
            Err(error) => {
                return Err(anyhow::Error::new(error)
                    .context(format!("{} cannot be read; see `dump --raw`", place(event))));
            }
        };
        if !is_asked_for(Some(&view)) {
            return Ok(false);
        }
        self.line.clear();
        if self.is_bare {
            D::print(&view, &mut self.line);
            return self.put().map(|()| true);
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
        self.put().map(|()| true)
    }

    /// Prints an event's header, and its archive in hex.
    pub(crate) fn print_raw(&mut self, event: &RecordedEvent<'_>) -> anyhow::Result<()> {
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
        self.line.clear();
        serde_json::to_writer(&mut self.line, &header)?;
        self.put()
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

    /// Ends the printing. What precedes an error is worth having, so this is called before it is
    /// told.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        if self.is_array {
            self.out.write(b"\n]\n")?;
        }
        self.out.finish()
    }
}

/// How the program ends after events were printed: an error ends it, too, but what was printed
/// before is the one JSON value, so it is for standard error alone.
pub(crate) fn printed(
    done: anyhow::Result<()>,
    success: Exit,
    output: Output,
) -> anyhow::Result<Exit> {
    match done {
        Err(error) if output.is_json() => {
            let exit = exit::of_error(&error);
            if exit != Exit::Success {
                tell!("error: {}", exit::describe(&error));
            }
            Ok(exit)
        }
        done => done.map(|()| success),
    }
}

fn hex_digit(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('?')
}
