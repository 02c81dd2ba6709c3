//! A simulated disk, a pipeline on it, and the model of what must be there, across crashes.

use ringlog::journal::{JournalReader, ReadError};
use ringlog::sim::{Settings, Simulation};
use ringlog::snapshot::SnapshotError;
use ringlog::storage::sim::SimDisk;
use ringlog::{OpenError, Poison};

use super::inspect;
use super::model::{After, Chain, Expected};
use super::session::{Published, Session};
use crate::random::Random;

/// Where the journal is: so deep that creating it can stop between two of the directories above.
pub(crate) const JOURNAL: &str = "/above/data/journal";

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) settings: Settings,
    pub(crate) model: Vec<Expected>,
    pub(crate) random: Random,
    after: After,
    errors: Option<Vec<i32>>,
    /// What a poison's stage must begin with.
    stages: Option<&'static [&'static str]>,
    loses_pages: bool,
    is_limited: bool,
    /// Whether snapshots are taken at random moments.
    pub(crate) takes_snapshots: bool,
    /// Somebody damaged snapshots, and nothing else.
    pub(crate) has_bad_snapshots: bool,
    /// How many openings there are for each that readers look at.
    pub(crate) one_inspected_in: u64,
    /// Why the last opening that was refused was.
    pub(crate) refusal: Option<Refusal>,
    /// Partitions that were opened from a snapshot.
    pub(crate) from_snapshot: u64,
}

/// Why an opening was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Corruption,
    NoUsableSnapshot,
    Other,
}

impl Refusal {
    fn of(error: &OpenError) -> Self {
        match error {
            OpenError::Journal(error) if error.is_corruption() => Self::Corruption,
            OpenError::NoUsableSnapshot { .. } => Self::NoUsableSnapshot,
            _ => Self::Other,
        }
    }
}

/// How a life of the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Kill,
    PowerCut,
}

impl World {
    pub(crate) fn new(seed: u64, settings: Settings) -> Self {
        let mut random = Random::new(seed);
        Self {
            disk: SimDisk::new(random.number()),
            model: vec![Expected::default(); settings.partitions as usize],
            settings,
            random,
            after: After::Kill,
            errors: None,
            stages: None,
            loses_pages: false,
            is_limited: false,
            takes_snapshots: false,
            has_bad_snapshots: false,
            one_inspected_in: 1,
            refusal: None,
            from_snapshot: 0,
        }
    }

    /// A world in which the same things happen whatever the disk's seed.
    pub(crate) fn with_seeds(seed: u64, disk_seed: u64, settings: Settings) -> Self {
        Self {
            disk: SimDisk::new(disk_seed),
            ..Self::new(seed, settings)
        }
    }

    /// From now on a poison must have one of these errors of the operating system.
    pub(crate) fn expects_errors(&mut self, errors: Vec<i32>) {
        self.errors = Some(errors);
    }

    /// From now on a poison must be of one of these stages.
    pub(crate) fn expects_stages(&mut self, stages: &'static [&'static str]) {
        self.stages = Some(stages);
    }

    fn check_poisons(&self, session: &Session) -> Result<(), String> {
        for poison in session.poisons() {
            let error = poison.io_error().and_then(std::io::Error::raw_os_error);
            let is_expected = match (&self.errors, error) {
                (Some(errors), Some(error)) => errors.contains(&error),
                (None, Some(_)) => true,
                (_, None) => false,
            };
            let is_stage = match (self.stages, &poison) {
                (None, _) => true,
                (Some(stages), Poison::Journal { stage, .. }) => {
                    stages.iter().any(|begin| stage.starts_with(begin))
                }
                (Some(_), _) => false,
            };
            if !is_expected || !is_stage {
                return Err(format!("a poison that nobody injected: {poison}"));
            }
        }
        Ok(())
    }

    /// Opens, and compares what was recovered with the model. `None` where a fault kept it from
    /// opening.
    pub(crate) fn try_open(&mut self) -> Result<Option<Session>, String> {
        let seed = self.random.number();
        let struck_before = self.disk.faults_struck();
        let opened = Simulation::open(&self.disk, self.settings.clone(), seed, |_| {
            Chain::default()
        });
        let simulation = match opened {
            Ok(simulation) => simulation,
            Err(OpenError::Journal(error))
                if error.is_corruption()
                    && self.after != After::Damage
                    && !self.has_bad_snapshots =>
            {
                return Err(format!("corruption where there is none: {error}"));
            }
            Err(error) => {
                self.refusal = Some(Refusal::of(&error));
                return Ok(None);
            }
        };
        let after = match self.after {
            After::Kill if self.loses_pages => After::PowerCut,
            after => after,
        };
        for (partition, expected) in (0..).zip(&mut self.model) {
            expected
                .recover(simulation.state(partition), after)
                .map_err(|difference| format!("partition {partition}: {difference}"))?;
        }
        for start in &simulation.start_report().partitions {
            self.from_snapshot += u64::from(start.snapshot_sequence.is_some());
        }
        if self.after != After::Damage {
            self.after = After::Kill;
            inspect::snapshots_hold_no_more(self)?;
        }
        Ok(Some(Session::new(
            simulation,
            &self.settings,
            struck_before,
        )))
    }

    /// No fault strikes any more.
    pub(crate) fn mend(&mut self) {
        self.disk.clear_faults();
        self.limit(None);
    }

    /// The disk has room for this many bytes.
    pub(crate) fn limit(&mut self, bytes: Option<u64>) {
        self.is_limited = bytes.is_some();
        self.disk.set_capacity(bytes);
    }

    /// Opens on a mended disk.
    pub(crate) fn open(&mut self) -> Result<Session, String> {
        self.mend();
        self.verify()?;
        let seed = self.random.clone().number();
        if let Some(session) = self.try_open()? {
            if self.random.below(self.one_inspected_in) == 0 {
                inspect::journal(self)?;
            }
            return Ok(session);
        }
        let opened = Simulation::open(&self.disk, self.settings.clone(), seed, |_| {
            Chain::default()
        });
        let error = opened.err().map_or_else(
            || "the second time it does".to_owned(),
            |error| error.to_string(),
        );
        Err(format!("a mended disk does not open: {error}"))
    }

    /// Reads everything that is there, also what an opening behind a snapshot does not look at.
    fn verify(&self) -> Result<(), String> {
        let reader = JournalReader::open_in(self.disk.clone(), &self.settings.path);
        let is_damaged = self.after == After::Damage || self.has_bad_snapshots;
        let (Ok(reader), false) = (reader, is_damaged) else {
            // Not there yet, or nobody knows what is left of it.
            return Ok(());
        };
        let report = reader
            .verify(|_| Ok(()))
            .map_err(|error| error.to_string())?;
        for check in report.partitions {
            if let Some(error) = check.error {
                return Err(format!("verifying: {error}"));
            }
            if let Some(damaged) = check.damaged_snapshots.first() {
                return Err(format!("verifying: a damaged snapshot, {damaged}"));
            }
        }
        Ok(())
    }

    /// Opens on a mended disk, is cut off, and opens again: nothing changes.
    pub(crate) fn open_twice(&mut self) -> Result<Session, String> {
        let session = self.open()?;
        let counts: Vec<_> = self.model.iter().map(Expected::taken).collect();
        let end = match self.random.below(3) {
            0 => End::Close,
            1 => End::Kill,
            _ => End::PowerCut,
        };
        self.end(session, end)?;
        let session = self.open()?;
        let again: Vec<_> = self.model.iter().map(Expected::taken).collect();
        match counts == again {
            true => Ok(session),
            false => Err(format!("opened twice: {counts:?} events, then {again:?}")),
        }
    }

    /// Publishes and steps, `turns` times or until the poison comes.
    pub(crate) fn run(&mut self, session: &mut Session, turns: u64) -> Result<(), String> {
        let from_source = self.random.below(3);
        for _ in 0..turns {
            let published = match self.random.below(4) < from_source {
                true => session.publish_next_number(&mut self.model, &mut self.random)?,
                false => session.publish(&mut self.model, &mut self.random)?,
            };
            match published {
                Published::Poisoned => break,
                Published::Full => session.simulation().run_until_idle(),
                Published::Taken => {}
            }
            for _ in 0..self.random.below(12) {
                session.simulation().step();
            }
            if self.random.below(16) == 0 {
                session.simulation().run_until_idle();
            }
            if self.takes_snapshots && self.random.below(10) == 0 {
                self.snapshot(session)?;
            }
        }
        self.check_poisons(session)?;
        session.collect(&mut self.model)
    }

    /// Takes a snapshot of every partition: what is in it survives whatever comes.
    pub(crate) fn snapshot(&mut self, session: &mut Session) -> Result<(), String> {
        let taken = session.simulation().snapshot();
        let is_faulty = self.disk.faults_struck() > session.struck_before;
        match taken {
            Ok(reports) => {
                for (report, expected) in reports.iter().zip(&mut self.model) {
                    let events = report.sequence as usize;
                    if events > expected.taken() {
                        return Err(format!("a snapshot of what was never taken: {report:?}"));
                    }
                    expected.durable = expected.durable.max(events);
                }
                Ok(())
            }
            Err(_) if self.after == After::Damage => Ok(()),
            Err(SnapshotError::Journal(error)) if error.is_corruption() => Err(format!(
                "a snapshot meets corruption where there is none: {error}"
            )),
            Err(SnapshotError::Poisoned(_)) => Ok(()),
            Err(
                SnapshotError::Io { .. }
                | SnapshotError::State { .. }
                | SnapshotError::Journal(ReadError::Io { .. }),
            ) if is_faulty || self.is_limited => Ok(()),
            Err(error) => Err(format!("no snapshot, for no reason: {error}")),
        }
    }

    /// Ends the life of the session's process.
    pub(crate) fn end(&mut self, mut session: Session, end: End) -> Result<(), String> {
        session.collect(&mut self.model)?;
        match end {
            End::Close => {
                session.close(&mut self.model)?;
            }
            End::Kill | End::PowerCut => drop(session),
        }
        self.cut_off(end);
        Ok(())
    }

    /// The process or the machine stops, with nothing open.
    pub(crate) fn cut_off(&mut self, end: End) {
        match end {
            // A close that a fault interrupted, too, ends with the process.
            End::Close | End::Kill => self.disk = self.disk.kill(),
            End::PowerCut => {
                self.disk = self.disk.power_cut();
                self.power_was_cut();
            }
        }
    }

    /// The caller cut the power.
    pub(crate) fn power_was_cut(&mut self) {
        if self.after == After::Kill {
            self.after = After::PowerCut;
        }
    }

    /// From now on the device may have other bytes than were written.
    pub(crate) fn is_damaged(&mut self) {
        self.after = After::Damage;
    }

    /// From now on pages may be lost although only the process died: a sync failed and forgot
    /// them. That is as a power cut for what was only handed to the kernel.
    pub(crate) fn loses_pages(&mut self, loses_pages: bool) {
        if self.loses_pages {
            // What is lost already shows at the next opening.
            self.power_was_cut();
        }
        self.loses_pages = loses_pages;
    }
}
