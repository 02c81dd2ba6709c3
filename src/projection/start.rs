//! Starting a projection: from its checkpoint, or from where it is to begin.
#![forbid(unsafe_code)]

use super::checkpoint::{Files, Reached, Unusable, failed};
use super::input::{Begin, Input};
use super::model::{Durable, Handle, Shared, Status, Thread, wait_for_end};
use super::projector::{Projector, Stored, run};
use super::rebuild::remove_marks;
use super::settings::{Settings, StartAt};
use super::{Checkpoint, Projection, ProjectionError, ReadModel};
use crate::journal::{Directory, JournalReader, ReadError, is_cursor_name, read_mark, store_mark};
use crate::partition::Gate;
use crate::sync::{self, Arc};

/// Room for the endings of the names of files.
const NAME_BYTES_MAX: usize = 48;

/// How a pipeline ends a projection.
pub(crate) struct StopProjection {
    stop: Box<dyn Fn() + Send + Sync>,
    is_over: Box<dyn Fn() -> bool + Send + Sync>,
}

impl StopProjection {
    /// Ends it and waits for its thread.
    pub(crate) fn stop(&self) {
        (self.stop)();
    }

    /// Whether it has ended and nobody has a handle: there is nothing to stop.
    pub(crate) fn is_over(&self) -> bool {
        (self.is_over)()
    }
}

impl<P: Projection> ReadModel<P> {
    /// Folds the journal of `reader` into `fresh()`, or goes on from the checkpoint that is stored
    /// under `name`; beside a writer in another process, or with none at all. Within the process of
    /// the writer use [`Pipeline::project`](crate::Pipeline::project), which need not poll.
    ///
    /// `fresh` is called once, or twice where a checkpoint turns out to be of no use.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`].
    pub fn follow(
        reader: JournalReader,
        name: &str,
        settings: Settings,
        fresh: impl FnMut() -> P,
    ) -> Result<Self, ProjectionError> {
        let reader = Arc::new(reader);
        let durable = Durable::Journal(Arc::clone(&reader));
        Ok(start(reader, durable, name, settings, fresh)?.0)
    }
}

pub(super) fn is_name(name: &str) -> bool {
    is_cursor_name(name) && name.len() <= NAME_BYTES_MAX
}

/// A dot, so that no cursor of the user's is named so.
pub(super) fn mark_name(name: &str) -> String {
    format!("{name}.projection")
}

/// Starts a projection and its thread.
pub(super) fn start<P: Projection>(
    reader: Arc<JournalReader>,
    durable: Durable,
    name: &str,
    settings: Settings,
    mut fresh: impl FnMut() -> P,
) -> Result<(ReadModel<P>, StopProjection), ProjectionError> {
    if !is_name(name) {
        return Err(ProjectionError::Name(name.to_owned()));
    }
    let name: Arc<str> = name.into();
    let files = Files::new(
        Arc::clone(&reader.storage),
        reader.path(),
        Arc::clone(&name),
        reader.journal_id(),
    );
    let lock = files.take_lock()?;
    remove_marks(&reader, &name);
    let mut state = fresh();
    let loaded = files
        .load(reader.partitions(), &mut state)
        .map_err(failed("read", &files.checkpoint()))?;
    let mark_name = mark_name(&name);
    let loaded = match loaded {
        Some(Ok(reached)) => Some(check_marks(&reader, &mark_name, reached)?),
        Some(Err(unusable)) => Some(Err(unusable)),
        None => None,
    };
    let (inputs, places, is_rebuilding) = match loaded {
        Some(Ok(reached)) => (resume(&reader, &settings, &reached)?, reached, false),
        None => (begin(&reader, &durable, &settings)?, Vec::new(), false),
        Some(Err(unusable)) => {
            tracing::error!(name = &*name, %unusable, "a projection's checkpoint cannot be used: it is folded anew");
            state = fresh();
            let begun = anew(&reader, &durable, &settings);
            let inputs = begun.map_err(|rebuild| ProjectionError::Checkpoint {
                path: files.checkpoint(),
                reason: unusable.to_string(),
                rebuild,
            })?;
            // In front of every new mark.
            files
                .set_checkpoint_aside()
                .map_err(failed("set aside", &files.checkpoint()))?;
            (inputs, Vec::new(), true)
        }
    };
    let mut rebuilding_to = Vec::new();
    let mut marks = Vec::new();
    for input in &inputs {
        if is_rebuilding {
            rebuilding_to.push(durable.sequence(input.partition())?);
        }
        let (mark, _) = input.mark(&mark_name);
        let partition = input.partition();
        store_mark(
            &*reader.storage,
            &reader.partition_dir(partition),
            partition,
            reader.journal_id(),
            &mark,
        )?;
        marks.push(mark);
    }
    let reached: Vec<_> = inputs
        .iter()
        .map(|input| (input.sequence(), input.journal_time_ns()))
        .collect();
    let checkpoint = Checkpoint {
        sequences: places.iter().map(|place| place.sequence).collect(),
        failure: None,
    };
    let shared = Arc::new(Shared::new(
        Arc::clone(&name),
        state,
        durable,
        &reached,
        checkpoint,
    ));
    if is_rebuilding {
        shared.set_status(Status::Rebuilding);
    }
    let projector = Projector {
        shared: Arc::clone(&shared),
        reader,
        settings,
        files,
        inputs,
        beside: None,
        rebuilding_to,
        stored: Stored::new(places, marks),
        _lock: lock,
    };
    let runs = sync::spawn_named(format!("ringlog-{name}"), move || run(projector));
    let runs = runs.map_err(failed(
        "start the thread of a projection in",
        std::path::Path::new(&*name),
    ))?;
    let thread = Arc::new(Thread::default());
    *sync::lock(&thread.0) = Some(runs);
    let handle = Handle {
        shared: Arc::clone(&shared),
        thread: Arc::clone(&thread),
    };
    // Its own thread keeps it alive for as long as there is something to stop.
    let shared = Arc::downgrade(&shared);
    let looked_at = shared.clone();
    let stop = StopProjection {
        stop: Box::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.ask_to_stop();
                wait_for_end(&shared, &thread);
            }
        }),
        is_over: Box::new(move || looked_at.strong_count() == 0),
    };
    Ok((ReadModel::new(handle), stop))
}

/// Refuses a checkpoint whose mark a repair has set aside.
fn check_marks(
    reader: &JournalReader,
    mark_name: &str,
    reached: Vec<Reached>,
) -> Result<Result<Vec<Reached>, Unusable>, ReadError> {
    for (partition, place) in (0..).zip(&reached) {
        let mark = read_mark(
            &*reader.storage,
            &reader.partition_dir(partition),
            partition,
            reader.journal_id(),
            mark_name,
        )?;
        if mark.is_none_or(|mark| mark.sequence < place.sequence) {
            return Ok(Err(Unusable::Cut(partition)));
        }
    }
    Ok(Ok(reached))
}

fn resume(
    reader: &JournalReader,
    settings: &Settings,
    reached: &[Reached],
) -> Result<Vec<Input>, ReadError> {
    let begin = begin_of(&settings.start);
    (0..)
        .zip(reached)
        .map(|(partition, reached)| Input::from_checkpoint(reader, partition, reached, begin))
        .collect()
}

/// Inputs for a state without a checkpoint.
fn begin(
    reader: &JournalReader,
    durable: &Durable,
    settings: &Settings,
) -> Result<Vec<Input>, ProjectionError> {
    let partitions = reader.partitions();
    if let StartAt::Sequences(sequences) = &settings.start
        && (sequences.len() != partitions as usize || sequences.contains(&0))
    {
        return Err(ProjectionError::Sequences { partitions });
    }
    let begin = begin_of(&settings.start);
    let inputs = (0..partitions).map(|partition| {
        let origin = match &settings.start {
            StartAt::Beginning => 0,
            StartAt::Now => durable.last_sequence(partition)?,
            StartAt::Sequences(sequences) => sequences[partition as usize] - 1,
            StartAt::JournalTime(_) | StartAt::EventTime(_) => {
                reader.cursor(partition)?.earliest() - 1
            }
        };
        Ok(Input::from_origin(reader, partition, origin, begin)?)
    });
    inputs.collect()
}

/// Inputs for a state that had a checkpoint, which cannot be used.
fn anew(
    reader: &JournalReader,
    durable: &Durable,
    settings: &Settings,
) -> Result<Vec<Input>, String> {
    if settings.start == StartAt::Now {
        return Err("when it began is not known".to_owned());
    }
    begin(reader, durable, settings).map_err(|error| error.to_string())
}

fn begin_of(start: &StartAt) -> Begin {
    match start {
        StartAt::Beginning | StartAt::Now | StartAt::Sequences(_) => Begin::Begun,
        StartAt::JournalTime(time_ns) => Begin::AtJournalTime(*time_ns),
        StartAt::EventTime(time_ms) => Begin::AtEventTime(*time_ms),
    }
}

/// Starts a projection in the process of the writer.
pub(crate) fn start_beside<P: Projection>(
    directory: &Directory,
    gates: &Arc<[Arc<Gate>]>,
    name: &str,
    settings: Settings,
    fresh: impl FnMut() -> P,
) -> Result<(ReadModel<P>, StopProjection), ProjectionError> {
    let Some(first) = gates.first() else {
        return Err(ProjectionError::NoJournal);
    };
    let durable = Durable::Gates(Arc::clone(gates), Arc::clone(&first.followers));
    let reader = Arc::new(JournalReader::beside(directory));
    start(reader, durable, name, settings, fresh)
}
