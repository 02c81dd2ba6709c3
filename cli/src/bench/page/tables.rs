//! The same as tables: what was to be reached, and every figure of every round.

use std::fmt::Write;

use super::svg::escaped;
use crate::bench::aim::Outcome;
use crate::bench::answer::Answer;
use crate::bench::figure::digits;

/// Each row with its figures and what came of its aims.
pub(super) fn aims(answer: &Answer) -> String {
    let mut body = String::new();
    for row in answer.rows.iter().flatten() {
        let _ = writeln!(
            body,
            "<tr><th colspan=\"2\">{}</th></tr>",
            escaped(row.title)
        );
        for (figure, what) in row.figures {
            let found = answer
                .figures
                .get(figure)
                .zip(answer.figures.spread(figure));
            let shown = match found {
                Some((series, spread)) => series.unit.show_spread(spread),
                None => format!("skipped: {}", answer.figures.why_not(figure)),
            };
            let (what, shown) = (escaped(what), escaped(&shown));
            let _ = writeln!(body, "<tr><td>{what}</td><td>{shown}</td></tr>");
        }
        for verdict in answer.verdicts(row) {
            let (class, word) = match verdict.outcome {
                Outcome::Reached => ("reached", "✓ reached"),
                Outcome::Missed => ("missed", "✗ missed"),
                Outcome::Skipped => ("skipped", "skipped"),
                Outcome::Shown => ("shown", ""),
            };
            let (aim, said) = (escaped(&verdict.aim), escaped(&verdict.said));
            let _ = writeln!(
                body,
                "<tr><td>{aim}</td><td><span class=\"{class}\">{word}</span> {said}</td></tr>"
            );
        }
    }
    if body.is_empty() {
        return String::new();
    }
    format!(
        "<h2>What should be reached</h2>\n<p>Ratios are to what was measured beside it in the same \
         round.</p>\n<div class=\"scroll\"><table><tbody>\n{body}</tbody></table></div>\n"
    )
}

/// Every figure with its rounds.
pub(super) fn figures(answer: &Answer) -> String {
    let mut body = String::new();
    for (name, series) in answer.figures.measured() {
        let Some(spread) = answer.figures.spread(name) else {
            continue;
        };
        let rounds: Vec<String> = series
            .rounds
            .iter()
            .map(|value| series.unit.show(*value))
            .collect();
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            escaped(&series.unit.show_spread(spread)),
            escaped(&rounds.join(", "))
        );
    }
    let mut latencies = String::new();
    for (name, found) in &answer.latencies {
        let _ = write!(latencies, "<tr><td>{}</td>", escaped(name));
        for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
            let micros = found.value_at_quantile(quantile) as f64 / 1e3;
            let _ = write!(latencies, "<td class=\"number\">{}</td>", digits(micros));
        }
        let _ = writeln!(latencies, "<td class=\"number\">{}</td></tr>", found.len());
    }
    format!(
        "<details>\n<summary>Every figure of every round</summary>\n\
         <div class=\"scroll\"><table><thead><tr><th>figure</th><th>median</th><th>rounds</th></tr>\
         </thead><tbody>\n{body}</tbody></table></div>\n\
         <div class=\"scroll\"><table><caption>Latencies of all rounds together, in µs</caption>\
         <thead><tr><th>of</th><th class=\"number\">p50</th><th class=\"number\">p90</th>\
         <th class=\"number\">p99</th><th class=\"number\">p99.9</th><th class=\"number\">greatest</th>\
         <th class=\"number\">samples</th></tr></thead><tbody>\n{latencies}</tbody></table></div>\n\
         </details>\n"
    )
}
