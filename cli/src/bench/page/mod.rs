//! The report: one HTML page that needs nothing but itself.

mod bars;
mod curves;
mod plots;
mod scale;
mod svg;
mod tables;

use super::answer::Answer;
use svg::escaped;

/// The whole page.
pub(super) fn render(answer: &Answer) -> String {
    let style = include_str!("style.css");
    let machine: String = answer
        .machine
        .lines()
        .into_iter()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(&value)))
        .collect();
    let warning = if answer.is_durable {
        ""
    } else {
        "<p class=\"warning\"><strong>Nothing here is durable.</strong> The directory lies on a \
         file system in memory; everything that needs a disk was skipped.</p>\n"
    };
    let sections = [
        plots::throughput(answer),
        plots::threads(answer),
        plots::latency(answer),
        tables::aims(answer),
        tables::figures(answer),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>ringlog bench</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <h1>What this machine reaches</h1>\n\
         <p class=\"soft\">{}, everything taking its turn in each, in {:.0} s. Figures \
         are medians over the rounds; thin lines and parentheses give the least and the greatest. \
         Ratios are taken within a round.</p>\n\
         {warning}<dl>\n{machine}</dl>\n{sections}</body>\n</html>\n",
        answer.rounds_said(),
        answer.seconds
    )
}
