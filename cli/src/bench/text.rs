//! The table, for people.

use std::fmt::Write;

use super::aim::{Outcome, Verdict};
use super::answer::Answer;
use super::figure::Unit;
use super::rows::{ROWS, Row, SCALING};

/// The whole answer.
pub(super) fn render(answer: &Answer) -> String {
    let mut text = String::new();
    for (name, value) in answer.machine.lines() {
        let _ = writeln!(text, "{name:<16}{value}");
    }
    let _ = writeln!(
        text,
        "{:<16}{}, interleaved; medians (least to greatest); {:.0} s in all",
        "measured",
        answer.rounds_said(),
        answer.seconds
    );
    if !answer.is_durable {
        text.push_str(
            "\nNOTHING IS DURABLE: the directory lies on a file system in memory. Every row that \
             needs a disk is SKIPPED; name a directory on a disk with --dir.\n",
        );
    }
    for row in answer.rows.iter().flatten() {
        push_row(&mut text, answer, row);
    }
    if answer.has_scaling() {
        push_scaling(&mut text, answer);
    }
    push_summary(&mut text, answer);
    text
}

/// Names and titles of the rows.
pub(super) fn list() -> String {
    let mut text = String::new();
    for row in ROWS {
        let _ = writeln!(text, "{:<16}{}", row.name, row.title);
    }
    let _ = writeln!(text, "{SCALING:<16}{SCALING_TITLE}");
    text
}

const SCALING_TITLE: &str = "Durable, by publishers and partitions";

fn push_row(text: &mut String, answer: &Answer, row: &Row) {
    let _ = writeln!(text, "\n{} [{}]", row.title, row.name);
    for (figure, what) in row.figures {
        let shown = match answer
            .figures
            .get(figure)
            .zip(answer.figures.spread(figure))
        {
            Some((series, spread)) => series.unit.show_spread(spread),
            None => format!("SKIPPED: {}", answer.figures.why_not(figure)),
        };
        let _ = writeln!(text, "    {what:<50}{shown}");
    }
    for verdict in answer.verdicts(row) {
        let _ = writeln!(text, "    {}", line_of(&verdict));
    }
}

/// An aim and what came of it.
fn line_of(verdict: &Verdict) -> String {
    let Verdict {
        aim, outcome, said, ..
    } = verdict;
    match outcome {
        Outcome::Reached => format!("reached: {aim}: {said}"),
        Outcome::Missed => format!("MISSED:  {aim}: {said}"),
        Outcome::Skipped => format!("SKIPPED: {aim}: {said}"),
        Outcome::Shown => format!("{aim}: {said}"),
    }
}

fn push_scaling(text: &mut String, answer: &Answer) {
    let _ = writeln!(text, "\n{SCALING_TITLE} [{SCALING}]");
    let found = answer.scaling();
    if found.is_empty() {
        let why = answer.figures.why_not("scaling-1-to-1");
        let _ = writeln!(text, "    SKIPPED: {why}");
    }
    for (publishers, partitions, spread) in found {
        let what = format!("{publishers} to {partitions}");
        let shown = Unit::EventsPerSecond.show_spread(spread);
        let _ = writeln!(text, "    {what:<50}{shown}");
    }
}

fn push_summary(text: &mut String, answer: &Answer) {
    let verdicts: Vec<Verdict> = answer
        .rows
        .iter()
        .flatten()
        .flat_map(|row| answer.verdicts(row))
        .collect();
    let count = |outcome| verdicts.iter().filter(|v| v.outcome == outcome).count();
    let _ = writeln!(
        text,
        "\n{} aims reached, {} missed, {} skipped",
        count(Outcome::Reached),
        count(Outcome::Missed),
        count(Outcome::Skipped)
    );
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Figures, Unit};
    use super::super::machine::Machine;
    use super::super::sizes::Sizes;
    use super::*;

    fn answer(figures: &[(&str, Unit, f64)], is_durable: bool) -> Answer {
        let mut all = Figures::default();
        for (name, unit, value) in figures {
            all.record(name, *unit, *value);
        }
        all.skip("rival", "a reason".into());
        Answer {
            machine: Machine {
                cpu: "a processor".into(),
                cpus: 2,
                memory_bytes: None,
                kernel: "6".into(),
                file_system: "ext4 on /dev/sda".into(),
                governor: "unknown".into(),
                durable_writes: "O_DIRECT|O_DSYNC".into(),
                rustc: "rustc 1",
                ringlog: "0",
            },
            sizes: Sizes::tiny(),
            rounds: 1,
            rate: 1,
            seed: 1,
            is_quick: true,
            is_durable,
            seconds: 1.0,
            rows: vec![ROWS.iter().find(|row| row.name == "arena"), None],
            figures: all,
            latencies: Vec::new(),
        }
    }

    #[test]
    fn missed_and_skipped_aims_are_said_out_loud() {
        let text = render(&answer(
            &[
                ("arena", Unit::EventsPerSecond, 8e6),
                ("arena.bytes", Unit::BytesPerSecond, 0.64e9),
                ("device", Unit::BytesPerSecond, 2e9),
                ("memory", Unit::EventsPerSecond, 16e6),
            ],
            true,
        ));
        for line in [
            "    engine                                            8.00 M events/s (8.00 to 8.00)",
            "    MISSED:  at least 0.700 x the bare device, or at least 0.850 x without a journal: \
             0.320 x (0.320 to 0.320); 0.500 x (0.500 to 0.500)",
            "    SKIPPED: at least 2.00 x the best glued rival: a reason",
            "0 aims reached, 1 missed, 3 skipped",
            "1 round (there was no time for 2), interleaved",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn a_file_system_in_memory_is_called_that() {
        assert!(render(&answer(&[], false)).contains("NOTHING IS DURABLE"));
        assert!(!render(&answer(&[], true)).contains("NOTHING IS DURABLE"));
    }
}
