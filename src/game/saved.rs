//! A state as a snapshot holds it: numbers of eight bytes, little-endian, one after the other.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};

use super::{Arena, Location, Number, NumberValue, Player};

/// Writes everything that [`load`] needs.
pub(super) fn save(arena: &Arena, out: &mut dyn Write) -> io::Result<()> {
    let totals = arena.totals;
    let mut out = Numbers(out);
    out.put_all(&[
        totals.kills_by_a_player,
        totals.deaths,
        totals.items,
        totals.not_applied,
        arena.players().len() as u64,
        arena.deaths().len() as u64,
    ])?;
    for player in arena.players() {
        save_player(player, &mut out)?;
    }
    for (victim_id, count) in arena.deaths() {
        out.put_all(&[victim_id.into(), count])?;
    }
    Ok(())
}

/// Fills an empty state with what [`save`] wrote.
pub(super) fn load(arena: &mut Arena, from: &mut dyn Read) -> io::Result<()> {
    let mut from = Numbers(from);
    arena.totals.kills_by_a_player = from.take()?;
    arena.totals.deaths = from.take()?;
    arena.totals.items = from.take()?;
    arena.totals.not_applied = from.take()?;
    let (players, victims) = (from.take()?, from.take()?);
    for _ in 0..players {
        let player = load_player(&mut from)?;
        let user_id = player.user_id;
        arena.players.get_or_insert_with(user_id, || player);
    }
    for _ in 0..victims {
        let (victim_id, count) = (from.take_u32()?, from.take()?);
        arena.set_deaths(victim_id, count);
    }
    Ok(())
}

fn save_player(player: &Player, out: &mut Numbers<&mut dyn Write>) -> io::Result<()> {
    let items = player.items().count() as u64;
    out.put_all(&[
        player.user_id.into(),
        player.level.into(),
        player.experience,
        player.kill_count,
        player.last_update.cast_unsigned(),
        u64::from(player.location.is_some()),
    ])?;
    if let Some(Location { x, y }) = player.location {
        out.put_number(x)?;
        out.put_number(y)?;
    }
    out.put_all(&[items])?;
    for (item_id, quantity) in player.items() {
        out.put_all(&[item_id.into(), quantity])?;
    }
    Ok(())
}

fn load_player(from: &mut Numbers<&mut dyn Read>) -> io::Result<Player> {
    let mut player = Player::new(from.take_u32()?);
    player.level = from.take_u32()?;
    player.experience = from.take()?;
    player.kill_count = from.take()?;
    player.last_update = from.take()?.cast_signed();
    if from.take()? != 0 {
        let (x, y) = (from.take_number()?, from.take_number()?);
        player.location = Some(Location { x, y });
    }
    for _ in 0..from.take()? {
        let (item_id, quantity) = (from.take_u32()?, from.take()?);
        player
            .inventory
            .get_or_insert_default()
            .set(item_id, quantity);
    }
    Ok(player)
}

struct Numbers<T>(T);

impl Numbers<&mut dyn Write> {
    fn put_all(&mut self, numbers: &[u64]) -> io::Result<()> {
        numbers
            .iter()
            .try_for_each(|number| self.0.write_all(&number.to_le_bytes()))
    }

    fn put_number(&mut self, number: Number) -> io::Result<()> {
        match number.value() {
            NumberValue::Unsigned(value) => self.put_all(&[0, value]),
            NumberValue::Negative(value) => self.put_all(&[1, value.cast_unsigned()]),
            NumberValue::Float(value) => self.put_all(&[2, value.to_bits()]),
        }
    }
}

impl Numbers<&mut dyn Read> {
    fn take(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn take_u32(&mut self) -> io::Result<u32> {
        u32::try_from(self.take()?).map_err(|_| malformed())
    }

    fn take_number(&mut self) -> io::Result<Number> {
        let (kind, value) = (self.take()?, self.take()?);
        match kind {
            0 => Ok(value.into()),
            1 => Ok(value.cast_signed().into()),
            2 => Ok(f64::from_bits(value).into()),
            _ => Err(malformed()),
        }
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a saved arena")
}
