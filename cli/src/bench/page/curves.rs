//! Latencies by percentile: the further to the right, the rarer.

use super::scale::Logarithmic;
use super::svg::{Anchor, Svg};
use crate::bench::open_loop::Latencies;

/// One curve.
#[derive(Debug)]
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'static str,
    pub(super) latencies: &'a Latencies,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const LEGEND_STEP: f64 = 20.0;
/// Points of a curve to each nine of the percentile.
const POINTS: u32 = 24;

/// Each nine of the percentile takes the same room, each power of ten of the latency, too.
pub(super) fn percentiles(said: &str, curves: &[Curve<'_>]) -> String {
    let rows = curves.len().div_ceil(2);
    let (top, bottom) = (36.0 + LEGEND_STEP * rows as f64, HEIGHT - 56.0);
    let mut svg = Svg::new(WIDTH, HEIGHT, said);
    let nines = curves
        .iter()
        .map(|curve| nines_of(curve.latencies))
        .fold(1.0, f64::max)
        .ceil();
    let quantile_at = |x: f64| 1.0 - 10_f64.powf(-x);
    let place = |x: f64| LEFT + (WIDTH - LEFT - 36.0) * x / nines;
    let least = curves
        .iter()
        .map(|curve| curve.latencies.min())
        .min()
        .unwrap_or(1);
    let most = curves
        .iter()
        .map(|curve| curve.latencies.max())
        .max()
        .unwrap_or(10);
    let scale = Logarithmic::new(least.max(1) as f64, most as f64, bottom, top);
    for tick in &scale.ticks {
        let y = scale.place(*tick);
        svg.line("grid", (LEFT, y), (WIDTH, y));
        let label = (LEFT - 8.0, y + 4.0);
        svg.text("tick", label, Anchor::End, &time_text(*tick));
    }
    let median = (2_f64.log10(), "50 %".to_owned());
    let ticks = std::iter::once(median)
        .chain((1..=nines as u32).map(|count| (f64::from(count), percent_text(count))));
    for (x, name) in ticks {
        svg.line("grid", (place(x), top), (place(x), bottom));
        svg.text("tick", (place(x), bottom + 18.0), Anchor::Middle, &name);
    }
    for (number, curve) in curves.iter().enumerate() {
        let steps = (nines_of(curve.latencies) * f64::from(POINTS)) as u32;
        let points: Vec<_> = (0..=steps)
            .map(|step| f64::from(step) / f64::from(POINTS))
            .map(|x| {
                let latency = curve.latencies.value_at_quantile(quantile_at(x));
                (place(x), scale.place(latency as f64))
            })
            .collect();
        svg.curve(&format!("curve {}", curve.class), &points, curve.name);
        let (x, y) = (
            LEFT + (WIDTH - LEFT) / 2.0 * (number % 2) as f64,
            8.0 + LEGEND_STEP * (number / 2) as f64,
        );
        svg.line(&format!("curve {}", curve.class), (x, y), (x + 28.0, y));
        svg.text("name", (x + 36.0, y + 4.5), Anchor::Start, curve.name);
    }
    svg.line("base", (LEFT, bottom), (WIDTH, bottom));
    svg.text("axis", (LEFT - 8.0, top - 12.0), Anchor::End, "latency");
    let middle = ((LEFT + WIDTH) / 2.0, HEIGHT - 10.0);
    let axis = "percentile: so many of all events were at least as fast";
    svg.text("axis", middle, Anchor::Middle, axis);
    svg.finish()
}

/// How many nines there are samples for.
fn nines_of(latencies: &Latencies) -> f64 {
    (latencies.len().max(1) as f64).log10()
}

/// `90 %`, `99 %`, `99.9 %`.
fn percent_text(nines: u32) -> String {
    match nines {
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more as usize - 2)),
    }
}

/// A power of ten of nanoseconds.
fn time_text(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        value if value < 1e3 => (value, "ns"),
        value if value < 1e6 => (value / 1e3, "µs"),
        value if value < 1e9 => (value / 1e6, "ms"),
        value => (value / 1e9, "s"),
    };
    format!("{value:.0} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::open_loop::latencies;

    #[test]
    fn a_curve_ends_where_its_samples_do() {
        let mut samples = latencies();
        (1..=1_000).for_each(|value| samples.saturating_record(value * 1_000));
        assert!((nines_of(&samples) - 3.0).abs() < 1e-9);
        let curve = Curve {
            name: "a curve",
            class: "hue-1",
            latencies: &samples,
        };
        let svg = percentiles("said", &[curve]);
        assert!(svg.contains("99.9 %") && !svg.contains("99.99 %"), "{svg}");
    }

    #[test]
    fn no_samples_are_no_curve() {
        let none = latencies();
        let curve = Curve {
            name: "nothing",
            class: "hue-1",
            latencies: &none,
        };
        assert!(!percentiles("said", &[curve]).contains("<path"));
    }

    #[test]
    fn axes_are_labelled_with_units() {
        assert_eq!(
            [1.0, 1e2, 1e3, 1e5, 1e6, 1e9].map(time_text),
            ["1 ns", "100 ns", "1 µs", "100 µs", "1 ms", "1 s"]
        );
        assert_eq!(
            [1, 2, 3, 5].map(percent_text),
            ["90 %", "99 %", "99.9 %", "99.999 %"]
        );
    }
}
