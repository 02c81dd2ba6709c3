//! What is wrong with a schema, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The program's event types are not those of the lock, or a lock cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The program is not what the lock says. Each change says what to do.
    #[error("the event types are not those of the lock:{}", listed(.0))]
    Changed(Vec<Change>),
    /// Structs without a [`layout!`](crate::layout): they cannot be locked.
    #[error("event types that cannot be locked:{}", listed(.0))]
    NoLayout(Vec<MissingLayout>),
    /// A [`layout!`](crate::layout) does not tell the whole layout.
    #[error("layouts that cannot be told:{}", listed(.0))]
    Layout(Vec<String>),
    /// The lock is not one. Restore it from version control.
    #[error("line {line} of the lock: {problem}; restore it from version control")]
    Text {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system refused the file.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl SchemaError {
    /// Whether nothing but additions was found: types and versions that are not locked yet.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        match self {
            Self::Changed(changes) => changes.iter().all(Change::is_compatible),
            _ => false,
        }
    }
}

/// One difference between the program and the lock. Its text says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A type or version that the lock does not have yet. Nothing is broken by it.
    NotLocked {
        /// The type's name.
        name: String,
        /// The version.
        version: u16,
    },
    /// The archive of a version is laid out in another way than it was.
    Layout {
        /// The type's name.
        name: String,
        /// The version.
        version: u16,
        /// The current version of the type.
        current: u16,
        /// The lines of the lock that differ.
        locked: Vec<String>,
        /// Those of the program.
        found: Vec<String>,
    },
    /// The program does not read a type, or a version of it, any more.
    Removed {
        /// The type's name.
        name: String,
        /// Its kind.
        kind: u16,
        /// The version.
        version: u16,
        /// The current version of the type, where the program still has it.
        current: Option<u16>,
    },
    /// A type has another name.
    Renamed {
        /// Its kind.
        kind: u16,
        /// The name in the lock.
        locked: String,
        /// The name in the program.
        found: String,
    },
    /// A type has another kind.
    Renumbered {
        /// The type's name.
        name: String,
        /// The kind in the lock.
        locked: u16,
        /// The kind in the program.
        found: u16,
    },
    /// A kind stands for another type.
    KindReused {
        /// The kind.
        kind: u16,
        /// The name in the lock.
        locked: String,
        /// The name in the program.
        found: String,
    },
}

impl Change {
    /// Whether journals are read as before.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        matches!(self, Self::NotLocked { .. })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLocked { name, version } => write!(
                f,
                "{name} version {version} is not locked yet: run the test with {UPDATE}=1, or \
                 `ringlog schema --write FILE`, and commit the file",
                UPDATE = super::file::UPDATE_VARIABLE,
            ),
            Self::Layout {
                name,
                version,
                current,
                locked,
                found,
            } => {
                write!(
                    f,
                    "the layout of {name} version {version} changed: restore it"
                )?;
                if version == current {
                    let next = u32::from(*version) + 1;
                    write!(
                        f,
                        ", or keep the old struct, raise the version to {next} and add `from \
                         {version}: …`"
                    )?;
                }
                lines(f, "locked", locked)?;
                lines(f, "now", found)
            }
            Self::Removed {
                name,
                kind,
                version,
                current,
            } => {
                write!(
                    f,
                    "{name} version {version} (kind {kind}) is locked, but this program does not \
                     read it: "
                )?;
                match current {
                    None => f.write_str(
                        "restore its line in `events!` (a type may stay that is no longer published)",
                    )?,
                    Some(current) if version > current => {
                        write!(f, "versions never fall: restore version {version}")?;
                    }
                    Some(_) => write!(f, "restore `from {version}: …`")?,
                }
                f.write_str("; where no journal holds it any more, remove its block from the lock")
            }
            Self::Renamed {
                kind,
                locked,
                found,
            } => write!(
                f,
                "kind {kind} is locked as {locked}, but called {found}: restore the name, which is \
                 stable for ever"
            ),
            Self::Renumbered {
                name,
                locked,
                found,
            } => write!(
                f,
                "{name} is locked as kind {locked}, but has kind {found}: restore the kind, by which \
                 journals know it"
            ),
            Self::KindReused {
                kind,
                locked,
                found,
            } => write!(
                f,
                "kind {kind} is locked as {locked}, but stands for {found}: restore {locked}, and \
                 give {found} a kind that was never used"
            ),
        }
    }
}

/// A struct that has no [`layout!`](crate::layout).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingLayout {
    /// The type's name.
    pub name: &'static str,
    /// The version.
    pub version: u16,
    /// The struct; `None` where an `Event` that was written by hand has no `layouts`.
    pub body: Option<&'static str>,
}

impl fmt::Display for MissingLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            version,
            body,
        } = self;
        write!(f, "{name} version {version}: ")?;
        match body {
            Some(body) => {
                let body = body.rsplit("::").next().unwrap_or(body).trim();
                write!(
                    f,
                    "write `ringlog::layout!(Archived{body} {{ … }});` beside the struct"
                )
            }
            None => f.write_str("implement `Event::layouts`"),
        }
    }
}

/// Each on a line of its own.
fn listed(items: &[impl fmt::Display]) -> String {
    items.iter().map(|item| format!("\n- {item}")).collect()
}

fn lines(f: &mut fmt::Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    for line in lines {
        write!(f, "\n    {title}: {}", line.trim_start())?;
    }
    Ok(())
}
