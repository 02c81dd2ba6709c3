//! What a partition does with commands: stage, decide, append, apply, answer.
#![forbid(unsafe_code)]

use arrayvec::ArrayVec;

use super::sequencer::{Batched, CutFrom, Partition, Stage};
use crate::command::{
    AppendOutcome, COMMANDS_AHEAD, CommandFailure, Commands, Decides, Events, NotDecided, Replier,
    Verdict, Version,
};
use crate::event::State;
use crate::journal::format::{
    ANY_VERSION, Frame, FrameHeader, Frames, KIND_APPEND, KIND_COMMAND, KIND_MARKER, KIND_OUTCOME,
    frame_bytes,
};
use crate::journal::{FrameTimes, GroupBuffer};
use crate::sync::Arc;

/// What a partition needs for commands, and those that it has read but not decided.
pub(crate) struct CommandDesk<S: State> {
    partitions: u32,
    commands: Arc<Commands<S>>,
    /// From the first command on.
    decider: Option<Box<Decider<S>>>,
    appenders: Replier<Result<AppendOutcome, NotDecided>>,
    staged: Option<Staged>,
}

struct Decider<S: State> {
    decides: Box<dyn Decides<S>>,
    events: Events<S::Event>,
    /// The body of the outcome's record of the command that is being decided; empty where it has no id.
    outcome: Vec<u8>,
    counted: Counted,
}

/// What was decided since the counters were last brought up to date.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    accepted: u64,
    rejected: u64,
    repeated: u64,
    panics: u64,
}

/// What of a command goes into the journal.
struct Journaled<'a, S: State> {
    events: &'a Events<S::Event>,
    /// The body of its outcome's record; empty where it has no id.
    outcome: &'a [u8],
    version: u16,
}

/// The first command of a poll, and everything behind it: none of that may be numbered before the
/// command is decided.
struct Staged {
    /// Frames, as they would be in a group; where a whole poll fits in.
    frames: GroupBuffer,
    records: Vec<StagedRecord>,
    /// The first record that was not handled.
    next: usize,
    times: FrameTimes,
}

#[derive(Debug, Clone, Copy)]
struct StagedRecord {
    offset: usize,
    position: u64,
}

impl<S: State> CommandDesk<S> {
    pub(crate) fn new(commands: Arc<Commands<S>>, partitions: u32) -> Self {
        Self {
            partitions,
            appenders: Replier::new(Arc::clone(&commands.appenders)),
            commands,
            decider: None,
            staged: None,
        }
    }

    /// Whether something was staged and not handled. Then nothing is read from the ring.
    #[inline]
    pub(super) fn has_staged(&self) -> bool {
        self.staged.as_ref().is_some_and(Staged::has_records)
    }

    /// Keeps a record that was read, for when nothing of the user's would disturb.
    #[inline]
    pub(super) fn stage(
        &mut self,
        record: &[u8],
        position: u64,
        times: FrameTimes,
        group_bytes: usize,
    ) {
        let staged = self
            .staged
            .get_or_insert_with(|| Staged::with_capacity(group_bytes));
        staged.times = times;
        // A frame has its own event time only where it is an event: the others use the field.
        let offset = staged.frames.append_record(record, times);
        staged.records.push(StagedRecord { offset, position });
    }
}

impl<S: State> Partition<S> {
    /// Handles what was staged, as far as there are buffers for it; says whether it got anywhere.
    pub(super) fn handle_staged(&mut self) -> bool {
        let Some(mut staged) = self.commands.staged.take() else {
            return false;
        };
        let before = staged.next;
        let mut is_decided = false;
        while let Some(record) = staged.records.get(staged.next).copied() {
            if staged.next.is_multiple_of(COMMANDS_AHEAD) {
                self.prefetch_staged(&staged);
            }
            let frame = staged.frames.frame(record.offset);
            let is_handled = match frame.header.kind {
                KIND_COMMAND => self.handle_command(&frame, record.position, staged.times),
                KIND_APPEND => self.handle_append(&frame, record.position, staged.times),
                _ => self.take(&frame, record.position, staged.times),
            };
            if !is_handled {
                break;
            }
            is_decided |= matches!(frame.header.kind, KIND_COMMAND | KIND_APPEND);
            self.position = record.position;
            staged.next += 1;
        }
        let progress = staged.next > before;
        if !staged.has_records() {
            staged.clear();
        }
        self.commands.staged = Some(staged);
        // Events behind the last command are still to be applied.
        if self.stage == Stage::Running {
            self.apply_batch(CutFrom::ThePanickedOne);
        }
        self.count_decided();
        // Also where `apply` panicked: the position is in front of what it panicked for.
        if is_decided {
            self.gate.applied.advance(self.position);
        }
        progress
    }

    /// Decides a command and does what comes of it; `false` where there is no room, or `apply` panicked.
    fn handle_command(&mut self, frame: &Frame<'_>, position: u64, times: FrameTimes) -> bool {
        if !self.apply_batch(CutFrom::ThePanickedOne) {
            return false;
        }
        let Some(open) = &self.open else {
            return false;
        };
        let header = frame.header;
        let has_id = header.source_id != 0;
        let Some(mut decider) = self
            .commands
            .take_decider(self.gate.partition, open.capacity())
        else {
            debug_assert!(false, "who sent the command has said how it is decided");
            return true;
        };
        let is_handled = has_id && self.answer_repeated(&mut decider, header)
            || self.decide(&mut decider, frame, position, times);
        self.commands.decider = Some(decider);
        is_handled
    }

    /// Answers a command that was decided before, or passed over; says whether it was.
    fn answer_repeated(&mut self, decider: &mut Decider<S>, header: &FrameHeader) -> bool {
        let decides = &mut decider.decides;
        let (source_id, number) = (header.source_id, header.source_number);
        if let Some(recorded) = self.outcomes.get(source_id, number) {
            decides.repeat(header, &recorded);
        } else if number <= self.sources.last_number(source_id) {
            decides.expire(header);
        } else {
            return false;
        }
        decider.counted.repeated += 1;
        true
    }

    fn decide(
        &mut self,
        decider: &mut Decider<S>,
        frame: &Frame<'_>,
        position: u64,
        times: FrameTimes,
    ) -> bool {
        let header = frame.header;
        let Decider {
            decides,
            events,
            outcome,
            counted,
        } = decider;
        events.start(times);
        decides.decide(&self.state, frame, events);
        let first_sequence = self.next_sequence;
        outcome.clear();
        if header.source_id != 0 {
            record(&mut **decides, first_sequence, events, outcome);
        }
        let has_journaled = !events.is_empty() || !outcome.is_empty();
        let version = decides.answers_version();
        let journaled = Journaled {
            events,
            outcome,
            version,
        };
        if has_journaled && !self.append_decided(header, journaled, position, times) {
            return false;
        }
        let events = u32::try_from(events.len()).unwrap_or(u32::MAX);
        match decides.answer(header, first_sequence, events) {
            Verdict::Accepted => counted.accepted += 1,
            Verdict::Rejected => counted.rejected += 1,
            Verdict::Panicked => counted.panics += 1,
            Verdict::Failed => {}
        }
        true
    }

    /// Appends the events of a command and its outcome's record, where it has an id, to one group, and
    /// applies them; `false` where there is no room, or `apply` panicked.
    fn append_decided(
        &mut self,
        command: &FrameHeader,
        journaled: Journaled<'_, S>,
        position: u64,
        times: FrameTimes,
    ) -> bool {
        let Journaled {
            events,
            outcome,
            version,
        } = journaled;
        let has_id = !outcome.is_empty();
        let outcome_bytes = if has_id {
            frame_bytes(outcome.len())
        } else {
            0
        };
        if !self.make_room(events.bytes() + outcome_bytes) {
            return false;
        }
        let Some(open) = &mut self.open else {
            return false;
        };
        for record in events.records() {
            let offset = open.append_record(record, times);
            self.batch.push(Batched { offset, position });
        }
        if !has_id {
            return self.apply_decided();
        }
        let (source_id, number) = (command.source_id, command.source_number);
        let outcome_frame = Frame {
            header: &FrameHeader {
                source_number: number,
                version,
                ..FrameHeader::control(KIND_OUTCOME, source_id, outcome.len())
            },
            body: outcome,
        };
        open.append_frame(&outcome_frame, times);
        let is_applied = self.apply_decided();
        if is_applied {
            self.sources.replay(&outcome_frame);
            self.outcomes.keep(source_id, number, version, outcome);
        }
        is_applied
    }

    /// Brings the counters up to date, which others look at.
    fn count_decided(&mut self) {
        let Some(decider) = &mut self.commands.decider else {
            return;
        };
        let counted = std::mem::take(&mut decider.counted);
        let counters = &self.gate.counters.commands;
        for (counter, more) in [
            (&counters.accepted, counted.accepted),
            (&counters.rejected, counted.rejected),
            (&counters.repeated, counted.repeated),
            (&counters.panics, counted.panics),
        ] {
            if more > 0 {
                counter.add(more);
            }
        }
    }

    /// Appends events of one key where that has the version that whoever sent them knows; `false`
    /// where there is no room, or `apply` panicked.
    fn handle_append(&mut self, frame: &Frame<'_>, position: u64, times: FrameTimes) -> bool {
        if !self.apply_batch(CutFrom::ThePanickedOne) {
            return false;
        }
        let (header, expected) = (frame.header, frame.header.source_number);
        let answered = match self.versions.get(header.key) {
            Version::Unknown => Err(NotDecided::Failed(CommandFailure::TooManyKeys {
                key: header.key,
            })),
            Version::Known(current) if expected != ANY_VERSION && expected != current => {
                Ok(AppendOutcome::Conflict { current })
            }
            Version::Known(current) => {
                if !self.make_room(frame.body.len()) {
                    return false;
                }
                let first_sequence = self.next_sequence;
                let mut frames = Frames::new(frame.body);
                let mut events = 0;
                while let (Some(open), Ok(Some(event))) = (&mut self.open, frames.next()) {
                    let offset = open.append_frame(&event, times);
                    self.batch.push(Batched { offset, position });
                    events += 1;
                }
                if !self.apply_decided() {
                    return false;
                }
                Ok(AppendOutcome::Appended {
                    first_sequence,
                    events,
                    version: current + u64::from(events),
                })
            }
        };
        let address = header.event_time_ms.cast_unsigned();
        self.commands
            .appenders
            .answer(address, header.source_lag, answered);
        true
    }

    /// Applies the events of one command or append, and counts them.
    fn apply_decided(&mut self) -> bool {
        if S::KEY_VERSIONS_MAX > 0
            && let Some(open) = &self.open
        {
            for event in &self.batch {
                self.versions.count(open.frame(event.offset).header.key);
            }
        }
        self.apply_batch(CutFrom::TheFirst)
    }

    /// Takes a record that waited for a command in front of it.
    fn take(&mut self, frame: &Frame<'_>, position: u64, times: FrameTimes) -> bool {
        let header = frame.header;
        if header.kind == KIND_MARKER {
            // What it marks has to be applied.
            return self.apply_batch(CutFrom::ThePanickedOne);
        }
        if !self.make_room(frame_bytes(frame.body.len())) {
            return false;
        }
        let Some(open) = &mut self.open else {
            return false;
        };
        if header.is_control() {
            self.sources.replay(frame);
            open.append_frame(frame, times);
        } else if self.sources.admit(header) {
            let offset = open.append_frame(frame, times);
            if S::KEY_VERSIONS_MAX > 0 {
                self.versions.count(header.key);
            }
            self.batch.push(Batched { offset, position });
        } else {
            self.gate.counters.duplicates.add(1);
        }
        true
    }

    /// Has room for `bytes` of frames in the open group, which it may hand over for that; `false` where
    /// that takes a buffer that has to come back first, or `apply` panicked.
    fn make_room(&mut self, bytes: usize) -> bool {
        match &self.open {
            None => return false,
            Some(open) if open.room() >= bytes => return true,
            Some(_) => {}
        }
        if !self.apply_batch(CutFrom::ThePanickedOne) {
            return false;
        }
        self.hand_over_if(true);
        self.open.as_ref().is_some_and(|open| open.room() >= bytes)
    }

    /// Tells the state of the commands among the next records.
    fn prefetch_staged(&mut self, staged: &Staged) {
        let Some(decider) = &mut self.commands.decider else {
            return;
        };
        let mut coming: ArrayVec<Frame<'_>, COMMANDS_AHEAD> = ArrayVec::new();
        let ahead = staged.records.iter().skip(staged.next).take(COMMANDS_AHEAD);
        for record in ahead {
            let frame = staged.frames.frame(record.offset);
            if frame.header.kind == KIND_COMMAND {
                coming.push(frame);
            }
        }
        decider.decides.prefetch(&self.state, &coming);
    }
}

/// Fills in the outcome of a command that was just decided. One that no group holds fails it.
fn record<S: State>(
    decides: &mut dyn Decides<S>,
    first_sequence: u64,
    events: &mut Events<S::Event>,
    outcome: &mut Vec<u8>,
) {
    outcome.extend_from_slice(decides.record(first_sequence, events));
    let bytes_max = events.bytes_max();
    if events.bytes() + frame_bytes(outcome.len()) > bytes_max {
        events.clear();
        let bytes_max = bytes_max as u64;
        decides.fail(CommandFailure::TooManyEvents { bytes_max });
        outcome.clear();
        outcome.extend_from_slice(decides.record(first_sequence, events));
    }
}

impl<S: State> CommandDesk<S> {
    /// What decides; made for the first command.
    fn take_decider(&mut self, partition: u32, group_bytes: usize) -> Option<Box<Decider<S>>> {
        if let Some(decider) = self.decider.take() {
            return Some(decider);
        }
        Some(Box::new(Decider {
            decides: self.commands.decides(partition)?,
            events: Events::new(partition, self.partitions, group_bytes),
            outcome: Vec::new(),
            counted: Counted::default(),
        }))
    }
}

impl Staged {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            frames: GroupBuffer::with_room(bytes),
            records: Vec::new(),
            next: 0,
            times: FrameTimes::default(),
        }
    }

    #[inline]
    fn has_records(&self) -> bool {
        self.next < self.records.len()
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.records.clear();
        self.next = 0;
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged")
            .field("records", &self.records.len())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
