//! Planning: what is wrong with each partition, and what would mend it. Writes nothing.

use std::path::Path;

use super::copy::Copy;
use super::cut::{Cut, aside_name};
use super::error::Loss;
use super::plan::{PartitionPlan, RepairPlan, RepairStep, Work};
use crate::journal::control::{ControlRead, ControlWord};
use crate::journal::directory::{QUARANTINE_DIR, partition_dir};
use crate::journal::error::{Corruption, ReadError};
use crate::journal::format::{GroupHeader, Metadata, segment_file_name};
use crate::journal::history::{History, Step};
use crate::journal::marks::{MARK_SUFFIX, read_mark};
use crate::journal::open::torn_file_name;
use crate::journal::snapshots::list_snapshots;
use crate::snapshot;
use crate::storage::{OpenMode, Storage};
use crate::sync::Arc;

/// Plans the repair of every partition of the journal in `root`.
pub(super) fn survey(
    storage: &Arc<dyn Storage>,
    root: &Path,
    metadata: &Metadata,
) -> Result<RepairPlan, ReadError> {
    let partitions = (0..metadata.partitions)
        .map(|partition| survey_partition(storage, root, metadata, partition))
        .collect::<Result<_, _>>()?;
    Ok(RepairPlan { partitions })
}

/// The sound groups from the first one on.
#[derive(Debug, Default, Clone, Copy)]
struct Sound {
    last_group: u64,
    last_sequence: u64,
    /// Where the last one ends in its segment.
    end: u64,
}

impl Sound {
    /// What precedes the history's start: nothing, or what is retired or in a snapshot.
    fn before(history: &History) -> Self {
        let start = history.reached();
        Self {
            last_group: start.group,
            last_sequence: start.sequence,
            end: start.byte,
        }
    }
}

/// Sound groups at the end that no witness covers.
#[derive(Debug, Default)]
struct Tail {
    first: Option<GroupHeader>,
    events: u64,
    /// Groups without frames alone are not kept: their numbers are given again.
    holds_frames: bool,
    /// What precedes them.
    before: Sound,
}

fn survey_partition(
    storage: &Arc<dyn Storage>,
    root: &Path,
    metadata: &Metadata,
    partition: u32,
) -> Result<PartitionPlan, ReadError> {
    let folder = partition_dir(root, partition);
    let mut plan = PartitionPlan {
        partition,
        torn_tail: None,
        control_unreadable: false,
        loss: None,
        covered: Vec::new(),
        damaged_snapshots: Vec::new(),
        steps: Vec::new(),
        work: Work::Nothing,
    };
    let id = metadata.journal_id;
    let mut history = match History::open(
        storage,
        &folder,
        partition,
        id,
        OpenMode::ReadUncached,
        None,
    ) {
        // Nothing but a missing folder shows at once.
        Err(ReadError::Corruption(corruption)) => {
            plan.loss = Some(Loss {
                corruption: *corruption,
                sound_events: 0,
                acknowledged_sequence: None,
            });
            let name = folder.file_name().unwrap_or_default();
            plan.steps.push(RepairStep::CreateFolder {
                folder: name.to_string_lossy().into_owned(),
            });
            plan.work = Work::Folder;
            return Ok(plan);
        }
        history => history?,
    };
    history.find_witnesses()?;
    plan.control_unreadable = history.control_unreadable;
    let newest = snapshot::newest_sound(&**storage, &folder, partition, id)?;
    if history.reached().group > 0 && newest.is_none() {
        // Nothing that is left says what the retired events came to.
        return Err(ReadError::Retired {
            partition,
            earliest: history.earliest(),
        });
    }
    (_, plan.damaged_snapshots) = snapshot::check_snapshots(&**storage, &folder, partition, id)?;
    let damaged = plan.damaged_snapshot_names();
    plan.steps.extend(set_aside_steps(partition, &damaged));
    let (mut sound, mut tail) = (Sound::before(&history), Tail::default());
    loop {
        // Damage inside a group's frames leaves the history behind the group.
        let (error, is_in_group) = match history.step(u64::MAX) {
            Ok(Step::Group(header)) => match check_frames(&history, &header) {
                Ok(()) => {
                    if header.group > history.witnessed_group {
                        tail.take(&header, sound);
                    }
                    sound = Sound {
                        last_group: header.group,
                        last_sequence: header.last_sequence(),
                        end: history.position(),
                    };
                    continue;
                }
                Err(error) => (error, true),
            },
            Ok(Step::End) => {
                plan_opening(&mut plan, &history, sound, &tail);
                return Ok(plan);
            }
            Ok(Step::Torn(torn)) => {
                plan.steps.push(RepairStep::Copy {
                    segment: torn.segment.clone(),
                    position: torn.position,
                    bytes: torn.bytes,
                    to: format!("{QUARANTINE_DIR}/{}", torn_file_name(&torn, history.salt())),
                });
                plan.torn_tail = Some(torn);
                plan_opening(&mut plan, &history, sound, &tail);
                return Ok(plan);
            }
            Err(error) => (error, false),
        };
        let ReadError::Corruption(mut corruption) = error else {
            return Err(error);
        };
        if let Some(position) = newest.filter(|position| position.group > sound.last_group) {
            // An opening starts behind that snapshot, and never comes here.
            plan.covered.push((*corruption).clone());
            let mode = OpenMode::ReadUncached;
            tail = Tail::default();
            match History::open(storage, &folder, partition, id, mode, Some(&position)) {
                Ok(behind) => {
                    history = behind;
                    history.find_witnesses()?;
                    sound = Sound::before(&history);
                    continue;
                }
                // The segment that it stands in is gone: the journal goes on right behind it.
                Err(ReadError::Corruption(_)) => {
                    sound = Sound {
                        last_group: position.group,
                        last_sequence: position.sequence,
                        end: position.byte,
                    };
                }
                Err(error) => return Err(error),
            }
        }
        plan_cut(&mut plan, &**storage, &folder, &history, sound, id)?;
        corruption.last_known = corruption.last_known.max(sound.last_sequence);
        corruption.first_lost = corruption.first_lost.max(sound.last_sequence + 1);
        plan.loss = Some(Loss {
            corruption: Corruption {
                lost_up_to: None,
                ..*corruption
            },
            sound_events: count_sound_events(&mut history, is_in_group)?,
            acknowledged_sequence: match ControlWord::read(&**storage, &folder)
                .map_err(ReadError::io("read the control word in", &folder))?
            {
                ControlRead::Present(word) => Some(word.acknowledged_sequence),
                ControlRead::Absent | ControlRead::Unreadable => None,
            },
        });
        return Ok(plan);
    }
}

impl Tail {
    fn take(&mut self, header: &GroupHeader, before: Sound) {
        if self.first.is_none() {
            self.before = before;
            self.first = Some(*header);
        }
        self.events += u64::from(header.events);
        self.holds_frames |= header.length > 0;
    }
}

fn check_frames(history: &History, header: &GroupHeader) -> Result<(), ReadError> {
    history.group_frames(header).for_each(|_, _| Ok(()))
}

/// The steps of an opening, where it would do anything.
fn plan_opening(plan: &mut PartitionPlan, history: &History, sound: Sound, tail: &Tail) {
    let (last, first_sequence, first_group) = match tail.first {
        Some(first) if tail.holds_frames => (sound, first.first_sequence, first.group),
        Some(_) => (
            tail.before,
            tail.before.last_sequence + 1,
            tail.before.last_group + 1,
        ),
        None => (sound, sound.last_sequence + 1, sound.last_group + 1),
    };
    let starts_segment = tail.holds_frames || plan.torn_tail.is_some();
    if !starts_segment && !plan.control_unreadable {
        return;
    }
    if starts_segment {
        let segment = segment_file_name(first_sequence, first_group);
        plan.steps.push(RepairStep::StartSegment {
            replaces: history.segments.iter().any(|one| one.name == segment),
            events: tail.events,
            segment,
        });
    }
    plan.steps.push(RepairStep::StoreControlWord {
        group: last.last_group,
        sequence: last.last_sequence,
    });
    plan.work = Work::Open;
}

/// The steps that move files to the quarantine.
fn set_aside_steps(partition: u32, names: &[String]) -> Vec<RepairStep> {
    let step = |name: &String| RepairStep::SetAside {
        file: name.clone(),
        to: format!("{QUARANTINE_DIR}/{}", aside_name(partition, name)),
    };
    names.iter().map(step).collect()
}

/// The steps that take everything behind `sound` out of the journal.
fn plan_cut(
    plan: &mut PartitionPlan,
    storage: &dyn Storage,
    folder: &Path,
    history: &History,
    sound: Sound,
    journal_id: [u64; 2],
) -> Result<(), ReadError> {
    let mut cut = Cut {
        last_group: sound.last_group,
        last_sequence: sound.last_sequence,
        ..Cut::default()
    };
    for segment in &history.segments {
        if segment.first_group <= sound.last_group {
            // The last one of these is where the last sound group lies.
            cut.kept = Some(segment.name.clone());
        } else {
            cut.copies
                .extend(Copy::of(storage, folder, &segment.name, 0)?);
            cut.removed.push(segment.name.clone());
        }
    }
    if let Some(kept) = &cut.kept {
        let rest = Copy::of(storage, folder, kept, sound.end)?;
        cut.copies.splice(0..0, rest);
    }
    let damaged = |name: &str| plan.damaged_snapshots.iter().any(|one| one.name == name);
    cut.aside = list_snapshots(storage, folder)?
        .into_iter()
        .filter(|snapshot| snapshot.group > sound.last_group && !damaged(&snapshot.name))
        .map(|snapshot| snapshot.name)
        .collect();
    for name in storage
        .list(folder)
        .map_err(ReadError::io("list", folder))?
    {
        let Some(cursor) = name.strip_suffix(MARK_SUFFIX) else {
            continue;
        };
        let mark = read_mark(storage, folder, plan.partition, journal_id, cursor);
        let stays = matches!(&mark, Ok(Some(mark)) if mark.sequence <= sound.last_sequence);
        if !stays {
            cut.aside.push(name);
        }
    }
    // From the last to the first: what is left at any moment is the journal's beginning.
    cut.removed.reverse();
    let fresh = cut.fresh_name();
    let replaces = cut.removed.contains(&fresh);
    cut.removed.retain(|name| *name != fresh);
    let copies = cut.copies.iter().map(|copy| RepairStep::Copy {
        segment: copy.segment.clone(),
        position: copy.position,
        bytes: copy.bytes,
        to: format!("{QUARANTINE_DIR}/{}", copy.name(plan.partition)),
    });
    let removals = cut.removed.iter().map(|segment| RepairStep::RemoveSegment {
        segment: segment.clone(),
    });
    let set_aside = set_aside_steps(plan.partition, &cut.aside);
    plan.steps.extend(copies);
    plan.steps.extend(set_aside);
    plan.steps.push(RepairStep::StoreControlWord {
        group: cut.last_group,
        sequence: cut.last_sequence,
    });
    plan.steps.extend(removals);
    plan.steps.push(RepairStep::StartSegment {
        segment: fresh,
        events: 0,
        replaces,
    });
    plan.work = Work::Cut(cut);
    Ok(())
}

/// How many events behind the damage salvage would read.
fn count_sound_events(history: &mut History, mut is_in_group: bool) -> Result<u64, ReadError> {
    let mut events = 0;
    loop {
        if !is_in_group && history.skip_damage(u64::MAX)?.lost_up_to.is_none() {
            return Ok(events);
        }
        is_in_group = false;
        loop {
            match history.step(u64::MAX) {
                Ok(Step::Group(header)) => match check_frames(history, &header) {
                    Ok(()) => events += u64::from(header.events),
                    Err(ReadError::Corruption(_)) => {}
                    Err(error) => return Err(error),
                },
                Ok(Step::End | Step::Torn(_)) => return Ok(events),
                Err(ReadError::Corruption(_)) => break,
                Err(error) => return Err(error),
            }
        }
    }
}
