//! The partition itself: dedupe, number, append, apply, hand over. A machine that never blocks.
#![allow(unsafe_code, reason = "calls the trusted access")]

use super::commands::CommandDesk;
use super::exchange::{BUFFERS, Exchange};
use super::gate::Gate;
use super::mailbox::Mailbox;
use super::poison::Poison;
use crate::callback::{Callback, panic_message};
use crate::canary::{Canary, is_planted};
use crate::clock;
use crate::command::{KeyVersions, Outcomes};
use crate::event::{Coming, Event, State};
use crate::journal::format::{Frame, FrameHeader, KIND_APPEND, KIND_COMMAND, KIND_MARKER};
use crate::journal::{FrameTimes, GroupBuffer};
use crate::ring::{RingPoller, RingPublisher};
use crate::source::SourceTable;
use crate::sync::Arc;

/// Slots read in one step, or a quarter of a longer ring: enough to amortize a step, few enough that
/// the ring is freed early, and that a group waits no more than some ten microseconds for the rest of
/// its batch, or where a long ring is full, some hundred.
const BATCH_SLOTS: u64 = 512;
/// A poll that reads fewer slots than this right after another one looks too often.
const TRICKLE_SLOTS: u64 = 64;
/// What a slot's record takes in a group at most: its padding and header are within the slot.
const GROUP_BYTES_PER_SLOT: usize = 128;
/// A group with less room than this is handed over although the journal is busy.
const GROUP_ROOM_MIN: usize = 64 * GROUP_BYTES_PER_SLOT;

/// One partition, stepped by the thread that owns it.
pub(crate) struct Partition<S: State> {
    pub(super) gate: Arc<Gate>,
    mailbox: Arc<Mailbox<S>>,
    poller: RingPoller,
    sealer: RingPublisher,
    /// `None` without a journal: a group is settled as soon as it is applied.
    exchange: Option<Arc<Exchange>>,
    pub(super) state: S,
    pub(super) sources: SourceTable,
    pub(super) outcomes: Outcomes,
    pub(super) versions: KeyVersions,
    pub(super) commands: CommandDesk<S>,
    /// `None` while every buffer is at the journal: then nothing is read from the ring.
    pub(super) open: Option<GroupBuffer>,
    /// The pool: buffers that are neither open nor at the journal.
    spare: Vec<GroupBuffer>,
    /// Groups at the journal.
    in_flight: usize,
    /// The events of the current step.
    pub(super) batch: Vec<Batched>,
    pub(super) next_sequence: u64,
    /// The position of the last whole record that was handled.
    pub(super) position: u64,
    journal_time_ns: u64,
    /// How many slots the last two polls read, the last one first.
    last_polls: [u64; 2],
    pub(super) stage: Stage,
}

/// An event that was appended and is to be applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batched {
    /// Where its frame starts in the open group.
    pub(super) offset: usize,
    /// The ring position of its record.
    pub(super) position: u64,
}

/// What of a batch must be taken back where `apply` panicked for one of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutFrom {
    /// That event, and those behind it.
    ThePanickedOne,
    /// All of it: the events of one command happen together or not at all.
    TheFirst,
}

/// What one look at the ring came to.
#[derive(Debug, Default, Clone, Copy)]
struct Absorbed {
    slots: u64,
    emptied_ring: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Running,
    /// `apply` panicked: what precedes it is on its way to the journal.
    ApplyPanicked,
    /// Every slot of the ring is claimed; what was taken is on its way to the journal.
    Sealed,
    /// Poisoned, and every receipt answered.
    Poisoned,
    Finished,
}

/// What recovery knows that a partition goes on from.
#[derive(Debug)]
pub(crate) struct Resumed<S> {
    pub(crate) state: S,
    pub(crate) sources: SourceTable,
    pub(crate) outcomes: Outcomes,
    pub(crate) versions: KeyVersions,
    pub(crate) last_sequence: u64,
    pub(crate) journal_time_ns: u64,
}

impl<S: State> Resumed<S> {
    /// A partition without a history.
    pub(crate) fn fresh(state: S) -> Self {
        Self {
            state,
            sources: SourceTable::default(),
            outcomes: Outcomes::default(),
            versions: KeyVersions::new(S::KEY_VERSIONS_MAX),
            last_sequence: 0,
            journal_time_ns: 0,
        }
    }
}

impl<S: State> Partition<S> {
    pub(crate) fn new(
        gate: Arc<Gate>,
        mailbox: Arc<Mailbox<S>>,
        (sealer, poller): (RingPublisher, RingPoller),
        exchange: Option<Arc<Exchange>>,
        group_bytes: usize,
        commands: CommandDesk<S>,
        resumed: Resumed<S>,
    ) -> Self {
        let buffers = if exchange.is_some() { BUFFERS } else { 1 };
        let batch_slots = usize::try_from(Self::batch_slots(&poller)).unwrap_or_default();
        let mut spare: Vec<_> = (0..buffers)
            .map(|_| GroupBuffer::new(group_bytes))
            .collect();
        Self {
            gate,
            mailbox,
            poller,
            sealer,
            exchange,
            state: resumed.state,
            sources: resumed.sources,
            outcomes: resumed.outcomes,
            versions: resumed.versions,
            commands,
            open: spare.pop(),
            spare,
            in_flight: 0,
            batch: Vec::with_capacity(batch_slots),
            next_sequence: resumed.last_sequence + 1,
            position: 0,
            journal_time_ns: resumed.journal_time_ns,
            last_polls: [0; 2],
            stage: Stage::Running,
        }
    }

    /// Does what there is to do; `false` when there was nothing.
    pub(crate) fn step(&mut self) -> bool {
        let mut progress = self.collect_buffers();
        progress |= match self.stage {
            Stage::Running => self.run(),
            Stage::Sealed => self.end_when_settled(),
            Stage::ApplyPanicked => self.fail_when_committed(),
            Stage::Poisoned => self.end_when_asked(),
            Stage::Finished => false,
        };
        self.gate.run_wakers();
        progress
    }

    /// Whether every look at the ring finds something, but little: a stream that does not pause is
    /// read as fast as it comes.
    pub(crate) fn is_trickling(&self) -> bool {
        self.stage == Stage::Running
            && self
                .last_polls
                .iter()
                .all(|slots| (1..TRICKLE_SLOTS).contains(slots))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// The state and the last sequence applied to it.
    #[cfg(feature = "sim")]
    pub(crate) fn state(&self) -> (&S, u64) {
        (&self.state, self.next_sequence - 1)
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Whether a step would find something to do.
    pub(crate) fn is_ready(&self) -> bool {
        let buffer_came_back = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.has_empty());
        if buffer_came_back || self.gate.has_wakers_due() {
            return true;
        }
        match self.stage {
            Stage::Running => {
                let can_read = self.open.is_some()
                    && (self.commands.has_staged() || self.poller.has_records());
                can_read
                    || self.mailbox.is_due(self.position)
                    || self.gate.is_closing()
                    || self.gate.poison_cause().is_some()
            }
            Stage::Sealed => self.mailbox.has_visits() || self.gate.poison_cause().is_some(),
            Stage::ApplyPanicked => {
                self.mailbox.has_visits() || self.gate.receipt_poison().is_some()
            }
            Stage::Poisoned => self.mailbox.has_visits() || self.gate.is_closing(),
            Stage::Finished => false,
        }
    }

    fn run(&mut self) -> bool {
        if self.gate.poison_cause().is_some() {
            // The journal failed; its thread answers the receipts.
            self.stage = Stage::Poisoned;
            return true;
        }
        let absorbed = match self.commands.has_staged() {
            false => self.absorb(),
            true => Absorbed::default(),
        };
        self.last_polls = [absorbed.slots, self.last_polls[0]];
        if !self.apply_batch(CutFrom::ThePanickedOne) {
            return true;
        }
        let mut progress = absorbed.slots > 0;
        if self.commands.has_staged() {
            progress |= self.handle_staged();
            if self.stage != Stage::Running {
                return true;
            }
        }
        progress |= self.serve_visits();
        progress |= self.hand_over();
        let is_drained = absorbed.emptied_ring && !self.commands.has_staged();
        if is_drained && self.gate.is_closing() && self.seal() {
            self.stage = Stage::Sealed;
            progress = true;
        }
        progress
    }

    fn seal(&mut self) -> bool {
        self.sealer.try_seal() || is_planted(Canary::RingNotSealed)
    }

    fn collect_buffers(&mut self) -> bool {
        let Some(exchange) = &self.exchange else {
            return false;
        };
        let mut collected = false;
        while let Some(buffer) = exchange.take_empty() {
            self.spare.push(buffer);
            self.in_flight -= 1;
            collected = true;
        }
        if self.open.is_none() {
            self.open = self.spare.pop();
        }
        collected
    }

    /// Reads a batch from the ring into the open group: dedupe, number, append. Nothing of the
    /// user's runs here, because the ring's guard would mark unread slots as read in a panic.
    fn absorb(&mut self) -> Absorbed {
        let Some(open) = &mut self.open else {
            return Absorbed::default();
        };
        // Room for every slot that is read, and for the record that was begun in earlier polls.
        let taken = self.poller.partial_bytes() + GROUP_BYTES_PER_SLOT;
        let slots = (open.room().saturating_sub(taken) / GROUP_BYTES_PER_SLOT) as u64;
        let slots = slots.min(Self::batch_slots(&self.poller));
        let mut times = FrameTimes::default();
        let (journal_time_ns, sources, batch) = (
            &mut self.journal_time_ns,
            &mut self.sources,
            &mut self.batch,
        );
        let (versions, commands) = (&mut self.versions, &mut self.commands);
        let position = &mut self.position;
        let mut duplicates = 0;
        // From the first command on: it is user code that decides, and what follows comes behind it.
        let mut is_staging = false;
        let read = self.poller.poll(slots, |record_position, record| {
            let Ok((header, body)) = FrameHeader::read_record(record) else {
                debug_assert!(false, "publishers write whole records");
                return;
            };
            if times.journal_ns == 0 {
                times.journal_ns = clock::wall_ns().max(*journal_time_ns);
                times.event_ms = (times.journal_ns / 1_000_000).cast_signed();
                *journal_time_ns = times.journal_ns;
            }
            if header.is_control() || is_staging {
                is_staging |= matches!(header.kind, KIND_COMMAND | KIND_APPEND);
                if is_staging {
                    commands.stage(record, record_position, times, open.capacity());
                    return;
                }
                *position = record_position;
                if header.kind != KIND_MARKER {
                    let header = &header;
                    sources.replay(&Frame { header, body });
                    open.append_record(record, times);
                }
                return;
            }
            *position = record_position;
            if sources.admit(&header) {
                let offset = open.append_record(record, times);
                if S::KEY_VERSIONS_MAX > 0 {
                    versions.count(header.key);
                }
                batch.push(Batched {
                    offset,
                    position: record_position,
                });
            } else {
                duplicates += 1;
            }
        });
        if read > 0 && !is_planted(Canary::SpaceNotAnnounced) {
            self.gate.space.notify();
        }
        if duplicates > 0 {
            self.gate.counters.duplicates.add(duplicates);
        }
        Absorbed {
            slots: read,
            emptied_ring: read < slots,
        }
    }

    /// How many slots a poll reads at most. Each scans every slot that is published, also those that
    /// it leaves unread: so it takes its share of a long ring, or a full one would be scanned over and
    /// over.
    fn batch_slots(poller: &RingPoller) -> u64 {
        BATCH_SLOTS.max(poller.slots() / 4)
    }

    /// Shows the state to visitors whose marker, and with it everything published before they came,
    /// was read and applied.
    fn serve_visits(&mut self) -> bool {
        let position = match is_planted(Canary::VisitServedEarly) {
            true => u64::MAX - 1,
            false => self.position,
        };
        let is_due = self.mailbox.is_due(position);
        if is_due {
            self.mailbox
                .serve(position, &self.state, self.next_sequence - 1);
        }
        is_due
    }

    /// Applies the events of the batch; `false` when `apply` panicked.
    #[inline]
    pub(super) fn apply_batch(&mut self, cut_from: CutFrom) -> bool {
        self.batch.is_empty() || self.apply_events(cut_from)
    }

    fn apply_events(&mut self, cut_from: CutFrom) -> bool {
        let Some(open) = &mut self.open else {
            return true;
        };
        let (state, batch, gate) = (&mut self.state, &self.batch, &self.gate);
        let first_sequence = self.next_sequence;
        let mut next_sequence = first_sequence;
        let group = &*open;
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            let mut coming = Coming::new(gate.partition);
            for event in batch {
                let Frame { header, body } = group.frame(event.offset);
                // SAFETY: the publisher had `view` accept these bytes for this kind and version
                // before they entered the ring, which is written by nobody else; they were copied
                // unchanged to a 16-byte aligned place.
                let view = unsafe { S::Event::view_trusted(header.kind, header.version, body) };
                if coming.push(view, header) {
                    coming.apply(state, &mut next_sequence);
                }
            }
            coming.apply(state, &mut next_sequence);
        }));
        self.next_sequence = next_sequence;
        if let Err(payload) = outcome {
            // Cut before the event that panicked: it must never become durable, and its receipt,
            // as those behind it, must not settle with what precedes it.
            let panicked = next_sequence - first_sequence;
            let message = panic_message(&*payload);
            let (kept, message) = match cut_from {
                CutFrom::ThePanickedOne => (panicked, message),
                CutFrom::TheFirst => (
                    0,
                    format!("for event {} of a command: {message}", panicked + 1),
                ),
            };
            self.next_sequence = first_sequence + kept;
            let kept = usize::try_from(kept).unwrap_or(usize::MAX);
            let cut = self.batch.get(kept..).unwrap_or_default();
            if let Some(first) = cut.first()
                && !is_planted(Canary::PanickedEventSettles)
            {
                #[expect(clippy::cast_possible_truncation, reason = "a batch is small")]
                open.cut(first.offset, cut.len() as u32);
                self.position = first.position - 1;
            }
            self.batch.clear();
            self.stage = Stage::ApplyPanicked;
            self.gate.poison(Poison::ApplyPanicked {
                partition: self.gate.partition,
                sequence: self.next_sequence,
                message: message.into(),
            });
            return false;
        }
        self.batch.clear();
        self.gate
            .counters
            .applied_sequence
            .set(self.next_sequence - 1);
        true
    }

    /// Hands the open group to the journal when that is free, or when little more fits. Everything
    /// in the group has been applied.
    fn hand_over(&mut self) -> bool {
        let is_due = self.open.as_ref().is_some_and(|open| {
            let is_full = open.room() < self.poller.partial_bytes() + GROUP_ROOM_MIN;
            self.in_flight == 0 || is_full
        });
        self.hand_over_if(is_due)
    }

    /// As [`hand_over`](Self::hand_over), but says whether the time has come.
    pub(super) fn hand_over_if(&mut self, is_due: bool) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        open.settles_position = self.position;
        let Some(exchange) = &self.exchange else {
            open.clear();
            let settles = self.gate.settled.get() < self.position;
            if settles {
                self.gate.durable.advance(self.next_sequence - 1);
                self.gate.settled.advance(self.position);
            }
            return settles;
        };
        // What `apply` panicked for was cut before.
        open.extend_checksum();
        if open.is_empty() {
            // Only duplicates since the last group: they settle after their originals, which are
            // durable when nothing is at the journal: a group that failed never comes back. Nobody
            // else advances then.
            let is_durable = self.in_flight == 0 || is_planted(Canary::DuplicateSettlesFirst);
            let settles = is_durable && self.gate.settled.get() < self.position;
            if settles {
                self.gate.settled.advance(self.position);
            }
            return settles;
        }
        if !is_due {
            return false;
        }
        if let Some(group) = self.open.take() {
            exchange.hand_over(group);
            self.in_flight += 1;
        }
        self.open = self.spare.pop();
        true
    }

    /// Whether everything that was taken has been settled.
    fn is_settled(&self) -> bool {
        self.in_flight == 0 && self.open.as_ref().is_none_or(GroupBuffer::is_empty)
    }

    fn end_when_settled(&mut self) -> bool {
        if self.gate.poison_cause().is_some() {
            self.stage = Stage::Poisoned;
            return true;
        }
        self.mailbox
            .serve(u64::MAX, &self.state, self.next_sequence - 1);
        let progress = self.hand_over();
        if self.is_settled() {
            self.finish();
            return true;
        }
        progress
    }

    fn fail_when_committed(&mut self) -> bool {
        self.mailbox.turn_away();
        if self.gate.receipt_poison().is_some() {
            // The journal failed on the way, and its thread has answered the receipts.
            self.stage = Stage::Poisoned;
            return true;
        }
        let progress = self.hand_over();
        if self.is_settled() {
            if let Some(poison) = self.gate.poison_cause() {
                self.gate.fail_receipts(poison.clone());
            }
            self.stage = Stage::Poisoned;
            return true;
        }
        progress
    }

    fn end_when_asked(&mut self) -> bool {
        self.mailbox.turn_away();
        if self.gate.is_closing() {
            self.finish();
            return true;
        }
        false
    }

    /// Ends the partition: nothing is handed over and nothing is shown any more.
    pub(crate) fn finish(&mut self) {
        self.stage = Stage::Finished;
        if let Some(exchange) = &self.exchange {
            exchange.end();
        }
        self.mailbox.close();
        self.gate.finish_closing();
    }
}

impl<S: State> std::fmt::Debug for Partition<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition")
            .field("partition", &self.gate.partition)
            .field("next_sequence", &self.next_sequence)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
