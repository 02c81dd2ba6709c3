//! The rules: when a move or an attack may happen. They know no state, only places and numbers.
#![forbid(unsafe_code)]

use super::{GameRejection, Location, Number, NumberValue};

/// The map is a square from 0 to this on both axes, both included.
pub const MAP_SIDE: f64 = 1000.0;

/// How long a player may walk for one move.
const MOVE_SECONDS: f64 = 1.0;

/// How far a skill reaches.
#[must_use]
#[inline]
pub fn skill_range(skill_id: u64) -> f64 {
    match skill_id {
        1001 => 50.0,
        1002 => 150.0,
        1003 => 300.0,
        _ => 30.0,
    }
}

/// A place with finite coordinates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    x: f64,
    y: f64,
}

impl Point {
    /// `None` where a coordinate is not finite, which is nowhere.
    #[inline]
    pub(super) fn of(location: Location) -> Option<Self> {
        let (x, y) = (float(location.x), float(location.y));
        (x.is_finite() && y.is_finite()).then_some(Self { x, y })
    }

    /// Never NaN; infinite where it is too large to be a number, as it is too large for every rule.
    #[inline]
    pub(super) fn distance_to(self, other: Self) -> f64 {
        let (across, along) = (self.x - other.x, self.y - other.y);
        (across * across + along * along).sqrt()
    }

    fn is_on_map(self) -> bool {
        let side = 0.0..=MAP_SIDE;
        side.contains(&self.x) && side.contains(&self.y)
    }
}

/// Whether a player who is at `from`, or nowhere yet, may go to `to`.
#[inline]
pub(super) fn check_move(
    from: Option<Point>,
    to: Location,
    speed: Number,
) -> Result<(), GameRejection> {
    let speed = float(speed);
    let to = Point::of(to).filter(|_| speed.is_finite());
    let to = to.ok_or(GameRejection::NotFinite)?;
    if speed < 0.0 {
        return Err(GameRejection::NegativeSpeed { speed });
    }
    if !to.is_on_map() {
        return Err(GameRejection::OutsideMap { x: to.x, y: to.y });
    }
    let Some(from) = from else {
        return Ok(());
    };
    let (distance, allowed) = (from.distance_to(to), speed * MOVE_SECONDS);
    if distance <= allowed {
        Ok(())
    } else {
        Err(GameRejection::TooFar { distance, allowed })
    }
}

/// How far apart attacker and target are, where the skill reaches that far.
#[inline]
pub(super) fn check_attack(from: Point, to: Point, skill_id: u64) -> Result<f64, GameRejection> {
    let (distance, allowed) = (from.distance_to(to), skill_range(skill_id));
    if distance <= allowed {
        Ok(distance)
    } else {
        Err(GameRejection::OutOfRange { distance, allowed })
    }
}

#[inline]
fn float(number: Number) -> f64 {
    match number.value() {
        NumberValue::Unsigned(value) => value as f64,
        NumberValue::Negative(value) => value as f64,
        NumberValue::Float(value) => value,
    }
}
