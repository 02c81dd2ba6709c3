//! What was measured: a value a round, and what comes of the rounds.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    EventsPerSecond,
    BytesPerSecond,
    Nanoseconds,
    /// CPU time by time: 1 is one core.
    Cores,
}

/// The values of one figure, one a round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Series {
    pub(super) unit: Unit,
    pub(super) rounds: Vec<f64>,
}

/// Every figure that was measured, and why others were not.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    measured: BTreeMap<String, Series>,
    skipped: BTreeMap<String, String>,
}

/// The middle of some values, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// `None` of no values.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted[sorted.len() / 2];
        let lower = sorted[(sorted.len() - 1) / 2];
        Some(Self {
            median: f64::midpoint(lower, upper),
            min,
            max,
        })
    }
}

impl Figures {
    pub(super) fn record(&mut self, figure: &str, unit: Unit, value: f64) {
        match self.measured.get_mut(figure) {
            Some(series) => series.rounds.push(value),
            None => {
                let rounds = vec![value];
                let series = Series { unit, rounds };
                self.measured.insert(figure.to_owned(), series);
            }
        }
    }

    /// Notes why a contender, and with it every figure of its name, was not measured.
    pub(super) fn skip(&mut self, contender: &str, reason: String) {
        self.skipped.insert(contender.to_owned(), reason);
    }

    pub(super) fn get(&self, figure: &str) -> Option<&Series> {
        self.measured.get(figure)
    }

    pub(super) fn spread(&self, figure: &str) -> Option<Spread> {
        Spread::of(&self.get(figure)?.rounds)
    }

    /// The ratio of one figure to another, round by round: what the machine did differently from one
    /// round to the next is in both.
    pub(super) fn ratio(&self, figure: &str, against: &str) -> Option<Spread> {
        let (over, under) = (self.get(figure)?, self.get(against)?);
        let ratios: Vec<f64> = over
            .rounds
            .iter()
            .zip(&under.rounds)
            .map(|(over, under)| over / under)
            .collect();
        Spread::of(&ratios)
    }

    /// Why there is no such figure.
    pub(super) fn why_not(&self, figure: &str) -> &str {
        let contender = figure.split('.').next().unwrap_or(figure);
        self.skipped
            .get(figure)
            .or_else(|| self.skipped.get(contender))
            .map_or("not asked for", String::as_str)
    }

    pub(super) fn measured(&self) -> impl Iterator<Item = (&str, &Series)> {
        self.measured
            .iter()
            .map(|(name, series)| (name.as_str(), series))
    }

    pub(super) fn skipped(&self) -> &BTreeMap<String, String> {
        &self.skipped
    }
}

impl Unit {
    /// A value with its unit, for people.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::EventsPerSecond => format!("{} M events/s", digits(value / 1e6)),
            Self::BytesPerSecond => format!("{} MB/s", digits(value / 1e6)),
            Self::Nanoseconds if value < 1e3 => format!("{} ns", digits(value)),
            Self::Nanoseconds if value < 1e6 => format!("{} µs", digits(value / 1e3)),
            Self::Nanoseconds => format!("{} ms", digits(value / 1e6)),
            Self::Cores => format!("{} % of a core", digits(value * 100.0)),
        }
    }

    /// A spread with its unit, for people.
    pub(super) fn show_spread(self, spread: Spread) -> String {
        let (unit, scale) = match self {
            Self::EventsPerSecond => ("M events/s", 1e6),
            Self::BytesPerSecond => ("MB/s", 1e6),
            Self::Nanoseconds if spread.median < 1e3 => ("ns", 1.0),
            Self::Nanoseconds if spread.median < 1e6 => ("µs", 1e3),
            Self::Nanoseconds => ("ms", 1e6),
            Self::Cores => ("% of a core", 0.01),
        };
        let scaled = Spread {
            median: spread.median / scale,
            min: spread.min / scale,
            max: spread.max / scale,
        };
        format!("{} {unit} ({})", digits(scaled.median), Range(scaled))
    }
}

/// `least to greatest`.
struct Range(Spread);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", digits(self.0.min), digits(self.0.max))
    }
}

/// Three significant digits, and never fewer than those in front of the point.
pub(super) fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || magnitude >= 100.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 1.0 {
        format!("{value:.2}")
    } else if magnitude >= 0.001 {
        format!("{value:.3}")
    } else {
        format!("{value:.6}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rounds: &[(f64, f64)]) -> Figures {
        let mut figures = Figures::default();
        for &(over, under) in rounds {
            figures.record("over", Unit::EventsPerSecond, over);
            figures.record("under", Unit::EventsPerSecond, under);
        }
        figures
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_lies_between_the_middle_ones() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (2.5, 1.0, 4.0));
        assert_eq!(Spread::of(&[5.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round_so_that_drift_cancels_out() {
        let drifting = figures(&[(1.0, 2.0), (10.0, 20.0), (100.0, 200.0)]);
        let ratio = drifting.ratio("over", "under").unwrap();
        assert_eq!((ratio.median, ratio.min, ratio.max), (0.5, 0.5, 0.5));
        assert_eq!(drifting.ratio("over", "missing"), None);
    }

    #[test]
    fn a_figure_that_is_not_there_says_why() {
        let mut figures = figures(&[]);
        figures.skip("arena", "too few cores".into());
        assert_eq!(figures.why_not("arena.bytes"), "too few cores");
        assert_eq!(figures.why_not("other"), "not asked for");
    }

    #[test]
    fn values_have_three_digits_and_a_fitting_unit() {
        assert_eq!(Unit::EventsPerSecond.show(24_310_000.0), "24.3 M events/s");
        assert_eq!(Unit::BytesPerSecond.show(2.7134e9), "2713 MB/s");
        assert_eq!(Unit::Nanoseconds.show(80.0), "80.0 ns");
        assert_eq!(Unit::Nanoseconds.show(62_300.0), "62.3 µs");
        assert_eq!(Unit::Nanoseconds.show(4e6), "4.00 ms");
        assert_eq!(Unit::Cores.show(0.0041), "0.410 % of a core");
        let spread = Spread::of(&[62e3, 71e3, 66e3]).unwrap();
        assert_eq!(
            Unit::Nanoseconds.show_spread(spread),
            "66.0 µs (62.0 to 71.0)"
        );
    }
}
