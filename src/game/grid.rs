//! Who is near a place: an index of locations by squares of the plane.
#![forbid(unsafe_code)]

use super::{Location, Number, NumberValue};
use crate::Table;

/// The side of a square. The classic map, 1,000 by 1,000, has some 4,000 of them: with 100,000
/// players some 25 in each.
const SIDE: f64 = 16.0;

/// Players by the square that they stand in.
///
/// The plane has no bounds: squares are made as they are entered and forgotten when they are left.
/// Numbers too large for a square of their own share the outermost ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    squares: Table<u64, Vec<Standing>>,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    player_id: u32,
    location: Location,
}

/// A player and how far away it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearby {
    /// The player's id.
    pub player_id: u32,
    /// The distance.
    pub distance: f64,
}

/// A square by its numbers from west to east and from south to north.
type Square = (i32, i32);

impl Grid {
    /// Notes that a player went from one location, if it had one, to another.
    pub(super) fn set(&mut self, player_id: u32, from: Option<Location>, to: Location) {
        let square = square_of(to);
        if let Some(from) = from {
            let left = square_of(from);
            let key = key_of(left);
            let standing = self.squares.get_mut(key);
            let Some((standing, at)) = standing.and_then(|standing| {
                let at = standing.iter().position(|one| one.player_id == player_id)?;
                Some((standing, at))
            }) else {
                return self.enter(square, player_id, to);
            };
            if left == square {
                standing[at].location = to;
                return;
            }
            standing.swap_remove(at);
            if standing.is_empty() {
                self.squares.remove(key);
            }
        }
        self.enter(square, player_id, to);
    }

    fn enter(&mut self, square: Square, player_id: u32, location: Location) {
        let standing = self.squares.get_or_insert_with(key_of(square), Vec::new);
        standing.push(Standing {
            player_id,
            location,
        });
    }

    /// Everybody within `radius` of `center`, the nearest first, and the smaller id first among
    /// equals.
    pub(super) fn within(&self, center: Location, radius: f64) -> Vec<Nearby> {
        let mut found = Vec::new();
        let mut look = |standing: &[Standing]| {
            found.extend(standing.iter().filter_map(|one| {
                let distance = distance(one.location, center);
                let nearby = Nearby {
                    player_id: one.player_id,
                    distance,
                };
                (distance <= radius).then_some(nearby)
            }));
        };
        let (west, east) = reach(float(center.x), radius);
        let (south, north) = reach(float(center.y), radius);
        let side =
            |from: i32, to: i32| (i64::from(to) - i64::from(from) + 1).max(0).cast_unsigned();
        let squares = u128::from(side(west, east)) * u128::from(side(south, north));
        if squares > self.squares.len() as u128 {
            // More of the plane than anybody stands on.
            self.squares
                .entries()
                .iter()
                .for_each(|standing| look(standing));
        } else {
            for x in west..=east {
                for y in south..=north {
                    if let Some(standing) = self.squares.get(key_of((x, y))) {
                        look(standing);
                    }
                }
            }
        }
        found.sort_unstable_by(|a, b| {
            a.distance
                .total_cmp(&b.distance)
                .then(a.player_id.cmp(&b.player_id))
        });
        found
    }
}

/// The distance of two places: differences of integers are exact before they are rounded once to a
/// float, also far from the origin. The same on every machine; no finite ones overflow on the way.
pub(super) fn distance(a: Location, b: Location) -> f64 {
    let (x, y) = (difference(a.x, b.x).abs(), difference(a.y, b.y).abs());
    // Powers of two, so that scaling rounds nothing.
    let scale = match x.max(y) {
        longer if longer > 1e100 => 1.0 / FAR,
        longer if longer < 1e-100 => FAR,
        _ => 1.0,
    };
    let (x, y) = (x * scale, y * scale);
    (x * x + y * y).sqrt() / scale
}

/// 2 to the power of 600.
const FAR: f64 = f64::from_bits((1023 + 600) << 52);

fn difference(a: Number, b: Number) -> f64 {
    match (integer(a), integer(b)) {
        #[expect(clippy::cast_precision_loss, reason = "rounded once, to the nearest")]
        (Some(a), Some(b)) => (a - b) as f64,
        _ => float(a) - float(b),
    }
}

fn integer(number: Number) -> Option<i128> {
    match number.value() {
        NumberValue::Unsigned(value) => Some(value.into()),
        NumberValue::Negative(value) => Some(value.into()),
        NumberValue::Float(_) => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounded to the nearest")]
fn float(number: Number) -> f64 {
    match number.value() {
        NumberValue::Unsigned(value) => value as f64,
        NumberValue::Negative(value) => value as f64,
        NumberValue::Float(value) => value,
    }
}

/// The first and the last square in one direction that may hold anything within `radius`. Wider by
/// more than all the roundings on the way, so that nobody is missed.
fn reach(center: f64, radius: f64) -> (i32, i32) {
    let radius = radius * (1.0 + 1e-9) + center.abs() * 1e-14;
    (square(center - radius), square(center + radius))
}

fn square_of(location: Location) -> Square {
    (square(float(location.x)), square(float(location.y)))
}

/// Never falls where `coordinate` rises, and stays at the ends.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast of a float saturates"
)]
fn square(coordinate: f64) -> i32 {
    (coordinate / SIDE).floor() as i32
}

fn key_of((x, y): Square) -> u64 {
    u64::from(x.cast_unsigned()) << 32 | u64::from(y.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = Number> {
        prop_oneof![
            8 => (0..1000_u64).prop_map(Number::from),
            4 => (0.0..1000.0).prop_map(Number::from),
            2 => (-300..1300_i64).prop_map(Number::from),
            1 => any::<u64>().prop_map(Number::from),
            1 => any::<i64>().prop_map(Number::from),
            1 => (0..40_u64).prop_map(|near| Number::from(u64::MAX - near)),
            1 => (prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO)
                .prop_map(Number::from),
        ]
    }

    fn location() -> impl Strategy<Value = Location> {
        (number(), number()).prop_map(|(x, y)| Location { x, y })
    }

    fn radius() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => 0.0..120.0,
            3 => (0..100_u32).prop_map(f64::from),
            1 => prop::num::f64::POSITIVE,
            1 => Just(f64::INFINITY),
            1 => Just(-1.0),
            1 => Just(f64::NAN),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn it_finds_whom_a_scan_finds_in_the_same_order(
            moves in prop::collection::vec((0..40_u32, location()), 0..120),
            asked in prop::collection::vec((location(), radius()), 1..8),
        ) {
            let mut grid = Grid::default();
            let mut scanned = BTreeMap::new();
            for &(player_id, to) in &moves {
                grid.set(player_id, scanned.insert(player_id, to), to);
            }
            let standing: usize = grid.squares.entries().iter().map(Vec::len).sum();
            prop_assert_eq!(standing, scanned.len());
            // Also where somebody stands, at the very distance of somebody else.
            let exact = moves.windows(2).take(12).map(|pair| (pair[0].1, distance(pair[0].1, pair[1].1)));
            for (center, radius) in asked.into_iter().chain(exact) {
                let mut expected: Vec<_> = scanned
                    .iter()
                    .map(|(&player_id, &at)| Nearby { player_id, distance: distance(at, center) })
                    .filter(|nearby| nearby.distance <= radius)
                    .collect();
                // Stable, and by id already.
                expected.sort_by(|a, b| a.distance.total_cmp(&b.distance));
                prop_assert_eq!(grid.within(center, radius), expected);
            }
        }
    }

    #[test]
    fn distances_of_integers_are_exact_and_large_ones_do_not_overflow() {
        let at = |x: i64, y: i64| Location {
            x: x.into(),
            y: y.into(),
        };
        assert_eq!(distance(at(0, 0), at(3, 4)), 5.0);
        assert_eq!(distance(at(i64::MAX, 0), at(i64::MAX - 3, 4)), 5.0);
        let far = |x: f64, y: f64| Location {
            x: x.into(),
            y: y.into(),
        };
        assert_eq!(
            distance(far(3e200, 0.0), far(0.0, 3e200)),
            3e200_f64.hypot(3e200)
        );
        assert_eq!(distance(far(f64::MAX, 0.0), far(0.0, 1.0)), f64::MAX);
        assert_eq!(distance(far(5e-324, 0.0), far(0.0, 0.0)), 5e-324);
        assert!(distance(far(f64::NAN, 0.0), at(0, 0)).is_nan());
    }
}
