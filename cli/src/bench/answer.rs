//! What a run found, as one JSON document.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::aim::{Aim, Verdict};
use super::entries::{scaled, scaling_name};
use super::figure::{Figures, Spread};
use super::machine::Machine;
use super::open_loop::Latencies;
use super::rows::{Row, SCALING};
use super::sizes::Sizes;

/// Everything that a run found.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) machine: Machine,
    pub(super) sizes: Sizes,
    /// How many rounds there was time for.
    pub(super) rounds: u32,
    pub(super) rate: u64,
    pub(super) seed: u64,
    pub(super) is_quick: bool,
    pub(super) is_durable: bool,
    pub(super) seconds: f64,
    /// The rows that were asked for; `None` stands for the throughput by threads.
    pub(super) rows: Vec<Option<&'static Row>>,
    pub(super) figures: Figures,
    /// Latencies of all rounds together, by what they are of.
    pub(super) latencies: Vec<(&'static str, Latencies)>,
}

/// The quantiles that are told of each distribution.
const QUANTILES: [(&str, f64); 6] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99_9", 0.999),
    ("p99_99", 0.9999),
    ("max", 1.0),
];

impl Answer {
    /// What came of a row's aims.
    pub(super) fn verdicts(&self, row: &Row) -> Vec<Verdict> {
        row.aims
            .iter()
            .map(|aim| Aim::judge(aim, &self.figures))
            .collect()
    }

    /// Throughput by publishers and partitions, where it was measured.
    pub(super) fn scaling(&self) -> Vec<(u64, u32, Spread)> {
        scaled()
            .into_iter()
            .filter_map(|(publishers, partitions)| {
                let name = scaling_name(publishers, partitions);
                let spread = self.figures.spread(&name)?;
                Some((publishers, partitions, spread))
            })
            .collect()
    }

    /// Whether the throughput by threads was asked for.
    pub(super) fn has_scaling(&self) -> bool {
        self.rows.iter().any(Option::is_none)
    }

    /// The number of rounds in words: also that there should have been more.
    pub(super) fn rounds_said(&self) -> String {
        let plural = if self.rounds == 1 { "" } else { "s" };
        let wanted = self.sizes.rounds;
        match self.rounds < wanted {
            true => format!(
                "{} round{plural} (there was no time for {wanted})",
                self.rounds
            ),
            false => format!("{} round{plural}", self.rounds),
        }
    }

    pub(super) fn json(&self) -> Result<Value> {
        let figures: Map<String, Value> = self
            .figures
            .measured()
            .map(|(name, series)| {
                let spread = Spread::of(&series.rounds);
                let figure = json!({
                    "unit": series.unit,
                    "median": spread.map(|spread| spread.median),
                    "min": spread.map(|spread| spread.min),
                    "max": spread.map(|spread| spread.max),
                    "rounds": series.rounds,
                });
                (name.to_owned(), figure)
            })
            .collect();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .flatten()
            .map(|row| self.row(row))
            .collect();
        let scaling: Vec<Value> = self
            .scaling()
            .into_iter()
            .map(|(publishers, partitions, spread)| {
                json!({
                    "publishers": publishers,
                    "partitions": partitions,
                    "events_per_second": spread,
                })
            })
            .collect();
        let latencies: Map<String, Value> = self
            .latencies
            .iter()
            .map(|(name, latencies)| ((*name).to_owned(), quantiles(latencies)))
            .collect();
        Ok(json!({
            "machine": self.machine,
            "is_durable": self.is_durable,
            "settings": {
                "rounds": self.rounds,
                "rounds_wanted": self.sizes.rounds,
                "quick": self.is_quick,
                "seed": self.seed,
                "rate": self.rate,
                "burst_bytes": self.sizes.burst_bytes,
                "segment_bytes": self.sizes.segment_bytes,
            },
            "seconds": self.seconds,
            "rows": rows,
            SCALING: scaling,
            "figures": figures,
            "latencies": latencies,
            "skipped": self.figures.skipped(),
        }))
    }

    fn row(&self, row: &Row) -> Value {
        let names: Vec<&str> = row.figures.iter().map(|(figure, _)| *figure).collect();
        json!({
            "name": row.name,
            "title": row.title,
            "figures": names,
            "aims": self.verdicts(row),
        })
    }
}

fn quantiles(latencies: &Latencies) -> Value {
    let mut values = Map::new();
    values.insert("samples".into(), latencies.len().into());
    for (name, quantile) in QUANTILES {
        let value = latencies.value_at_quantile(quantile);
        values.insert(format!("{name}_ns"), value.into());
    }
    Value::Object(values)
}
