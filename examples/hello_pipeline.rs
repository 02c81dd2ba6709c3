//! The smallest useful pipeline: counters that survive the process.
//!
//! Run it twice: `cargo run --example hello_pipeline -- some-directory` goes on where it was.
#![forbid(unsafe_code)]

use ringlog::{EventMeta, Pipeline, State, rkyv};

/// A visit to a page.
#[derive(Debug, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Visited {
    /// The page's id: it decides the partition.
    pub page: u64,
}

ringlog::events! {
    /// What happens on a site.
    #[derive(Debug)]
    pub enum SiteEvent, view SiteView {
        Visited(Visited) = 1, "page.visited", version 1, key page;
    }
}

#[derive(Default)]
struct Visits(std::collections::HashMap<u64, u64>);

impl State for Visits {
    type Event = SiteEvent;

    fn apply(&mut self, event: SiteView<'_>, _: &EventMeta) {
        let SiteView::Visited(visited) = event;
        *self.0.entry(visited.page.to_native()).or_default() += 1;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let path = std::env::args_os()
        .nth(1)
        .map_or(temporary.path().to_owned(), Into::into);
    let pipeline = Pipeline::<Visits>::builder(path)
        .partitions(2)
        .open(|_| Visits::default())?;
    println!(
        "recovered {} events",
        pipeline
            .stats()
            .iter()
            .map(|p| p.durable_sequence)
            .sum::<u64>()
    );

    let publisher = pipeline.publisher();
    for visit in 0..1_000 {
        publisher.publish(&Visited { page: visit % 10 }.into())?;
    }
    publisher.publish(&Visited { page: 7 }.into())?.wait()?;
    let visits = pipeline.read(7, |visits| visits.0.get(&7).copied())?;
    println!("page 7 was visited {} times", visits.unwrap_or_default());

    let report = pipeline.close()?;
    println!(
        "{} events in {} groups, {} bytes",
        report.events(),
        report.groups(),
        report.bytes_written()
    );
    Ok(())
}
