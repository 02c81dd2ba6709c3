//! The projector: folds the journal into one read state, a step at a time, on a thread of its own.
#![forbid(unsafe_code)]

use std::time::Duration;

use super::checkpoint::{Files, Reached};
use super::input::{Folded, Input};
use super::model::{Durable, Shared, Status};
use super::rebuild::{Advance, Beside, refuse, remove_marks};
use super::settings::Settings;
use super::{Cause, Failure, Projection, RebuildError};
use crate::callback::{contain, panic_message};
use crate::clock::Moment;
use crate::journal::{JournalReader, Mark, ReadError, store_mark};
use crate::sync::{self, Arc};
use crate::watermark::Watermark;

/// Batches of each partition in a step.
const BATCHES_A_STEP: usize = 16;
/// How long until it is looked again whether a prepared checkpoint may get its name.
const PENDING_INTERVAL: Duration = Duration::from_millis(50);

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stepped {
    Progress,
    /// Nothing to do until the journal was looked at again.
    Idle,
    /// Nothing will follow.
    Ended,
}

/// Folds one journal into one read state.
pub(super) struct Projector<P: Projection> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) reader: Arc<JournalReader>,
    pub(super) settings: Settings,
    pub(super) files: Files,
    pub(super) inputs: Vec<Input>,
    pub(super) beside: Option<Beside<P>>,
    /// Up to where the state is a rebuilt one on its way; empty where it is not.
    pub(super) rebuilding_to: Vec<u64>,
    pub(super) stored: Stored,
    /// Held until the projector is dropped: nobody else has the name meanwhile.
    pub(super) _lock: Box<dyn std::fmt::Debug + Send + Sync>,
}

/// How far checkpoints are.
pub(super) struct Stored {
    /// The places of the last checkpoint that counts; empty where there is none.
    pub(super) places: Vec<Reached>,
    /// Prepared, but a power cut could still take events of it back.
    pending: Option<Pending>,
    /// Events that are in no checkpoint that counts.
    events_since: u64,
    /// The last attempt.
    since: Moment,
    has_failed: bool,
    /// What retention was told last.
    marks: Vec<Mark>,
}

impl Stored {
    pub(super) fn new(places: Vec<Reached>, marks: Vec<Mark>) -> Self {
        Self {
            places,
            pending: None,
            events_since: 0,
            since: Moment::now(),
            has_failed: false,
            marks,
        }
    }
}

struct Pending {
    places: Vec<Reached>,
    needs_groups: Vec<u64>,
    /// Of `events_since`, those that are in it.
    events: u64,
}

/// The projector's thread: steps until stopped or failed.
pub(super) fn run<P: Projection>(mut projector: Projector<P>) {
    let shared = Arc::clone(&projector.shared);
    let ran = contain(|| projector.run());
    if let Err(payload) = ran {
        let cause = Cause::Engine(panic_message(&*payload).into());
        projector.fail(0, 0, cause);
    }
    // The lock on the name goes first: who is told of the end may start anew.
    drop(projector);
    if !matches!(*sync::lock(&shared.status), Status::Failed(_)) {
        shared.set_status(Status::Stopped);
    }
    for applied in &shared.applied {
        applied.fail();
    }
    shared.ended.advance(1);
    // Behind the end: who asks for a rebuild from now on looks whether it has ended.
    refuse(&shared);
}

impl<P: Projection> Projector<P> {
    fn run(&mut self) {
        let mut looked = Moment::now();
        loop {
            match self.step() {
                Stepped::Progress => continue,
                Stepped::Ended => return,
                Stepped::Idle => {}
            }
            self.wait(looked);
            looked = Moment::now();
            self.look();
        }
    }

    /// Waits until there may be something to do; a busy journal is left alone for a while first.
    fn wait(&self, looked: Moment) {
        let shared = &*self.shared;
        let is_called = || shared.is_stopped() || sync::lock(&shared.request).is_some();
        let is_local = matches!(shared.durable, Durable::Gates(..));
        let is_urgent = || is_called() || (is_local && shared.is_waited_for());
        if let Some(left) = self.settings.look_interval.checked_sub(looked.elapsed()) {
            // Not the journalers' signal: each group would wake this thread.
            shared.called.wait_for(Some(left), is_urgent);
        }
        if let Durable::Gates(_, followers) = &shared.durable {
            let is_new = || self.is_behind() || self.hopeless().next().is_some();
            followers.wait_for(self.patience(), || is_called() || is_new());
        }
    }

    /// How long to wait for new events at most.
    fn patience(&self) -> Option<Duration> {
        if self.stored.pending.is_some() {
            return Some(PENDING_INTERVAL);
        }
        let interval = self.settings.checkpoint_interval;
        let left = interval.saturating_sub(self.stored.since.elapsed());
        (self.stored.events_since > 0).then_some(left)
    }

    /// Whether more is durable than was handled, as far as is known without looking.
    fn is_behind(&self) -> bool {
        let durable = &self.shared.durable;
        self.inputs.iter().any(|input| {
            let known = durable.known(input.partition());
            known.is_some_and(|known| known > input.sequence())
        })
    }

    /// Inputs that have everything that will ever be durable, and whose waiters do not know it yet.
    fn hopeless(&self) -> impl Iterator<Item = &Watermark> {
        let shared = &*self.shared;
        let inputs = self.inputs.iter().zip(&shared.applied);
        inputs.filter_map(|(input, applied)| {
            let (_, last) = shared.durable.poison(input.partition())?;
            let is_told = applied.check(u64::MAX).is_ready();
            (!is_told && input.sequence() >= last).then_some(applied)
        })
    }

    /// Looks again at how far the journal goes.
    fn look(&mut self) {
        for index in 0..self.inputs.len() {
            let input = &mut self.inputs[index];
            if let Err(cause) = input.look() {
                let (partition, sequence) = (input.partition(), input.sequence() + 1);
                self.fail(partition, sequence, cause);
                return;
            }
        }
    }

    /// Does what there is to do with what is known of the journal.
    fn step(&mut self) -> Stepped {
        if self.has_failed() {
            return Stepped::Ended;
        }
        if self.shared.is_stopped() {
            self.end();
            return Stepped::Ended;
        }
        self.take_request();
        let mut stepped = Stepped::Idle;
        for index in 0..self.inputs.len() {
            match self.fold(index) {
                Ok(0) => {}
                Ok(events) => {
                    self.stored.events_since += events;
                    stepped = Stepped::Progress;
                }
                Err(cause) => {
                    let input = &self.inputs[index];
                    self.fail(input.partition(), input.sequence() + 1, cause);
                    return Stepped::Ended;
                }
            }
        }
        for applied in self.hopeless() {
            applied.fail();
        }
        self.check_rebuilt();
        if self.step_beside() {
            stepped = Stepped::Progress;
        }
        if self.is_checkpoint_due() {
            self.checkpoint();
        }
        self.name_pending();
        stepped
    }

    /// Folds some events of one partition into the state; how many.
    fn fold(&mut self, index: usize) -> Result<u64, Cause> {
        let shared = &*self.shared;
        let input = &mut self.inputs[index];
        let mut events = 0;
        let outcome = loop {
            match input.fold(u64::MAX, || sync::write(&shared.state)) {
                Ok(Folded::Events(more)) => events += more,
                Ok(Folded::End) => break Ok(events),
                Err(cause) => break Err(cause),
            }
            tell(shared, input);
            if events >= (BATCHES_A_STEP * 64) as u64 {
                break Ok(events);
            }
        };
        // Those of a batch in front of the one that failed were applied, too.
        tell(shared, input);
        outcome
    }

    fn take_request(&mut self) {
        if self.beside.is_some() {
            return;
        }
        let request = sync::lock(&self.shared.request).take();
        let Some(request) = request else { return };
        self.beside = Beside::start(&self.reader, &self.shared.name, &self.inputs, request);
        if self.beside.is_some() {
            self.shared.set_status(Status::Rebuilding);
        }
    }

    /// One step of the rebuild, if one is under way; puts it in the old one's place when it is equal.
    fn step_beside(&mut self) -> bool {
        let Some(mut beside) = self.beside.take() else {
            return false;
        };
        let outcome = match beside.step(&self.shared.name, &self.inputs) {
            Ok(Advance::Progress) => {
                self.beside = Some(beside);
                return true;
            }
            Ok(Advance::Equal) => {
                // The old one is dropped when nobody waits for the lock.
                let old = std::mem::replace(&mut *sync::write(&self.shared.state), beside.state);
                drop(old);
                self.stored.pending = None;
                self.checkpoint();
                self.name_pending();
                Ok(())
            }
            Err(failure) => {
                tracing::error!(%failure, "a rebuild is given up; the old state goes on");
                Err(RebuildError::Failed(failure))
            }
        };
        remove_marks(&self.reader, &self.shared.name);
        let is_rebuilt = self.rebuilding_to.is_empty();
        self.shared.set_status(match is_rebuilt {
            true => Status::Running,
            false => Status::Rebuilding,
        });
        beside.ticket.settle(outcome);
        true
    }

    /// Says that the state which was folded anew from its beginning has arrived.
    fn check_rebuilt(&mut self) {
        let arrived = |(input, to): (&Input, &u64)| input.sequence() >= *to;
        let to = &self.rebuilding_to;
        if !to.is_empty() && self.inputs.iter().zip(to).all(arrived) {
            self.rebuilding_to = Vec::new();
            if self.beside.is_none() {
                self.shared.set_status(Status::Running);
            }
        }
    }

    fn is_checkpoint_due(&self) -> bool {
        let stored = &self.stored;
        // What failed is not tried again at every step.
        let is_full = !stored.has_failed && stored.events_since >= self.settings.checkpoint_events;
        let is_due = is_full
            || (stored.events_since > 0
                && stored.since.elapsed() >= self.settings.checkpoint_interval);
        is_due && stored.pending.is_none()
    }

    /// Writes a checkpoint under its temporary name.
    fn checkpoint(&mut self) {
        // Also where the state was replaced and nothing came since: a failure is tried again.
        self.stored.events_since = self.stored.events_since.max(1);
        self.stored.since = Moment::now();
        let (places, needs_groups): (Vec<_>, _) = self.inputs.iter().map(Input::reached).unzip();
        // Readers go on: nobody but this thread changes the state.
        let prepared = self
            .files
            .prepare(&places, &*sync::read(&self.shared.state));
        match prepared {
            Ok(()) => {
                self.stored.pending = Some(Pending {
                    places,
                    needs_groups,
                    events: self.stored.events_since,
                });
            }
            Err(error) => self.checkpoint_failed(&error),
        }
        if let Some(beside) = &mut self.beside {
            beside.store_marks(&self.reader);
        }
    }

    /// Has the prepared checkpoint count, if everything in it is synced.
    fn name_pending(&mut self) {
        let Some(pending) = &self.stored.pending else {
            return;
        };
        let is_synced = |(input, needs): (&Input, &u64)| input.witnessed_group() >= *needs;
        let needs = pending.needs_groups.iter();
        if !self.inputs.iter().zip(needs).all(is_synced) {
            return;
        }
        let Some(pending) = self.stored.pending.take() else {
            return;
        };
        if let Err(error) = self.name(pending) {
            self.checkpoint_failed(&error);
        }
    }

    /// A mark is never behind the checkpoint in its sequence, by which a repair tells whose events it
    /// cuts away; and never ahead of it in its place, by which retention tells what is needed.
    ///
    /// What fails is prepared anew when the interval has passed: its events still count as not stored.
    fn name(&mut self, pending: Pending) -> Result<(), ReadError> {
        for (index, place) in pending.places.iter().enumerate() {
            let mut mark = self.stored.marks[index].clone();
            mark.sequence = mark.sequence.max(place.sequence);
            self.store_mark(index, &mark)?;
        }
        self.files
            .name_prepared()
            .map_err(ReadError::io("name", &self.files.checkpoint()))?;
        let sequences = pending.places.iter().map(|place| place.sequence).collect();
        *sync::lock(&self.shared.checkpoint) = super::Checkpoint {
            sequences,
            failure: None,
        };
        for (index, place) in pending.places.iter().enumerate() {
            let mark = Mark {
                sequence: place.sequence,
                position: place.position,
                ..self.stored.marks[index].clone()
            };
            self.store_mark(index, &mark)?;
            self.stored.marks[index] = mark;
        }
        self.stored.places = pending.places;
        self.stored.events_since -= pending.events;
        self.stored.has_failed = false;
        Ok(())
    }

    fn store_mark(&self, index: usize, mark: &Mark) -> Result<(), ReadError> {
        let partition = self.inputs[index].partition();
        store_mark(
            &*self.reader.storage,
            &self.reader.partition_dir(partition),
            partition,
            self.reader.journal_id(),
            mark,
        )
    }

    fn checkpoint_failed(&mut self, error: &dyn std::fmt::Display) {
        self.stored.has_failed = true;
        let name = &*self.shared.name;
        tracing::error!(name, %error, "a projection's checkpoint cannot be stored");
        sync::lock(&self.shared.checkpoint).failure = Some(error.to_string().into());
    }

    /// The clean end: a checkpoint of where it stands, if a power cut can take none of it back.
    fn end(&mut self) {
        self.look();
        if self.has_failed() {
            return;
        }
        self.name_pending();
        let reached = self.inputs.iter().map(|input| input.reached().0);
        if !reached.eq(self.stored.places.iter().copied()) {
            self.checkpoint();
            self.name_pending();
        }
        self.give_up_rebuild();
    }

    fn give_up_rebuild(&mut self) {
        if let Some(beside) = self.beside.take() {
            beside.ticket.settle(Err(RebuildError::Stopped));
            remove_marks(&self.reader, &self.shared.name);
        }
    }

    fn has_failed(&self) -> bool {
        matches!(*sync::lock(&self.shared.status), Status::Failed(_))
    }

    fn fail(&mut self, partition: u32, sequence: u64, cause: Cause) {
        let failure = Failure {
            name: Arc::clone(&self.shared.name),
            partition,
            sequence,
            cause,
        };
        tracing::error!(%failure, "a projection stopped");
        self.shared.set_status(Status::Failed(failure));
        self.give_up_rebuild();
    }
}

/// Tells readers how far the state is.
fn tell<P>(shared: &Shared<P>, input: &Input) {
    let index = input.partition() as usize;
    if let (Some(applied), Some(time_ns)) = (
        shared.applied.get(index),
        shared.journal_times_ns.get(index),
    ) {
        time_ns.set(input.journal_time_ns());
        if applied.get() < input.sequence() {
            applied.advance(input.sequence());
        }
    }
}
