//! A short history with everything in it: creating, rolling, witnesses, closing, being killed, and
//! recovering what was not witnessed.

use super::world::{End, World};

/// Plays the lives of a history; stops where a fault keeps the journal from opening, or a crash
/// ends the machine, which is left as it was then.
pub(super) fn play(world: &mut World, turns: u64) -> Result<(), String> {
    for (life, end) in [End::Close, End::Kill, End::Kill, End::Close]
        .into_iter()
        .enumerate()
    {
        let Some(mut session) = world.try_open()? else {
            return Ok(());
        };
        world.run(&mut session, turns + life as u64 % 2)?;
        if world.takes_snapshots {
            session.simulation().run_until_idle();
            world.snapshot(&mut session)?;
            world.run(&mut session, turns)?;
        }
        if life == 1 {
            session.simulation().run_until_idle();
        }
        if end == End::Close {
            // Closing is a part of the history: a crash may come in the middle of it.
            session.close(&mut world.model)?;
        } else {
            session.collect(&mut world.model)?;
            drop(session);
        }
        if world.disk.has_crashed() {
            return Ok(());
        }
        world.cut_off(End::Kill);
    }
    Ok(())
}

/// Checks what is there on a mended disk, that it stays, and that it takes more.
pub(super) fn check(world: &mut World) -> Result<(), String> {
    let mut session = world.open_twice()?;
    world.run(&mut session, 2)?;
    world.end(session, End::Close)?;
    let session = world.open()?;
    world.end(session, End::Kill)
}
