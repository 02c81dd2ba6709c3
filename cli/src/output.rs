//! Standard output: text for people, or one JSON value for programs.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anyhow::Context;
use serde_json::Value;

/// Room for a few hundred lines: a dump is not limited by system calls.
const BUFFER_BYTES: usize = 256 * 1024;

/// Where answers go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    is_json: bool,
}

/// Whoever read standard output has closed it.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
pub(crate) struct StdoutClosed;

impl Output {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Whether the answer is for a program.
    pub(crate) fn is_json(self) -> bool {
        self.is_json
    }

    /// Prints the answer: `json` on one line for programs, `text` for people.
    pub(crate) fn show(self, json: &Value, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let mut out = Lines::lock();
        if self.is_json {
            out.write(json.to_string().as_bytes())?;
        } else {
            out.write(text().trim_end().as_bytes())?;
        }
        out.write(b"\n")?;
        out.finish()
    }
}

/// Standard output, locked once and buffered.
#[derive(Debug)]
pub(crate) struct Lines {
    out: BufWriter<StdoutLock<'static>>,
}

impl Lines {
    pub(crate) fn lock() -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock()),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        checked(self.out.write_all(bytes))
    }

    /// Writes out what is buffered.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        checked(self.out.flush())
    }
}

fn checked(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes a line to standard error. Where nobody reads it the exit code still says what happened:
/// `eprintln!` would panic.
macro_rules! tell {
    ($($text:tt)*) => {
        $crate::output::write_to_stderr(::std::format_args!($($text)*))
    };
}
pub(crate) use tell;

/// What [`tell!`] calls.
pub(crate) fn write_to_stderr(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether progress can be shown to somebody.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// A number with thousands separated, for people.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 999, 1_000, 67_916, 1_000_000].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "67,916", "1,000,000"]);
    }
}
