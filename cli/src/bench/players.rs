//! The states that the events make up.

use ringlog::{Event, EventMeta, State, Table};

use super::workload::{MatchEvent, MatchView, PLAYERS_COUNT, SampleEvent, SampleView};

/// What is known of a player. The rivals keep the same.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Player {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) at_ms: i64,
    pub(super) kills: u32,
    pub(super) deaths: u32,
}

impl Player {
    #[inline]
    pub(super) fn moved(&mut self, at_ms: i64, x: f64, y: f64) {
        (self.at_ms, self.x, self.y) = (at_ms, x, y);
    }

    #[inline]
    pub(super) fn killed(&mut self, at_ms: i64, x: f64, y: f64) {
        self.moved(at_ms, x, y);
        self.kills += 1;
    }
}

/// Never across two cache lines.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Aligned(Player);

/// Players by id: a kill touches two of them.
#[derive(Debug, Clone)]
pub(super) struct Players(Table<u32, Aligned>);

impl Players {
    pub(super) fn new(_partition: u32) -> Self {
        Self(Table::with_capacity(PLAYERS_COUNT as usize))
    }

    #[cfg(test)]
    pub(super) fn get(&self, id: u32) -> Option<&Player> {
        self.0.get(id).map(|player| &player.0)
    }
}

impl State for Players {
    type Event = MatchEvent;

    #[inline]
    fn prefetch(&self, coming: &[<MatchEvent as Event>::View<'_>]) {
        self.0.prefetch(coming.iter().map(|event| match event {
            MatchView::Moved(moved) => moved.player.to_native(),
            MatchView::Killed(killed) => killed.player.to_native(),
        }));
        self.0
            .prefetch(coming.iter().filter_map(|event| match event {
                MatchView::Moved(_) => None,
                MatchView::Killed(killed) => Some(killed.victim.to_native()),
            }));
    }

    #[inline]
    fn apply(&mut self, event: MatchView<'_>, _: &EventMeta) {
        match event {
            MatchView::Moved(moved) => self
                .0
                .get_or_insert_with(moved.player.to_native(), Aligned::default)
                .0
                .moved(
                    moved.at_ms.to_native(),
                    moved.x.to_native(),
                    moved.y.to_native(),
                ),
            MatchView::Killed(killed) => {
                let (x, y) = (killed.x.to_native().into(), killed.y.to_native().into());
                self.0
                    .get_or_insert_with(killed.player.to_native(), Aligned::default)
                    .0
                    .killed(killed.at_ms.to_native(), x, y);
                self.0
                    .get_or_insert_with(killed.victim.to_native(), Aligned::default)
                    .0
                    .deaths += 1;
            }
        }
    }
}

/// State that does next to nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum(u64);

impl State for Sum {
    type Event = SampleEvent;

    #[inline]
    fn apply(&mut self, SampleView::Sample(sample): SampleView<'_>, _: &EventMeta) {
        self.0 = self.0.wrapping_add(sample.values[7].to_native());
    }
}
