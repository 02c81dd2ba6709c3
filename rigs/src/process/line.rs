//! What a child says to its parent: one short line each, written whole.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

/// One thing that a child says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// It is about to open the pipeline.
    Opening,
    /// The pipeline is open, after this long.
    Opened(Duration),
    /// Somebody else has it open, which was found out in this time.
    Busy(Duration),
    /// This thread's event with this source number was acknowledged: and with it all of the
    /// thread's that precede it in the partition.
    Acked {
        /// The publishing thread.
        thread: u64,
        /// The source number.
        source_number: u64,
    },
    /// It is about to close the pipeline.
    Closing,
    /// The pipeline is closed.
    Closed,
    /// The engine refused something with a typed error.
    Failed {
        /// Whether it was the opening that failed.
        in_open: bool,
        /// Whether the engine says that the disk was full.
        storage_full: bool,
        /// The operating system's error; 0 where there is none.
        errno: i32,
        /// The error's text.
        text: String,
    },
    /// The engine broke a promise in the child's sight.
    Violation(String),
}

impl Line {
    /// Writes it at once; a child whose parent no longer listens ends.
    pub(crate) fn say(&self) {
        let text = format!("{self}\n");
        let mut out = io::stdout().lock();
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            std::process::exit(1);
        }
    }

    /// Reads what `Display` wrote, without the end of the line; `None` where it is cut short.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ')?;
        let micros = |text: &str| text.parse().ok().map(Duration::from_micros);
        let line = match word {
            "opening" => Self::Opening,
            "opened" => Self::Opened(micros(rest)?),
            "busy" => Self::Busy(micros(rest)?),
            "acked" => {
                let (thread, source_number) = rest.split_once(' ')?;
                Self::Acked {
                    thread: thread.parse().ok()?,
                    source_number: source_number.parse().ok()?,
                }
            }
            "closing" => Self::Closing,
            "closed" => Self::Closed,
            "failed" => {
                let mut words = rest.splitn(4, ' ');
                Self::Failed {
                    in_open: words.next()?.parse().ok()?,
                    storage_full: words.next()?.parse().ok()?,
                    errno: words.next()?.parse().ok()?,
                    text: words.next()?.to_owned(),
                }
            }
            "violation" => Self::Violation(rest.to_owned()),
            _ => return None,
        };
        Some(line)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every line has a space, so that a word that was cut short is none.
        match self {
            Self::Opening => write!(f, "opening -"),
            Self::Opened(took) => write!(f, "opened {}", took.as_micros()),
            Self::Busy(took) => write!(f, "busy {}", took.as_micros()),
            Self::Acked {
                thread,
                source_number,
            } => write!(f, "acked {thread} {source_number}"),
            Self::Closing => write!(f, "closing -"),
            Self::Closed => write!(f, "closed -"),
            Self::Failed {
                in_open,
                storage_full,
                errno,
                text,
            } => {
                let text = text.replace('\n', " ");
                write!(f, "failed {in_open} {storage_full} {errno} {text}")
            }
            Self::Violation(text) => write!(f, "violation {}", text.replace('\n', " ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_as_it_was_said() {
        for line in [
            Line::Opening,
            Line::Opened(Duration::from_micros(12)),
            Line::Busy(Duration::from_micros(7)),
            Line::Acked {
                thread: 1,
                source_number: 23,
            },
            Line::Closing,
            Line::Closed,
            Line::Failed {
                in_open: true,
                storage_full: false,
                errno: 5,
                text: "cannot write a group: and so on".to_owned(),
            },
            Line::Violation("of a promise".to_owned()),
        ] {
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
    }
}
