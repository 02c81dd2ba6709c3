//! A domain through crashes: the same commands on a pipeline that dies again and again.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;

use super::Random;
use super::past::Past;
use crate::client::{Client, CommandError, CommandSource, Pending};
use crate::command::{AppendOutcome, CommandFailure, Decider, Expected, Outcome, OutcomeOf};
use crate::journal::JournalReader;
use crate::sim::{Settings, Simulation};
use crate::snapshot::Retention;
use crate::storage::sim::SimDisk;

const SOURCE: &str = "crash-test";
/// Commands that may be pending at a time.
const PENDING_MAX: usize = 64;
/// How many of the commands that were answered are sent again after each opening.
const ASKED_AGAIN: u64 = 5;

/// Runs a domain with crashes, snapshots and reopenings where a seed says; see the
/// [module](crate::testing).
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is run"]
pub struct CrashTest {
    seed: u64,
    commands: u64,
    settings: Settings,
}

/// What happened in a [`CrashTest`]: for a test to check that something did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// Commands that were accepted.
    pub accepted: u64,
    /// Commands that were rejected.
    pub rejected: u64,
    /// Commands that failed: `decide` panicked, or what it made could not be taken.
    pub failed: u64,
    /// Commands that were answered with the outcome of an earlier life.
    pub repeated: u64,
    /// Deaths of the process and power cuts.
    pub crashes: u64,
    /// Snapshots that were asked for and taken.
    pub snapshots: u64,
    /// Events in the journal in the end.
    pub events: u64,
}

impl std::ops::AddAssign for CrashReport {
    /// What happened in several runs.
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.repeated += other.repeated;
        self.crashes += other.crashes;
        self.snapshots += other.snapshots;
        self.events += other.events;
    }
}

impl CrashTest {
    /// Forty commands, on small groups and segments; everything else comes from `seed`: how many
    /// partitions, whether snapshots retire segments, what happens when.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        let settings = Settings {
            partitions: 1 + u32::from(random.coin()),
            clock_jumps: random.coin(),
            first_segment_bytes: 8 * 1024,
            segment_bytes_max: 16 * 1024,
            // Only those that are asked for: what they retire has to be looked at before.
            snapshot_every: u64::MAX,
            retention: match random.coin() {
                true => Retention::FromOldestSnapshot { cursor_lag_max: 0 },
                false => Retention::Everything,
            },
            ..Settings::default()
        };
        Self {
            seed,
            commands: 40,
            settings,
        }
    }

    /// Sends so many commands.
    pub fn commands(mut self, commands: u64) -> Self {
        self.commands = commands;
        self
    }

    /// Uses these settings instead of those that the seed chose.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Runs it. `fresh` makes a partition's state before its first event, `command` makes up a command,
    /// `check` looks at each state whenever the journal was opened, and at the end.
    ///
    /// Half of the commands have an id, and are sent again after a crash until they are answered, in
    /// order; the others are sent once.
    ///
    /// # Panics
    ///
    /// Where a promise does not hold, with the seed: a state that is not the plain fold of its events; an
    /// acknowledged event that is lost or changed; a command that is answered differently when it is
    /// sent again, or whose events are another's, too. And where `check` panics.
    pub fn run<D>(
        &self,
        fresh: impl Fn(u32) -> D + Clone + Send + 'static,
        mut command: impl FnMut(&mut Random) -> D::Command,
        mut check: impl FnMut(&D),
    ) -> CrashReport
    where
        D: Decider + PartialEq + Debug,
        D::Reply: Debug,
        D::Rejection: Debug,
    {
        let run = std::panic::AssertUnwindSafe(|| self.run_it(fresh, &mut command, &mut check));
        std::panic::catch_unwind(run).unwrap_or_else(|payload| {
            // The panic's own text was printed already.
            eprintln!("it comes again with CrashTest::new({})", self.seed);
            std::panic::resume_unwind(payload)
        })
    }

    fn run_it<D>(
        &self,
        fresh: impl Fn(u32) -> D + Clone + Send + 'static,
        command: &mut impl FnMut(&mut Random) -> D::Command,
        check: &mut impl FnMut(&D),
    ) -> CrashReport
    where
        D: Decider + PartialEq + Debug,
        D::Reply: Debug,
        D::Rejection: Debug,
    {
        let mut random = Random::new(self.seed);
        let mut settings = self.settings.clone();
        if D::SNAPSHOT_VERSION == 0 {
            settings.retention = Retention::Everything;
        }
        let disk = SimDisk::new(random.number());
        let life = Life::open(&disk, &settings, random.number(), fresh.clone());
        let mut run = Run::new(life, disk, settings);
        // With an id each, so that every event must be accounted for, or half of them without.
        let all_have_ids = random.coin();
        let mut sent = 0;
        while sent < self.commands {
            match random.below(12) {
                0..=5 => {
                    sent += 1;
                    let has_id = all_have_ids || random.coin();
                    run.send(sent, command(&mut random), has_id);
                }
                6..=9 => {
                    run.life.simulation.step();
                }
                10 if random.below(6) == 0 => run.snapshot(),
                11 if random.below(8) == 0 => {
                    run.crash(&mut random, &fresh, check);
                }
                _ => run.look(),
            }
        }
        run.settle();
        run.crash(&mut random, &fresh, check);
        run.settle();
        assert!(
            run.unanswered.is_empty(),
            "every command is answered in the end"
        );
        run.close(&mut random, &fresh);
        run.compare(&fresh, check);
        run.account();
        run.report
    }
}

/// One process.
struct Life<D: Decider> {
    /// Those with an id, then those without.
    pending: Vec<(Option<u64>, Pending<'static, OutcomeOf<D>>)>,
    source: Option<CommandSource<D>>,
    client: Client<D>,
    simulation: Simulation<D>,
}

struct Run<D: Decider> {
    life: Life<D>,
    disk: SimDisk,
    settings: Settings,
    pasts: Vec<Past>,
    /// The last sequence of each partition that was acknowledged.
    acknowledged: Vec<u64>,
    /// The commands with an id that have no answer yet.
    unanswered: BTreeMap<u64, D::Command>,
    /// What the others were answered, and the command to ask again with.
    answered: BTreeMap<u64, (String, D::Command)>,
    /// Where the events of each answered command end, by partition and where they begin.
    claimed: BTreeMap<(u32, u64), u64>,
    /// Commands without an id whose answer a crash took.
    lost: u64,
    report: CrashReport,
}

impl<D: Decider> Life<D> {
    fn open(
        disk: &SimDisk,
        settings: &Settings,
        seed: u64,
        fresh: impl Fn(u32) -> D + Send + 'static,
    ) -> Self {
        let mut simulation = Simulation::open(disk, settings.clone(), seed, fresh)
            .expect("a journal opens after every crash");
        let source = simulation
            .command_source(SOURCE)
            .expect("nobody else has it");
        let client = simulation.client(PENDING_MAX).expect("there is one client");
        Self {
            pending: Vec::new(),
            source: Some(source),
            client,
            simulation,
        }
    }

    /// Sends a command; where there is no room, makes some.
    fn send(&mut self, id: Option<u64>, command: &D::Command) {
        loop {
            let sent = match (id, &self.source) {
                (Some(number), Some(source)) => source.try_send(number, command),
                _ => self.client.try_send(command),
            };
            match sent {
                Ok(pending) => {
                    let pending = pending.detach();
                    self.pending.push((id, pending));
                    return;
                }
                Err(error) => assert!(error.is_full(), "{error}"),
            }
            self.simulation.run_until_idle();
        }
    }
}

impl<D> Run<D>
where
    D: Decider + PartialEq + Debug,
    D::Reply: Debug,
    D::Rejection: Debug,
{
    fn new(life: Life<D>, disk: SimDisk, settings: Settings) -> Self {
        let partitions = settings.partitions as usize;
        Self {
            life,
            disk,
            settings,
            pasts: std::iter::repeat_with(Past::default)
                .take(partitions)
                .collect(),
            acknowledged: vec![0; partitions],
            unanswered: BTreeMap::new(),
            answered: BTreeMap::new(),
            claimed: BTreeMap::new(),
            lost: 0,
            report: CrashReport::default(),
        }
    }

    fn send(&mut self, number: u64, command: D::Command, has_id: bool) {
        if self.life.pending.len() >= PENDING_MAX {
            self.settle();
        }
        self.life.send(has_id.then_some(number), &command);
        if has_id {
            self.unanswered.insert(number, command);
        }
    }

    /// Takes the answers that are there.
    fn look(&mut self) {
        let pending = std::mem::take(&mut self.life.pending);
        for (id, mut pending) in pending {
            match pending.try_take() {
                None => self.life.pending.push((id, pending)),
                Some(outcome) => self.answered(id, pending.partition(), outcome),
            }
        }
    }

    fn answered(
        &mut self,
        id: Option<u64>,
        partition: u32,
        outcome: Result<OutcomeOf<D>, CommandError>,
    ) {
        let is_new = id.is_none_or(|number| self.unanswered.contains_key(&number));
        let report = &mut self.report;
        let (text, is_repeated) = match outcome {
            Ok(Outcome::Accepted(answered)) => {
                let sequences = answered.sequences();
                if is_new {
                    report.accepted += 1;
                    let acknowledged = &mut self.acknowledged[partition as usize];
                    *acknowledged = (sequences.end - 1).max(*acknowledged);
                    claim(&mut self.claimed, partition, sequences.clone());
                }
                let text = format!("accepted {:?} {sequences:?}", answered.reply);
                (text, answered.is_repeated)
            }
            Ok(Outcome::Rejected(answered)) => {
                report.rejected += u64::from(is_new);
                let text = format!("rejected {:?}", answered.reply);
                (text, answered.is_repeated)
            }
            Err(CommandError::Failed(failure)) => {
                report.failed += u64::from(is_new);
                (format!("failed {failure:?}"), false)
            }
            Err(error) => panic!("command {id:?} has no outcome: {error}"),
        };
        report.repeated += u64::from(is_repeated);
        let Some(number) = id else { return };
        if let Some(command) = self.unanswered.remove(&number) {
            self.answered.insert(number, (text, command));
        } else if let Some((before, _)) = self.answered.get(&number) {
            assert_eq!(
                *before, text,
                "command {number} was answered otherwise before"
            );
        }
    }

    /// Lets everything come to rest, and takes all answers.
    fn settle(&mut self) {
        self.life.simulation.run_until_idle();
        self.look();
        assert!(
            self.life.pending.is_empty(),
            "nothing is pending once nothing moves: {:?}",
            self.life.simulation.poisons()
        );
    }

    fn snapshot(&mut self) {
        if D::SNAPSHOT_VERSION > 0 {
            // What it makes superfluous is gone afterwards.
            self.read_pasts();
            self.life
                .simulation
                .snapshot()
                .expect("a snapshot can be taken");
            self.report.snapshots += 1;
        }
    }

    /// The process dies or the power fails; the next life sends again what has no answer.
    fn crash(
        &mut self,
        random: &mut Random,
        fresh: &(impl Fn(u32) -> D + Clone + Send + 'static),
        check: &mut impl FnMut(&D),
    ) {
        self.report.crashes += 1;
        // What was answered before the crash counts, whether it was looked at or not.
        if random.coin() {
            self.look();
        }
        let without_id = self.life.pending.iter().filter(|(id, _)| id.is_none());
        self.lost += without_id.count() as u64;
        self.life.pending.clear();
        self.disk = match random.coin() {
            true => self.disk.kill(),
            false => self.disk.power_cut(),
        };
        self.life = Life::open(&self.disk, &self.settings, random.number(), fresh.clone());
        self.compare(fresh, check);
        for (number, (_, command)) in &self.answered {
            if random.below(self.answered.len() as u64) < ASKED_AGAIN {
                self.life.send(Some(*number), command);
            }
        }
        for (number, command) in &self.unanswered {
            self.life.send(Some(*number), command);
        }
    }

    /// Compares every state with the plain fold of everything that its journal ever had.
    fn compare(&mut self, fresh: &impl Fn(u32) -> D, check: &mut impl FnMut(&D)) {
        self.read_pasts();
        self.report.events = 0;
        for (partition, past) in (0..).zip(&self.pasts) {
            let state = self.life.simulation.state(partition);
            let folded = past.fold(fresh(partition));
            assert_eq!(
                *state, folded,
                "the state of partition {partition} is the fold"
            );
            check(state);
            self.report.events += past.events();
        }
        if D::KEY_VERSIONS_MAX > 0 {
            self.compare_versions();
        }
    }

    /// Compares the versions of keys with how many events they have.
    fn compare_versions(&mut self) {
        let appender = self.life.simulation.appender().expect("there is one");
        for past in &self.pasts {
            let versions = past.versions();
            let are_all_counted = versions.len() < D::KEY_VERSIONS_MAX;
            for (key, version) in versions {
                // Nothing is appended: it only asks.
                let nothing: [D::Event; 0] = [];
                let asked = appender.try_append(key, Expected::Version(version), nothing);
                let mut asked = asked.expect("nothing else is under way");
                self.life.simulation.run_until_idle();
                match asked.try_take().expect("it is answered") {
                    Ok(AppendOutcome::Appended { version: now, .. }) => assert_eq!(now, version),
                    Err(CommandError::Failed(CommandFailure::TooManyKeys { .. })) => {
                        assert!(
                            !are_all_counted,
                            "key {key} is among those that are counted"
                        );
                    }
                    other => panic!("key {key} has {version} events, and {other:?}"),
                }
            }
        }
    }

    fn read_pasts(&mut self) {
        let reader = JournalReader::open_in(self.disk.clone(), &self.settings.path)
            .expect("the journal is there");
        for (partition, past) in (0..).zip(&mut self.pasts) {
            let acknowledged = self.acknowledged[partition as usize];
            past.read(&reader, partition, acknowledged);
        }
    }

    /// Closes in good order, and opens again.
    fn close(&mut self, random: &mut Random, fresh: &(impl Fn(u32) -> D + Clone + Send + 'static)) {
        self.life.source = None;
        // Everything is acknowledged, so a life that waits for a command to open has none to lose.
        self.life.simulation.start_closing();
        let mut steps = 0;
        while !self.life.simulation.is_finished() {
            self.life.simulation.step();
            steps += 1;
            assert!(steps < 1_000_000, "the pipeline does not close");
        }
        self.disk = self.disk.kill();
        self.life = Life::open(&self.disk, &self.settings, random.number(), fresh.clone());
    }

    /// Checks that every event came of an answered command, where all of those are known.
    fn account(&self) {
        let claimed = self.claimed.iter().map(|((_, first), end)| end - first);
        let claimed: u64 = claimed.sum();
        assert!(claimed <= self.report.events, "claimed events are there");
        assert!(
            self.lost > 0 || claimed == self.report.events,
            "{} events came of commands that led to {claimed}",
            self.report.events
        );
    }
}

/// Remembers that these events came of one command, and of no other.
fn claim(claimed: &mut BTreeMap<(u32, u64), u64>, partition: u32, sequences: Range<u64>) {
    if sequences.is_empty() {
        return;
    }
    let before = claimed.range(..(partition, sequences.end)).next_back();
    if let Some(((of, first), end)) = before {
        assert!(
            *of != partition || *end <= sequences.start,
            "events {sequences:?} of partition {partition} came of the command that led to \
             {first}..{end}, too"
        );
    }
    claimed.insert((partition, sequences.start), sequences.end);
}
