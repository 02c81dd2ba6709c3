//! Moments in a journal's past, as a command line names them, and the states of them.

use std::fmt;
use std::str::FromStr;

use ringlog::journal::{JournalReader, ReadError};
use ringlog::snapshot::AsOf;
use ringlog::time_travel::{StateAt, TimeTravelError};

use crate::Domain;
use crate::exit::Usage;
use crate::progress::Progress;

/// A partition and a sequence in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) partition: u32,
    pub(crate) sequence: u64,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once(':').and_then(|(partition, sequence)| {
            Some(Self {
                partition: partition.parse().ok()?,
                sequence: sequence.parse().ok()?,
            })
        });
        place.ok_or_else(|| "write it as PARTITION:SEQUENCE, such as 0:1500".to_owned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.sequence)
    }
}

/// A moment in one argument.
#[derive(Debug, Clone)]
pub(crate) enum Moment {
    Latest,
    EventTimeMs(i64),
    Places(Vec<Place>),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Some(time) = text.strip_prefix("time:") {
            let time = time.parse().map_err(|_| {
                "write a time as time:MS, in milliseconds since the Unix epoch".to_owned()
            })?;
            return Ok(Self::EventTimeMs(time));
        }
        let places: Result<Vec<Place>, String> = text.split(',').map(str::parse).collect();
        places.map(Self::Places).map_err(|_| {
            "write it as PARTITION:SEQUENCE[,…], such as 0:1500, as time:MS, or as latest"
                .to_owned()
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::EventTimeMs(time) => write!(f, "time:{time}"),
            Self::Places(places) => {
                let places: Vec<String> = places.iter().map(Place::to_string).collect();
                f.write_str(&places.join(","))
            }
        }
    }
}

impl Moment {
    /// What the moment is in each partition. `option` named it.
    pub(crate) fn in_partitions(&self, option: &str, partitions: u32) -> Result<Vec<AsOf>, Usage> {
        match self {
            Self::Latest => in_partitions(option, partitions, &[], None),
            Self::EventTimeMs(time) => in_partitions(option, partitions, &[], Some(*time)),
            Self::Places(places) => in_partitions(option, partitions, places, None),
        }
    }
}

/// The moment in each partition: up to a place, where one is given, and up to an event time.
pub(crate) fn in_partitions(
    option: &str,
    partitions: u32,
    places: &[Place],
    time: Option<i64>,
) -> Result<Vec<AsOf>, Usage> {
    let whole = AsOf {
        event_time_ms: time.unwrap_or(AsOf::LATEST.event_time_ms),
        ..AsOf::LATEST
    };
    let mut moments = vec![None; partitions as usize];
    for place in places {
        let usage = |problem: &str| Usage(format!("{option} {place}: {problem}"));
        match moments.get_mut(place.partition as usize) {
            Some(entry @ None) => {
                *entry = Some(AsOf {
                    sequence: Some(place.sequence),
                    ..whole
                });
            }
            Some(Some(_)) => return Err(usage("this partition is named twice")),
            None => return Err(usage("the journal has no such partition")),
        }
    }
    Ok(moments
        .into_iter()
        .map(|moment| moment.unwrap_or(whole))
        .collect())
}

/// The state of every partition at its moment.
pub(crate) fn states_at<D: Domain>(
    reader: &JournalReader,
    moments: &[AsOf],
) -> anyhow::Result<Vec<StateAt<D::State>>> {
    let mut progress = Progress::of_events("replaying", reader);
    let mut states = Vec::new();
    for (partition, as_of) in (0..).zip(moments) {
        let state = reader
            .state_at_telling(partition, *as_of, D::state, |_| progress.event())
            .map_err(explained)?;
        states.push(state);
    }
    Ok(states)
}

fn explained(error: TimeTravelError) -> anyhow::Error {
    let is_retired = matches!(error, TimeTravelError::Read(ReadError::Retired { .. }));
    let error = anyhow::Error::new(error);
    match is_retired {
        true => error.context("no kept snapshot leads to that moment"),
        false => error,
    }
}
