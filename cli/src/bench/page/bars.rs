//! Bars: values beside each other, each with the least and the greatest.

use super::scale::Linear;
use super::svg::{Anchor, Svg};
use crate::bench::figure::{Spread, digits};

/// One bar.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    /// How it is drawn: a class of the style sheet.
    pub(super) class: &'static str,
    pub(super) spread: Spread,
}

const WIDTH: f64 = 860.0;
const NAMES: f64 = 320.0;
const VALUES: f64 = 60.0;
const STEP: f64 = 30.0;
const THICKNESS: f64 = 18.0;

/// Bars from left to right, one below the other, with names in front of them.
pub(super) fn lying(said: &str, axis: &str, bars: &[Bar]) -> String {
    let bottom = STEP * bars.len() as f64 + 8.0;
    let mut svg = Svg::new(WIDTH, bottom + 44.0, said);
    let greatest = bars.iter().map(|bar| bar.spread.max).fold(0.0, f64::max);
    let scale = Linear::new(greatest, NAMES, WIDTH - VALUES);
    for tick in &scale.ticks {
        let x = scale.place(*tick);
        svg.line("grid", (x, 4.0), (x, bottom));
        let label = (x, bottom + 16.0);
        svg.text("tick", label, Anchor::Middle, &tick_text(*tick));
    }
    let middle = (NAMES + WIDTH - VALUES) / 2.0;
    svg.text("axis", (middle, bottom + 36.0), Anchor::Middle, axis);
    for (number, bar) in bars.iter().enumerate() {
        let y = 8.0 + STEP * number as f64;
        let center = y + THICKNESS / 2.0;
        let end = scale.place(bar.spread.median);
        let text = (NAMES - 10.0, center + 4.5);
        svg.text("name", text, Anchor::End, &bar.name);
        let size = (end - NAMES, THICKNESS);
        svg.rect(bar.class, (NAMES, y), size, &said_of(bar));
        let (least, most) = (scale.place(bar.spread.min), scale.place(bar.spread.max));
        svg.line("whisker", (least, center), (most, center));
        let value = (most.max(end) + 8.0, center + 4.5);
        svg.text("value", value, Anchor::Start, &digits(bar.spread.median));
    }
    svg.line("base", (NAMES, 4.0), (NAMES, bottom));
    svg.finish()
}

/// One group of bars that stand side by side.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    /// One a series; `None` where there is none.
    pub(super) bars: Vec<Option<Bar>>,
}

const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;

/// Groups of bars from bottom to top, with a legend of the `series` above them.
pub(super) fn standing(
    said: &str,
    axis: &str,
    series: &[(String, &'static str)],
    groups: &[Group],
) -> String {
    let (top, bottom) = (36.0, HEIGHT - 32.0);
    let mut svg = Svg::new(WIDTH, HEIGHT, said);
    let greatest = groups
        .iter()
        .flat_map(|group| group.bars.iter().flatten())
        .map(|bar| bar.spread.max)
        .fold(0.0, f64::max);
    let scale = Linear::new(greatest, bottom, top);
    for tick in &scale.ticks {
        let y = scale.place(*tick);
        svg.line("grid", (LEFT, y), (WIDTH, y));
        let label = (LEFT - 8.0, y + 4.0);
        svg.text("tick", label, Anchor::End, &tick_text(*tick));
    }
    let mut x = LEFT;
    for (name, class) in series {
        svg.rect(class, (x, 2.0), (12.0, 12.0), name);
        svg.text("name", (x + 18.0, 12.5), Anchor::Start, name);
        x += 34.0 + 7.5 * name.len() as f64;
    }
    svg.text("axis", (WIDTH, 12.5), Anchor::End, axis);
    let room = (WIDTH - LEFT) / groups.len().max(1) as f64;
    let thickness = (room * 0.7 / series.len().max(1) as f64).min(64.0);
    for (number, group) in groups.iter().enumerate() {
        let center = LEFT + room * (number as f64 + 0.5);
        let start = center - thickness * series.len() as f64 / 2.0;
        for (place, bar) in group.bars.iter().enumerate() {
            let Some(bar) = bar else { continue };
            let x = start + thickness * place as f64 + 1.0;
            let y = scale.place(bar.spread.median);
            let size = (thickness - 2.0, bottom - y);
            svg.rect(bar.class, (x, y), size, &said_of(bar));
            let middle = x + thickness / 2.0 - 1.0;
            let (least, most) = (scale.place(bar.spread.min), scale.place(bar.spread.max));
            svg.line("whisker", (middle, least), (middle, most));
            let value = (middle, most.min(y) - 5.0);
            svg.text("value", value, Anchor::Middle, &digits(bar.spread.median));
        }
        svg.text("name", (center, bottom + 18.0), Anchor::Middle, &group.name);
    }
    svg.line("base", (LEFT, bottom), (WIDTH, bottom));
    svg.finish()
}

fn said_of(bar: &Bar) -> String {
    let Spread { median, min, max } = bar.spread;
    let [median, min, max] = [median, min, max].map(digits);
    format!("{}: {median} ({min} to {max})", bar.name)
}

/// A round value, without needless zeros.
fn tick_text(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_no_needless_digits() {
        assert_eq!(
            [0.0, 0.5, 2.0, 20.0, 1500.0].map(tick_text),
            ["0", "0.5", "2", "20", "1500"]
        );
    }

    #[test]
    fn every_bar_is_named_and_says_its_spread() {
        let bars = ["engine & co", "rival"].map(|name| Bar {
            name: name.into(),
            class: "engine",
            spread: Spread {
                median: 10.0,
                min: 9.0,
                max: 12.0,
            },
        });
        let svg = lying("said", "M events/s", &bars);
        assert!(svg.contains("engine &amp; co: 10.0 (9.00 to 12.0)"));
        assert_eq!(svg.matches("class=\"whisker\"").count(), 2);
    }
}
