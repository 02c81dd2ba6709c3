//! The table: what is shown, and what it should reach.

use super::aim::Aim;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// What `--only` calls it.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The figures that it shows, with what each is.
    pub(super) figures: &'static [(&'static str, &'static str)],
    pub(super) aims: &'static [Aim],
    /// Contenders whose figures the aims need besides those shown.
    pub(super) needs: &'static [&'static str],
}

const DEVICE: (&str, &str) = ("device", "bare large durable writes");

/// All rows, in the order in which they are printed.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "trivial",
        title: "Durable, trivial state, 128-byte frames, in batches",
        figures: &[("trivial", "engine"), ("trivial.bytes", "journal"), DEVICE],
        aims: &[Aim::Least {
            figure: "trivial.bytes",
            times: 0.8,
            of: "device",
            said: "the bare device",
        }],
        needs: &[],
    },
    Row {
        name: "arena",
        title: "Durable, 100,000 players, 80-byte frames, in batches",
        figures: &[
            ("arena", "engine"),
            ("arena.bytes", "journal"),
            DEVICE,
            ("memory", "engine without a journal"),
            ("rival.disruptor", "disruptor + postcard, pinned"),
            (
                "rival.disruptor-apart",
                "the same, journal and state on two threads",
            ),
            ("rival.crossbeam", "crossbeam-channel + postcard, pinned"),
            (
                "rival.rkyv",
                "disruptor + rkyv to_bytes, the better way of both",
            ),
            ("rival.readme", "disruptor + postcard, spinning, not pinned"),
            ("cores.hop", "a cache line from core to core"),
        ],
        aims: &[
            Aim::Either(
                &Aim::Least {
                    figure: "arena.bytes",
                    times: 0.7,
                    of: "device",
                    said: "the bare device",
                },
                &Aim::Least {
                    figure: "arena",
                    times: 0.85,
                    of: "memory",
                    said: "without a journal",
                },
            ),
            Aim::Reach {
                figure: "arena",
                near: 25e6,
                far: Some(12e6),
            },
            Aim::Least {
                figure: "arena",
                times: 2.0,
                of: "rival",
                said: "the best glued rival",
            },
            Aim::Least {
                figure: "arena",
                times: 5.0,
                of: "rival.rkyv",
                said: "the rkyv rival",
            },
        ],
        needs: &["cores"],
    },
    Row {
        name: "envelope",
        title: "Durable, the game's full events with their strings",
        figures: &[
            ("envelope", "engine"),
            ("envelope.bytes", "journal"),
            DEVICE,
        ],
        aims: &[Aim::Beside {
            figure: "envelope.bytes",
            of: "device",
            said: "the bare device",
        }],
        needs: &[],
    },
    Row {
        name: "endless",
        title: "Durable without end, segments being prepared meanwhile",
        figures: &[
            ("endless", "engine"),
            ("endless.bytes", "journal"),
            DEVICE,
            ("zeroing", "bare overwriting beside zero-filling"),
            ("appending", "bare appending"),
        ],
        aims: &[
            Aim::Least {
                figure: "endless.bytes",
                times: 0.35,
                of: "device",
                said: "the bare device",
            },
            Aim::Beside {
                figure: "endless.bytes",
                of: "zeroing",
                said: "bare overwriting beside zero-filling",
            },
            Aim::Beside {
                figure: "endless.bytes",
                of: "appending",
                said: "bare appending",
            },
        ],
        needs: &[],
    },
    Row {
        name: "one-by-one",
        title: "Durable, published one by one",
        figures: &[("one-by-one", "engine"), ("arena", "in batches")],
        aims: &[Aim::Least {
            figure: "one-by-one",
            times: 0.8,
            of: "arena",
            said: "in batches",
        }],
        needs: &[],
    },
    Row {
        name: "two-publishers",
        title: "Durable, two publishers",
        figures: &[("two-publishers", "engine"), ("arena", "one publisher")],
        aims: &[Aim::Least {
            figure: "two-publishers",
            times: 0.8,
            of: "arena",
            said: "one publisher",
        }],
        needs: &[],
    },
    Row {
        name: "memory",
        title: "Without a journal, 100,000 players",
        figures: &[
            ("memory", "engine"),
            ("hop.match", "disruptor, archiving and validating only"),
            ("hop.plain", "disruptor, handing over only"),
        ],
        aims: &[
            Aim::Reach {
                figure: "memory",
                near: 30e6,
                far: None,
            },
            Aim::Least {
                figure: "memory",
                times: 0.8,
                of: "hop.match",
                said: "the archiving hop",
            },
        ],
        needs: &["cores"],
    },
    Row {
        name: "memory-trivial",
        title: "Without a journal, trivial state",
        figures: &[
            ("memory-trivial", "engine"),
            ("hop.sample", "disruptor, archiving and validating only"),
        ],
        aims: &[
            Aim::Reach {
                figure: "memory-trivial",
                near: 50e6,
                far: None,
            },
            Aim::Least {
                figure: "memory-trivial",
                times: 0.8,
                of: "hop.sample",
                said: "the archiving hop",
            },
        ],
        needs: &["cores"],
    },
    Row {
        name: "four-to-two",
        title: "Durable, 4 publishers to 2 partitions",
        figures: &[
            ("four-to-two", "engine"),
            ("arena", "1 publisher to 1 partition"),
            ("crowd", "disruptor + postcard, spinning"),
        ],
        aims: &[
            Aim::Least {
                figure: "four-to-two",
                times: 0.6,
                of: "arena",
                said: "1 to 1",
            },
            Aim::Beside {
                figure: "four-to-two",
                of: "crowd",
                said: "disruptor",
            },
        ],
        needs: &[],
    },
    Row {
        name: "busy",
        title: "Durable beside foreign busy loops, one a CPU",
        figures: &[
            ("busy", "engine"),
            ("busy-rival.disruptor", "disruptor + postcard"),
            (
                "busy-rival.disruptor-pinned",
                "disruptor + postcard, pinned",
            ),
            (
                "busy-rival.disruptor-apart",
                "the same, journal and state on two threads",
            ),
            ("busy-rival.crossbeam", "crossbeam-channel + postcard"),
        ],
        aims: &[
            Aim::Reach {
                figure: "busy",
                near: 3e6,
                far: Some(3e6),
            },
            Aim::Least {
                figure: "busy",
                times: 2.0,
                of: "busy-rival",
                said: "the best rival under the same load",
            },
        ],
        needs: &["cores"],
    },
    Row {
        name: "lone-ack",
        title: "Acknowledgement of one event at a time",
        figures: &[
            ("lone-ack.p50", "engine, p50"),
            ("lone-ack.p99", "engine, p99"),
            ("lone-ack.bare-p50", "bare 4 KiB durable write, p50"),
            ("lone-ack.bare-p99", "bare 4 KiB durable write, p99"),
        ],
        aims: &[
            Aim::Most {
                figure: "lone-ack.p50",
                times: 2.0,
                of: "lone-ack.bare-p50",
                said: "the bare write (p50)",
            },
            Aim::Most {
                figure: "lone-ack.p99",
                times: 2.0,
                of: "lone-ack.bare-p99",
                said: "the bare write (p99)",
            },
        ],
        needs: &[],
    },
    Row {
        name: "load",
        title: "Acknowledgement under an offered load, from the intended time",
        figures: &[
            ("load.p50", "engine, p50"),
            ("load.p99", "engine, p99"),
            ("load.p999", "engine, p99.9"),
            ("load.bare-p50", "bare 64 KiB durable write, p50"),
            ("load.bare-p99", "bare 64 KiB durable write, p99"),
            ("load.rate", "events that were published"),
        ],
        aims: &[Aim::Most {
            figure: "load.p50",
            times: 2.5,
            of: "load.bare-p50",
            said: "a bare 64 KiB write",
        }],
        needs: &[],
    },
    Row {
        name: "applied",
        title: "From publish to applied under an offered load, without a journal",
        figures: &[
            ("applied.p50", "engine, p50"),
            ("applied.p99", "engine, p99"),
            ("applied.p999", "engine, p99.9"),
            ("applied.hop-p50", "disruptor, handing over only, p50"),
            ("applied.rate", "events that were published"),
        ],
        aims: &[Aim::Below {
            figure: "applied.p50",
            value: 200.0,
        }],
        needs: &[],
    },
    Row {
        name: "replay",
        title: "Replay from the page cache; applying has a thread that reads ahead",
        figures: &[
            ("replay.walked", "frames walked and checked"),
            ("replay.applied", "applied to 100,000 players"),
        ],
        aims: &[
            Aim::Reach {
                figure: "replay.walked",
                near: 50e6,
                far: Some(50e6),
            },
            Aim::Reach {
                figure: "replay.applied",
                near: 20e6,
                far: Some(20e6),
            },
        ],
        needs: &["cores"],
    },
    Row {
        name: "idle",
        title: "An idle pipeline, and all the others of this run",
        figures: &[("idle", "CPU time")],
        aims: &[Aim::Below {
            figure: "idle",
            value: 0.01,
        }],
        needs: &[],
    },
];

/// The row of the throughput by threads, whose figures depend on the machine.
pub(super) const SCALING: &str = "scaling";

impl Row {
    /// The contenders that it needs.
    pub(super) fn contenders(&self) -> impl Iterator<Item = &'static str> {
        let shown = self.figures.iter().map(|(figure, _)| *figure);
        let judged = self.aims.iter().flat_map(|aim| aim.figures());
        shown
            .chain(judged)
            .chain(self.needs.iter().copied())
            .map(|figure| figure.split('.').next().unwrap_or(figure))
    }
}

impl Aim {
    /// The figures that it compares.
    fn figures(&self) -> Vec<&'static str> {
        match *self {
            Self::Least { figure, of, .. }
            | Self::Most { figure, of, .. }
            | Self::Beside { figure, of, .. } => vec![figure, of],
            Self::Reach { figure, .. } | Self::Below { figure, .. } => vec![figure],
            Self::Either(one, other) => [one.figures(), other.figures()].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Game;
    use crate::bench::entries::entries;

    #[test]
    fn every_figure_of_the_table_comes_from_a_contender() {
        let names: BTreeSet<String> = entries::<Game>().into_iter().map(|e| e.name).collect();
        for row in ROWS {
            for contender in row.contenders() {
                assert!(names.contains(contender), "{contender} of {}", row.name);
            }
        }
    }

    #[test]
    fn every_contender_is_in_the_table() {
        let shown: BTreeSet<_> = ROWS.iter().flat_map(Row::contenders).collect();
        for entry in entries::<Game>() {
            let is_shown = shown.contains(entry.name.as_str());
            assert!(
                is_shown || entry.name.starts_with(SCALING),
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn rows_have_names_of_their_own() {
        let names: BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
    }
}
