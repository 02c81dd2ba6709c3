//! What a figure should reach, and whether it did.

use serde::Serialize;

use super::figure::{Figures, Spread, digits};

/// One aim of a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aim {
    /// A figure is at least so many times another.
    Least {
        figure: &'static str,
        times: f64,
        of: &'static str,
        said: &'static str,
    },
    /// A figure is at most so many times another.
    Most {
        figure: &'static str,
        times: f64,
        of: &'static str,
        said: &'static str,
    },
    /// A figure is at least a value, by how far the cores are apart; `far` is `None` where the aim
    /// holds for near cores only.
    Reach {
        figure: &'static str,
        near: f64,
        far: Option<f64>,
    },
    /// A figure is below a value.
    Below { figure: &'static str, value: f64 },
    /// One of two is enough.
    Either(&'static Aim, &'static Aim),
    /// Shown beside, without an aim.
    Beside {
        figure: &'static str,
        of: &'static str,
        said: &'static str,
    },
}

/// What came of an aim.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// The aim in words.
    pub(super) aim: String,
    pub(super) outcome: Outcome,
    /// The figure or the ratio that decided.
    pub(super) value: Option<Spread>,
    /// The value in words, or why there is none.
    pub(super) said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Reached,
    Missed,
    Skipped,
    /// There is nothing to reach.
    Shown,
}

/// The figure that tells how far the cores are apart: one way of a cache line.
pub(super) const HOP: &str = "cores.hop";
/// From here on they are far.
pub(super) const FAR_NS: f64 = 150.0;

impl Aim {
    pub(super) fn judge(&self, figures: &Figures) -> Verdict {
        match *self {
            Self::Least {
                figure,
                times,
                of,
                said,
            } => {
                let aim = format!("at least {} x {said}", digits(times));
                ratio(figures, aim, figure, of, |ratio| ratio >= times)
            }
            Self::Most {
                figure,
                times,
                of,
                said,
            } => {
                let aim = format!("at most {} x {said}", digits(times));
                ratio(figures, aim, figure, of, |ratio| ratio <= times)
            }
            Self::Reach { figure, near, far } => reach(figures, figure, near, far),
            Self::Below { figure, value } => {
                let Some((series, spread)) = figures.get(figure).zip(figures.spread(figure)) else {
                    return skipped(format!("below {value}"), figures.why_not(figure));
                };
                Verdict {
                    aim: format!("below {}", series.unit.show(value)),
                    outcome: met(spread.median < value),
                    value: Some(spread),
                    said: series.unit.show(spread.median),
                }
            }
            Self::Either(one, other) => either(one.judge(figures), other.judge(figures)),
            Self::Beside { figure, of, said } => {
                let mut verdict = ratio(figures, format!("beside {said}"), figure, of, |_| true);
                if verdict.outcome == Outcome::Reached {
                    verdict.outcome = Outcome::Shown;
                }
                verdict
            }
        }
    }
}

fn met(is_met: bool) -> Outcome {
    if is_met {
        Outcome::Reached
    } else {
        Outcome::Missed
    }
}

fn skipped(aim: String, why: &str) -> Verdict {
    Verdict {
        aim,
        outcome: Outcome::Skipped,
        value: None,
        said: why.to_owned(),
    }
}

fn ratio(
    figures: &Figures,
    aim: String,
    figure: &str,
    of: &str,
    is_met: impl Fn(f64) -> bool,
) -> Verdict {
    match figures.ratio(figure, of) {
        None if figures.get(figure).is_none() => skipped(aim, figures.why_not(figure)),
        None => skipped(aim, figures.why_not(of)),
        Some(ratio) => Verdict {
            aim,
            outcome: met(is_met(ratio.median)),
            value: Some(ratio),
            said: format!(
                "{} x ({} to {})",
                digits(ratio.median),
                digits(ratio.min),
                digits(ratio.max)
            ),
        },
    }
}

fn reach(figures: &Figures, figure: &str, near: f64, far: Option<f64>) -> Verdict {
    let Some((series, spread)) = figures.get(figure).zip(figures.spread(figure)) else {
        let aim = format!("at least {}", digits(near / 1e6));
        return skipped(aim, figures.why_not(figure));
    };
    let show = |value| series.unit.show(value);
    // The least: whatever else runs on the machine only makes it longer, and an aim must not become
    // easier by that.
    let Some(hop) = figures.spread(HOP) else {
        let aim = format!("at least {}", series.unit.show(near));
        return skipped(aim, figures.why_not(HOP));
    };
    let is_far = hop.min >= FAR_NS;
    let (aim, value) = match (is_far, far) {
        (false, _) => (
            format!("at least {}, as the cores are near", show(near)),
            near,
        ),
        (true, Some(far)) => (format!("at least {}, as the cores are far", show(far)), far),
        (true, None) => {
            let aim = format!("at least {} with near cores", show(near));
            return skipped(aim, "the cores are far apart");
        }
    };
    Verdict {
        aim,
        outcome: met(spread.median >= value),
        value: Some(spread),
        said: show(spread.median),
    }
}

/// The better one of two.
fn either(one: Verdict, other: Verdict) -> Verdict {
    let aim = format!("{}, or {}", one.aim, other.aim);
    let said = format!("{}; {}", one.said, other.said);
    let rank = |outcome| match outcome {
        Outcome::Reached | Outcome::Shown => 2,
        Outcome::Missed => 1,
        Outcome::Skipped => 0,
    };
    let better = if rank(other.outcome) > rank(one.outcome) {
        other
    } else {
        one
    };
    Verdict {
        aim,
        said,
        ..better
    }
}

#[cfg(test)]
mod tests {
    use super::super::figure::Unit;
    use super::*;

    fn figures(values: &[(&str, f64)]) -> Figures {
        let mut figures = Figures::default();
        for (name, value) in values {
            figures.record(name, Unit::EventsPerSecond, *value);
        }
        figures
    }

    const HALF: Aim = Aim::Least {
        figure: "a",
        times: 0.5,
        of: "b",
        said: "b",
    };
    const TENTH: Aim = Aim::Least {
        figure: "a",
        times: 0.1,
        of: "c",
        said: "c",
    };

    #[test]
    fn a_missed_aim_says_so_and_an_unmeasured_one_is_skipped() {
        assert_eq!(
            HALF.judge(&figures(&[("a", 5.0), ("b", 10.0)])).outcome,
            Outcome::Reached
        );
        assert_eq!(
            HALF.judge(&figures(&[("a", 4.9), ("b", 10.0)])).outcome,
            Outcome::Missed
        );
        assert_eq!(
            HALF.judge(&figures(&[("a", 5.0)])).outcome,
            Outcome::Skipped
        );
    }

    #[test]
    fn either_aim_is_enough() {
        let either = Aim::Either(&HALF, &TENTH);
        let outcome = |values: &[_]| either.judge(&figures(values)).outcome;
        assert_eq!(
            outcome(&[("a", 1.0), ("b", 10.0), ("c", 10.0)]),
            Outcome::Reached
        );
        assert_eq!(
            outcome(&[("a", 1.0), ("b", 10.0), ("c", 11.0)]),
            Outcome::Missed
        );
        assert_eq!(outcome(&[("a", 1.0), ("c", 10.0)]), Outcome::Reached);
        assert_eq!(outcome(&[("a", 1.0), ("b", 10.0)]), Outcome::Missed);
        assert_eq!(outcome(&[("a", 1.0)]), Outcome::Skipped);
    }

    #[test]
    fn far_cores_have_an_aim_of_their_own() {
        let outcome = |far, hop| {
            let aim = Aim::Reach {
                figure: "a",
                near: 25e6,
                far,
            };
            aim.judge(&figures(&[("a", 13e6), (HOP, hop)])).outcome
        };
        assert_eq!(outcome(Some(12e6), 60.0), Outcome::Missed);
        assert_eq!(outcome(Some(12e6), 400.0), Outcome::Reached);
        assert_eq!(outcome(None, 400.0), Outcome::Skipped);
    }
}
