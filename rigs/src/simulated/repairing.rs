//! Repairing a damaged disk, and being cut off in the middle of it.

use ringlog::journal::{JournalReader, ReadError, Repair, RepairError};
use ringlog::storage::sim::{Effect, Fault};

use super::world::{End, Refusal, World};
use crate::random::Random;

/// Repairs until nothing interrupts it; whether it could be repaired. Then the journal opens, and
/// ends where the first plan said.
pub(super) fn repair(world: &mut World, random: &mut Random) -> Result<bool, String> {
    world.mend();
    let repair = |world: &World| {
        Repair::new(&world.settings.path)
            .storage(world.disk.clone())
            .accept_loss(true)
    };
    let plan = match repair(world).plan() {
        Ok(plan) => plan,
        Err(error) => return unrepairable(world, &error).map(|()| false),
    };
    for _ in 0..random.below(3) {
        let effect = match random.below(2) {
            0 => Effect::Crash,
            _ => Effect::CrashPartway,
        };
        world
            .disk
            .plan(Fault::new(effect).nth(1 + random.below(120)));
        let repaired = repair(world).execute();
        let has_crashed = world.disk.has_crashed();
        if let (Err(error), false) = (&repaired, has_crashed) {
            return Err(format!("planned, but not made: {error}"));
        }
        world.mend();
        world.cut_off(match random.below(2) {
            0 => End::Kill,
            _ => End::PowerCut,
        });
    }
    if let Err(error) = repair(world).execute() {
        return Err(format!("planned, but not made: {error}"));
    }
    let Some(session) = world.try_open()? else {
        return match world.refusal {
            Some(Refusal::NoUsableSnapshot) => Ok(true),
            refusal => Err(format!("a repaired journal does not open: {refusal:?}")),
        };
    };
    drop(session);
    world.cut_off(End::Kill);
    for loss in plan.losses() {
        let (partition, kept) = (loss.corruption.partition, loss.corruption.last_known);
        let events = world.model[partition as usize].taken();
        // More is no harm: a crash inside an earlier attempt may have left another way out.
        if (events as u64) < kept {
            return Err(format!(
                "partition {partition} was to be repaired up to {kept}, and has {events} events"
            ));
        }
    }
    Ok(true)
}

/// What no repair can mend: metadata that cannot be read, and retired events of which no snapshot is
/// left to say what they came to.
fn unrepairable(world: &World, error: &RepairError) -> Result<(), String> {
    match error {
        RepairError::Metadata(_)
        | RepairError::Journal(ReadError::NotAJournal { .. } | ReadError::NewerFormat { .. }) => {
            Ok(())
        }
        RepairError::Journal(ReadError::Retired { partition, .. })
            if !has_sound_snapshot(world, *partition)? =>
        {
            Ok(())
        }
        error => Err(format!("a repair is not even planned: {error}")),
    }
}

fn has_sound_snapshot(world: &World, partition: u32) -> Result<bool, String> {
    let verified = JournalReader::open_in(world.disk.clone(), &world.settings.path)
        .and_then(|reader| reader.verify(|_| Ok(())));
    let verified = verified.map_err(|error| format!("verifying: {error}"))?;
    let check = &verified.partitions[partition as usize];
    Ok(check.snapshots > check.damaged_snapshots.len() as u64)
}
