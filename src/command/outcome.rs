//! What becomes of a command, in memory and in the journal.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::sync::Arc;

/// What a command was decided to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<R, J> {
    /// Its events happened.
    Accepted(Answered<R>),
    /// Nothing happened.
    Rejected(Answered<J>),
}

/// An answer, and where in the journal what it stands for lies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered<T> {
    /// What `decide` returned.
    pub reply: T,
    /// The partition that decided.
    pub partition: u32,
    /// The sequence of the first event that came of the command; where there is none, the one that
    /// the next event of the partition got.
    pub first_sequence: u64,
    /// How many events came of it; 0 where it was rejected.
    pub events: u32,
    /// Whether it had been decided before: this is the outcome of that time.
    pub is_repeated: bool,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOutcome {
    /// The events happened, all of them.
    Appended {
        /// The sequence of the first one; where there is none, the one that the next event of the
        /// partition got.
        first_sequence: u64,
        /// How many there were.
        events: u32,
        /// The key's version behind them: how many events it has.
        version: u64,
    },
    /// The key has another version than expected, and nothing happened. Read again, decide again.
    Conflict {
        /// How many events the key has.
        current: u64,
    },
}

/// The version that an append expects a key to have: how many events it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Any,
    /// So many events; 0: the key has none yet.
    Version(u64),
}

/// Why nothing came of a command or an append. It was answered in its place: no retry without a change
/// will have another outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandFailure {
    /// `decide` panicked, and nothing happened. Mend it.
    #[error("`decide` panicked: {message}")]
    Panicked {
        /// The panic's text.
        message: Arc<str>,
    },
    /// The events do not fit into one group, which they must never straddle. Let a command do less, or
    /// open the pipeline with larger [groups](crate::Builder::group_bytes).
    #[error("the events of the command take more than the {bytes_max} bytes of a group")]
    TooManyEvents {
        /// What a group holds.
        bytes_max: u64,
    },
    /// An event or the answer could not be archived. Mend its type.
    #[error("cannot archive what `decide` made: {message}")]
    NotArchived {
        /// Why.
        message: Arc<str>,
    },
    /// An event has a key that belongs to another partition than the command's. Give the command a key
    /// of the same partition, or have another command sent to the other one.
    #[error("an event's key {key} belongs to another partition than the command")]
    KeyElsewhere {
        /// The event's key.
        key: u64,
    },
    /// The version of this key is not known, because more keys have events than are counted. Raise
    /// [`State::KEY_VERSIONS_MAX`](crate::State::KEY_VERSIONS_MAX).
    #[error("the version of key {key} is not known: more keys have events than are counted")]
    TooManyKeys {
        /// The key.
        key: u64,
    },
}

/// Why a command has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotDecided {
    Failed(CommandFailure),
    /// It was decided, or passed over, too long ago.
    Expired,
}

/// What a client's ring holds for a command of `D`.
pub(crate) type OutcomeOf<D> =
    Outcome<<D as super::Decider>::Reply, <D as super::Decider>::Rejection>;

impl<R, J> Outcome<R, J> {
    /// The reply, or the rejection as an error: for `?`.
    ///
    /// # Errors
    ///
    /// The rejection.
    pub fn accepted(self) -> Result<Answered<R>, J> {
        match self {
            Self::Accepted(answered) => Ok(answered),
            Self::Rejected(answered) => Err(answered.reply),
        }
    }

    /// Whether it was accepted.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

impl<T> Answered<T> {
    /// The sequences of the events that came of it.
    pub fn sequences(&self) -> Range<u64> {
        // Read from a journal where it is repeated, perhaps of another program.
        self.first_sequence..self.first_sequence.saturating_add(self.events.into())
    }
}

/// The body of an outcome's record: these bytes, then the archive of the answer or what a failure
/// says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordedOutcome<'a> {
    /// `Decider::ANSWERS_VERSION` of the program that decided; in the record's header.
    pub(crate) version: u16,
    pub(crate) first_sequence: u64,
    pub(crate) events: u32,
    pub(crate) verdict: u32,
    pub(crate) answer: &'a [u8],
}

/// What a failure is in a record; 1 and 2 are accepted and rejected.
pub(crate) const VERDICT_ACCEPTED: u32 = 1;
pub(crate) const VERDICT_REJECTED: u32 = 2;
const VERDICT_PANICKED: u32 = 3;
const VERDICT_TOO_MANY_EVENTS: u32 = 4;
const VERDICT_NOT_ARCHIVED: u32 = 5;
const VERDICT_KEY_ELSEWHERE: u32 = 6;
const VERDICT_TOO_MANY_KEYS: u32 = 7;

/// Bytes in front of the answer: a multiple of what an archive is aligned to.
pub(crate) const PREFIX_BYTES: usize = 16;
/// The longest archive of an answer that is journaled: a partition remembers many of them.
pub(crate) const ANSWER_BYTES_MAX: usize = 4096;
/// The longest body of an outcome's record.
pub(crate) const OUTCOME_BYTES_MAX: usize = PREFIX_BYTES + ANSWER_BYTES_MAX;

impl<'a> RecordedOutcome<'a> {
    pub(crate) fn prefix(&self) -> [u8; PREFIX_BYTES] {
        let mut bytes = [0; PREFIX_BYTES];
        bytes[..8].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.events.to_le_bytes());
        bytes[12..].copy_from_slice(&self.verdict.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are no outcome's.
    pub(crate) fn read(version: u16, body: &'a [u8]) -> Option<Self> {
        let (prefix, answer) = body.split_at_checked(PREFIX_BYTES)?;
        let (first_sequence, prefix) = prefix.split_first_chunk()?;
        let (events, verdict) = prefix.split_first_chunk()?;
        Some(Self {
            version,
            first_sequence: u64::from_le_bytes(*first_sequence),
            events: u32::from_le_bytes(*events),
            verdict: u32::from_le_bytes(verdict.try_into().ok()?),
            answer,
        })
    }

    /// The failure that it records; `None` where it records an answer.
    pub(crate) fn failure(&self) -> Option<CommandFailure> {
        let message = || String::from_utf8_lossy(self.answer).into();
        let number = || {
            let bytes = self.answer.first_chunk().copied().unwrap_or_default();
            u64::from_le_bytes(bytes)
        };
        Some(match self.verdict {
            VERDICT_PANICKED => CommandFailure::Panicked { message: message() },
            VERDICT_TOO_MANY_EVENTS => CommandFailure::TooManyEvents {
                bytes_max: number(),
            },
            VERDICT_NOT_ARCHIVED => CommandFailure::NotArchived { message: message() },
            VERDICT_KEY_ELSEWHERE => CommandFailure::KeyElsewhere { key: number() },
            VERDICT_TOO_MANY_KEYS => CommandFailure::TooManyKeys { key: number() },
            _ => return None,
        })
    }
}

impl CommandFailure {
    /// The longest text that is journaled of a panic.
    const MESSAGE_BYTES_MAX: usize = 1024;

    /// What a record has of it: the verdict, and the bytes that it is read from.
    pub(crate) fn recorded(&self) -> (u32, Vec<u8>) {
        let text = |message: &str| {
            let bytes = message.as_bytes();
            bytes[..bytes.len().min(Self::MESSAGE_BYTES_MAX)].to_vec()
        };
        match self {
            Self::Panicked { message } => (VERDICT_PANICKED, text(message)),
            Self::TooManyEvents { bytes_max } => {
                (VERDICT_TOO_MANY_EVENTS, bytes_max.to_le_bytes().to_vec())
            }
            Self::NotArchived { message } => (VERDICT_NOT_ARCHIVED, text(message)),
            Self::KeyElsewhere { key } => (VERDICT_KEY_ELSEWHERE, key.to_le_bytes().to_vec()),
            Self::TooManyKeys { key } => (VERDICT_TOO_MANY_KEYS, key.to_le_bytes().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_failure_reads_back_and_a_short_body_is_none() {
        let failures = [
            CommandFailure::Panicked {
                message: "no".into(),
            },
            CommandFailure::TooManyEvents { bytes_max: 7 },
            CommandFailure::NotArchived {
                message: "not".into(),
            },
            CommandFailure::KeyElsewhere { key: u64::MAX },
            CommandFailure::TooManyKeys { key: 3 },
        ];
        for failure in failures {
            let (verdict, answer) = failure.recorded();
            let recorded = RecordedOutcome {
                version: 1,
                first_sequence: 9,
                events: 0,
                verdict,
                answer: &answer,
            };
            let body = [&recorded.prefix()[..], &answer].concat();
            let read = RecordedOutcome::read(1, &body).unwrap();
            assert_eq!(read.failure(), Some(failure));
            assert_eq!((read.first_sequence, read.events), (9, 0));
        }
        assert!(RecordedOutcome::read(1, &[0; 15]).is_none());
    }
}
