//! The read side of a game: who is where, and how the server is doing.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use super::grid::{Grid, Nearby};
use super::{Arena, GameEvent, GameView, Killer, Location, Player, PlayerSummary, Summary, player};
use crate::projection::Projection;
use crate::{Event, EventMeta, State};

/// A read model of a whole game: the players of all partitions, found by id and by place.
///
/// ```no_run
/// # use ringlog::{Pipeline, game::{Arena, Lobby, Location}, projection::Settings};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pipeline = Pipeline::<Arena>::builder("game").open(|_| Arena::default())?;
/// let lobby = pipeline.project("lobby", Settings::default(), Lobby::default)?;
/// let level = lobby.read(|lobby| lobby.player(7).map(|player| player.level()));
/// let place = Location { x: 500_u64.into(), y: 500_u64.into() };
/// let near = lobby.read(|lobby| lobby.players_within(place, 30.0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Lobby {
    /// Each player is in one partition, and deaths add up: the arena of all partitions.
    arena: Arena,
    grid: Grid,
    /// Whoever killed somebody, the most first.
    ranking: BTreeSet<(Reverse<u64>, u32)>,
    latest_event_ms: i64,
}

/// The figures of a server at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSummary {
    /// The moment, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Players whose last event lies within the window in front of the moment, or behind it.
    pub online: u64,
    /// Players there ever were, and what was counted over all events.
    pub total: Summary,
    /// Those who killed most, the most first and the smaller id first among equals.
    pub top: Vec<Killer>,
}

impl Default for Lobby {
    fn default() -> Self {
        Self {
            arena: Arena::default(),
            grid: Grid::default(),
            ranking: BTreeSet::new(),
            latest_event_ms: i64::MIN,
        }
    }
}

impl Lobby {
    /// The player, if there is an event of theirs.
    #[must_use]
    #[inline]
    pub fn player(&self, user_id: u32) -> Option<&Player> {
        self.arena.player(user_id)
    }

    /// The player with its deaths; also one who only ever was a victim.
    #[must_use]
    pub fn player_summary(&self, user_id: u32) -> Option<PlayerSummary> {
        player(std::slice::from_ref(&self.arena), user_id)
    }

    /// The players whose location is at most `radius` from `center`, the nearest first, and the
    /// smaller id first among equals. What it takes depends on how many are near, not on how many
    /// there are.
    ///
    /// Locations are any numbers. Differences of integers are exact; everything else is as exact as
    /// a 64-bit float. Whoever is not at a finite place is nowhere near.
    #[must_use]
    pub fn players_within(&self, center: Location, radius: f64) -> Vec<Nearby> {
        self.grid.within(center, radius)
    }

    /// The figures at `at_ms`, or at the greatest event time so far; online is whose last event is
    /// not older than `window` then. It looks at every player, some
    /// nanoseconds each, for `online`, and under [`read`](crate::projection::ReadModel::read) the
    /// projection waits meanwhile: ask seldom. The other figures are kept.
    #[must_use]
    pub fn summary(&self, at_ms: Option<i64>, window: Duration, top: usize) -> ServerSummary {
        let at_ms = at_ms.unwrap_or(self.latest_event_ms);
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let since_ms = at_ms.saturating_sub(window_ms);
        let is_online = |player: &&Player| player.last_update() >= since_ms;
        let ranked = self.ranking.iter().take(top);
        ServerSummary {
            at_ms,
            online: self.arena.players().iter().filter(is_online).count() as u64,
            total: Summary::of(std::slice::from_ref(&self.arena)),
            top: ranked
                .map(|&(Reverse(kill_count), player_id)| Killer {
                    player_id,
                    kill_count,
                })
                .collect(),
        }
    }

    /// The state that this is the index of.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    fn rank(&mut self, player_id: u32, kill_count: u64) {
        // Nobody is in it with none.
        self.ranking.remove(&(Reverse(kill_count - 1), player_id));
        self.ranking.insert((Reverse(kill_count), player_id));
    }
}

impl Projection for Lobby {
    type Event = GameEvent;
    type Error = Infallible;

    const VERSION: u32 = 2;

    fn apply(
        &mut self,
        event: <GameEvent as Event>::View<'_>,
        meta: &EventMeta,
    ) -> Result<(), Infallible> {
        let (user_id, time_ms) = {
            let envelope = event.envelope();
            (envelope.user_id.to_native(), envelope.timestamp.to_native())
        };
        let is_applied = user_id != 0 && !matches!(event, GameView::IllTyped(_));
        let is_kill = matches!(event, GameView::Kill(_));
        let goes = is_kill || matches!(event, GameView::Move(_));
        let from = match is_applied && goes {
            true => self.arena.player(user_id).and_then(Player::location),
            false => None,
        };
        State::apply(&mut self.arena, event, meta);
        if !is_applied {
            return Ok(());
        }
        self.latest_event_ms = self.latest_event_ms.max(time_ms);
        if !goes {
            return Ok(());
        }
        if let Some(player) = self.arena.player(user_id) {
            let kill_count = player.kill_count();
            if let Some(to) = player.location() {
                self.grid.set(user_id, from, to);
            }
            if is_kill {
                self.rank(user_id, kill_count);
            }
        }
        Ok(())
    }

    fn save(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(&Arena::SNAPSHOT_VERSION.to_le_bytes())?;
        out.write_all(&self.latest_event_ms.to_le_bytes())?;
        State::save(&self.arena, out)
    }

    fn load(&mut self, version: u32, from: &mut dyn io::Read) -> io::Result<()> {
        if version != Self::VERSION {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut arena_version = [0; 4];
        from.read_exact(&mut arena_version)?;
        // Its bytes have a version of their own, which can rise without that of the lobby.
        let arena_version = u32::from_le_bytes(arena_version);
        if arena_version > Arena::SNAPSHOT_VERSION {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut bytes = [0; 8];
        from.read_exact(&mut bytes)?;
        self.latest_event_ms = i64::from_le_bytes(bytes);
        State::load(&mut self.arena, arena_version, from)?;
        // The indexes are the fold of the players.
        for player in self.arena.players() {
            if let Some(location) = player.location() {
                self.grid.set(player.user_id(), None, location);
            }
            if player.kill_count() > 0 {
                let rank = (Reverse(player.kill_count()), player.user_id());
                self.ranking.insert(rank);
            }
        }
        Ok(())
    }
}
