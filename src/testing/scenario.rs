//! Given, when, then.
#![allow(
    clippy::missing_panics_doc,
    reason = "a check that does not hold panics, which is what it is for"
)]

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::EVENT_BYTES_MAX;
use crate::callback::panic_message;
use crate::command::{CommandFailure, Decider, Events};
use crate::event::{
    Archiver, Event, EventMeta, EventType, State, archive_event, record_archiver, view_checked,
};
use crate::journal::FrameTimes;
use crate::journal::format::{FrameHeader, NO_EVENT_TIME};

/// Bytes of events that a command may lead to: what the smallest groups hold.
const GROUP_BYTES: usize = 512 * 1024 - 4096;
/// The first of January 2026, when every event of a scenario happens.
const NOW_NS: u64 = 1_767_225_600_000_000_000;

/// A state, and what happened to it.
#[derive(Debug)]
pub struct Scenario<S> {
    state: S,
    next_sequence: u64,
    partition: u32,
    partitions: u32,
}

/// What came of a command.
#[derive(Debug)]
pub struct Decided<D: Decider> {
    scenario: Scenario<D>,
    outcome: Result<Result<D::Reply, D::Rejection>, CommandFailure>,
    events: Vec<Happened>,
}

/// An event as a journal would have it.
#[derive(Debug, Clone, PartialEq)]
struct Happened {
    name: &'static str,
    kind: u16,
    version: u16,
    key: u64,
    time_ms: Option<i64>,
    archive: Vec<u8>,
}

/// A state to which these events happened, in partition 0 and from sequence 1 on.
pub fn given<S: State>(state: S, events: impl IntoIterator<Item = S::Event>) -> Scenario<S> {
    let mut scenario = Scenario {
        state,
        next_sequence: 1,
        partition: 0,
        partitions: 1,
    };
    for event in events {
        let happened = Happened::of(&event);
        scenario.apply::<S::Event>(&happened);
    }
    scenario
}

impl<S: State> Scenario<S> {
    /// Has the commands decided in partition `partition` of as many, so that an event whose key belongs
    /// to another one fails its command.
    #[must_use]
    pub fn in_partition(mut self, partition: u32, partitions: u32) -> Self {
        (self.partition, self.partitions) = (partition, partitions);
        self
    }

    /// The state.
    pub fn state(&self) -> &S {
        &self.state
    }

    fn apply<E>(&mut self, happened: &Happened)
    where
        S: State<Event = E>,
        E: Event,
    {
        let mut archive = rkyv::util::AlignedVec::<16>::new();
        archive.extend_from_slice(&happened.archive);
        let view = S::Event::view(happened.kind, happened.version, &archive)
            .expect("an event is an archive of its type");
        let meta = EventMeta {
            partition: self.partition,
            sequence: self.next_sequence,
            journal_time_ns: NOW_NS,
            event_time_ms: happened
                .time_ms
                .unwrap_or((NOW_NS / 1_000_000).cast_signed()),
            key: happened.key,
            source: None,
        };
        self.state.apply(view, &meta);
        self.next_sequence += 1;
    }
}

impl<D: Decider> Scenario<D> {
    /// Has a command decided, and its events applied.
    #[must_use]
    pub fn when(mut self, command: &D::Command) -> Decided<D> {
        let mut archiver = Archiver::new(0, EVENT_BYTES_MAX);
        archiver
            .archive(command)
            .expect("the command can be archived");
        let archived = view_checked::<D::Command>(archiver.archived())
            .expect("the command's archive is one of its type");
        let mut events = Events::new(self.partition, self.partitions, GROUP_BYTES);
        events.start(FrameTimes {
            journal_ns: NOW_NS,
            event_ms: (NOW_NS / 1_000_000).cast_signed(),
        });
        let decide = AssertUnwindSafe(|| self.state.decide(archived, &mut events));
        let outcome = match catch_unwind(decide) {
            Ok(decided) => match (&decided, events.take_failure()) {
                (Ok(_), Some(failure)) => Err(failure),
                _ => Ok(decided),
            },
            Err(payload) => Err(CommandFailure::Panicked {
                message: panic_message(&*payload).into(),
            }),
        };
        let happened: Vec<_> = match &outcome {
            Ok(Ok(_)) => events
                .records()
                .map(Happened::of_record::<D::Event>)
                .collect(),
            _ => Vec::new(),
        };
        for event in &happened {
            self.apply::<D::Event>(event);
        }
        Decided {
            scenario: self,
            outcome,
            events: happened,
        }
    }
}

impl<D: Decider> Decided<D>
where
    D::Reply: Debug + PartialEq,
    D::Rejection: Debug + PartialEq,
{
    /// Checks that it was accepted, and led to exactly these events.
    #[track_caller]
    pub fn then_events(self, expected: impl IntoIterator<Item = D::Event>) -> Self {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|event| Happened::of(&event))
            .collect();
        assert!(
            matches!(self.outcome, Ok(Ok(_))),
            "the command was not accepted: {:?}",
            self.outcome
        );
        for (index, (happened, expected)) in self.events.iter().zip(&expected).enumerate() {
            assert_eq!(happened, expected, "the event at index {index} is another");
        }
        let names = |events: &[Happened]| events.iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(names(&self.events), names(&expected));
        self
    }

    /// Checks that it was accepted with this reply.
    #[track_caller]
    pub fn then_reply(self, expected: &D::Reply) -> Self {
        match &self.outcome {
            Ok(Ok(reply)) => assert_eq!(reply, expected),
            other => panic!("the command was not accepted: {other:?}"),
        }
        self
    }

    /// Checks that it was rejected so, and that nothing happened.
    #[track_caller]
    pub fn then_rejected(self, expected: &D::Rejection) -> Self {
        match &self.outcome {
            Ok(Err(rejection)) => assert_eq!(rejection, expected),
            other => panic!("the command was not rejected: {other:?}"),
        }
        self
    }

    /// Checks that it failed so, and that nothing happened.
    #[track_caller]
    pub fn then_failed(self, expected: &CommandFailure) -> Self {
        match &self.outcome {
            Err(failure) => assert_eq!(failure, expected),
            other => panic!("the command did not fail: {other:?}"),
        }
        self
    }

    /// Shows the state as it is now to `check`.
    pub fn then_state(self, check: impl FnOnce(&D)) -> Self {
        check(&self.scenario.state);
        self
    }

    /// The next command.
    #[must_use]
    pub fn when(self, command: &D::Command) -> Self {
        self.scenario.when(command)
    }
}

impl Happened {
    fn of<E: Event>(event: &E) -> Self {
        let mut archiver = record_archiver();
        archive_event(&mut archiver, event).expect("the event can be archived");
        Self::of_record::<E>(archiver.record(FrameHeader::RECORD_BYTES))
    }

    fn of_record<E: Event>(record: &[u8]) -> Self {
        let (header, archive) = FrameHeader::read_record(record).expect("it was just written");
        let is_type = |known: &&EventType| known.kind == header.kind;
        Self {
            name: E::TYPES.iter().find(is_type).map_or("?", |it| it.name),
            kind: header.kind,
            version: header.version,
            key: header.key,
            time_ms: (header.event_time_ms != NO_EVENT_TIME).then_some(header.event_time_ms),
            archive: archive.to_vec(),
        }
    }
}
