//! Contenders round by round, so that what changes on the machine meets all of them.

use std::time::Duration;

/// What one run of a contender came to.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Messages or events that went all the way.
    pub count: u64,
    pub elapsed: Duration,
    /// Whether the time limit ended it before everything was sent.
    pub is_cut: bool,
}

impl Sample {
    /// How long `count` would have taken at this rate.
    pub fn scaled_to(&self, count: u64) -> Duration {
        self.elapsed.mul_f64(count as f64 / self.count as f64)
    }

    fn per_second(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }
}

/// One contender of a comparison.
pub struct Row<'a> {
    pub name: &'static str,
    run: Box<dyn FnMut(u64) -> Sample + 'a>,
}

impl<'a> Row<'a> {
    /// `run` moves as many messages as it is told, or fewer if time runs out.
    pub fn new(name: &'static str, run: impl FnMut(u64) -> Sample + 'a) -> Self {
        let run = Box::new(run);
        Self { name, run }
    }

    pub fn run(&mut self, count: u64) -> Sample {
        (self.run)(count)
    }
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Whether `cargo bench` started this; otherwise a test only wants to see that it works.
pub fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Runs every row `rounds` times, a round after the other, and prints a table. Ratios are to the
/// first row, which is ringlog.
pub fn interleave(title: &str, rounds: usize, count: u64, rows: &mut [Row<'_>]) {
    let mut rates = vec![Vec::new(); rows.len()];
    let mut cut = vec![0; rows.len()];
    for _ in 0..rounds {
        for (index, row) in rows.iter_mut().enumerate() {
            let sample = row.run(count);
            rates[index].push(sample.per_second());
            cut[index] += usize::from(sample.is_cut);
        }
    }
    println!("\n{title}: {count} each, {rounds} rounds, interleaved; millions a second");
    println!(
        "{:<58} {:>9} {:>9} {:>9} {:>8}",
        "", "median", "min", "max", "ratio"
    );
    let mut reference = None;
    for ((row, rates), cut) in rows.iter().zip(&mut rates).zip(cut) {
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        let reference = *reference.get_or_insert(median);
        let note = match cut {
            0 => String::new(),
            cut => format!("  (time limit met in {cut} of {rounds})"),
        };
        println!(
            "{:<58} {:>9.4} {:>9.4} {:>9.4} {:>8.3}{note}",
            row.name,
            median / 1e6,
            rates[0] / 1e6,
            rates[rates.len() - 1] / 1e6,
            median / reference,
        );
    }
}
