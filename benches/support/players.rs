//! A hundred thousand players, and events of 32 bytes with numeric ids: what a frame of 80 bytes
//! does to a state that does not fit the inner caches.

use std::collections::HashMap;

use ringlog::rkyv::util::AlignedVec;
use ringlog::{Archiver, Event, EventMeta, EventType, State, Table, event, events, prefetch, rkyv};

use super::Random;

/// Ids are 1 to this.
pub const PLAYERS: u32 = 100_000;

/// Somebody is somewhere else.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Walked {
    pub at_ms: i64,
    pub match_id: u64,
    pub player: u32,
    pub x: f32,
    pub y: f32,
    pub speed: f32,
}

/// Somebody killed somebody: the one event that touches two players.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Killed {
    pub at_ms: i64,
    pub match_id: u64,
    pub player: u32,
    pub victim: u32,
    pub x: f32,
    pub y: f32,
}

/// Somebody got something.
#[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
#[rkyv(crate = ringlog::rkyv)]
pub struct Found {
    pub at_ms: i64,
    pub match_id: u64,
    pub player: u32,
    pub item: u32,
    pub quantity: u32,
    pub source: u32,
}

events! {
    /// What happens to players.
    #[derive(Debug, Clone, Copy)]
    pub enum PlayerEvent, view PlayerView {
        Walked(Walked) = 1, "player.walked", version 1, key player, time at_ms;
        Killed(Killed) = 2, "player.killed", version 1, key player, time at_ms;
        Found(Found) = 3, "player.found", version 1, key player, time at_ms;
    }
}

/// One cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub struct Player {
    last_update_ms: i64,
    place: (f32, f32),
    kills: u64,
    deaths: u64,
    items: u64,
}

/// Of a hundred events 85 are steps, and 6 are kills.
pub fn player_event(random: &mut Random) -> PlayerEvent {
    let (at_ms, match_id) = (1_751_328_000_000, 7);
    let player = 1 + random.below(PLAYERS);
    let [x, y] = [(); 2].map(|()| random.below(16_384) as f32);
    match random.below(100) {
        0..85 => PlayerEvent::from(Walked {
            at_ms,
            match_id,
            player,
            x,
            y,
            speed: 1.5,
        }),
        85..91 => PlayerEvent::from(Killed {
            at_ms,
            match_id,
            player,
            victim: 1 + random.below(PLAYERS),
            x,
            y,
        }),
        _ => PlayerEvent::from(Found {
            at_ms,
            match_id,
            player,
            item: 1_000 + random.below(64),
            quantity: 1,
            source: 2,
        }),
    }
}

/// Where players are kept: what is compared.
pub trait Players: Send + 'static {
    fn new() -> Self;

    /// The player, made on first sight.
    fn player(&mut self, id: u32) -> &mut Player;

    /// Has the players' memory fetched.
    fn prefetch(&self, ids: impl Iterator<Item = u32> + Clone);
}

/// Places by id: what cannot be beaten, and needs ids without gaps.
#[derive(Debug)]
pub struct Dense(Vec<Player>);

impl Players for Dense {
    fn new() -> Self {
        Self(vec![Player::default(); PLAYERS as usize + 1])
    }

    #[inline]
    fn player(&mut self, id: u32) -> &mut Player {
        &mut self.0[id as usize]
    }

    #[inline]
    fn prefetch(&self, ids: impl Iterator<Item = u32> + Clone) {
        for id in ids {
            prefetch(&self.0[id as usize]);
        }
    }
}

/// The library's own, for ids of any kind.
#[derive(Debug)]
pub struct Tabled(Table<u32, Player>);

impl Players for Tabled {
    fn new() -> Self {
        Self(Table::with_capacity(PLAYERS as usize))
    }

    #[inline]
    fn player(&mut self, id: u32) -> &mut Player {
        self.0.get_or_insert_with(id, Player::default)
    }

    #[inline]
    fn prefetch(&self, ids: impl Iterator<Item = u32> + Clone) {
        self.0.prefetch(ids);
    }
}

/// The standard library's map, as most would write it. It cannot be told what comes.
#[derive(Debug)]
pub struct Hashed(HashMap<u32, Player>);

impl Players for Hashed {
    fn new() -> Self {
        Self(HashMap::with_capacity(PLAYERS as usize))
    }

    #[inline]
    fn player(&mut self, id: u32) -> &mut Player {
        self.0.entry(id).or_default()
    }

    #[inline]
    fn prefetch(&self, _: impl Iterator<Item = u32> + Clone) {}
}

/// The state: `P` with what comes fetched ahead, or not.
#[derive(Debug)]
pub struct Projection<P, const IS_FETCHED: bool>(P);

impl<P: Players, const IS_FETCHED: bool> Default for Projection<P, IS_FETCHED> {
    /// With everybody in it, in an order of their own: players do not sign up in the order of ids.
    fn default() -> Self {
        let mut players = P::new();
        // Any odd number that shares no factor with their count walks over all of them.
        let order =
            (0..u64::from(PLAYERS)).map(|index| (index * 61_813 % u64::from(PLAYERS)) as u32);
        for id in order {
            players.player(1 + id);
        }
        Self(players)
    }
}

impl<P: Players, const IS_FETCHED: bool> State for Projection<P, IS_FETCHED> {
    type Event = PlayerEvent;

    #[inline]
    fn prefetch(&self, coming: &[<PlayerEvent as Event>::View<'_>]) {
        if IS_FETCHED {
            self.0.prefetch(coming.iter().map(player_of));
            self.0.prefetch(coming.iter().filter_map(victim_of));
        }
    }

    #[inline]
    fn apply(&mut self, event: PlayerView<'_>, _: &EventMeta) {
        match event {
            PlayerView::Walked(walked) => {
                let player = self.0.player(walked.player.to_native());
                player.last_update_ms = walked.at_ms.to_native();
                player.place = (walked.x.to_native(), walked.y.to_native());
            }
            PlayerView::Killed(killed) => {
                let player = self.0.player(killed.player.to_native());
                player.last_update_ms = killed.at_ms.to_native();
                player.place = (killed.x.to_native(), killed.y.to_native());
                player.kills += 1;
                self.0.player(killed.victim.to_native()).deaths += 1;
            }
            PlayerView::Found(found) => {
                let player = self.0.player(found.player.to_native());
                player.last_update_ms = found.at_ms.to_native();
                player.items += u64::from(found.quantity.to_native());
            }
        }
    }
}

#[inline]
fn player_of(event: &PlayerView<'_>) -> u32 {
    match event {
        PlayerView::Walked(walked) => walked.player.to_native(),
        PlayerView::Killed(killed) => killed.player.to_native(),
        PlayerView::Found(found) => found.player.to_native(),
    }
}

#[inline]
fn victim_of(event: &PlayerView<'_>) -> Option<u32> {
    match event {
        PlayerView::Killed(killed) => Some(killed.victim.to_native()),
        _ => None,
    }
}

/// Archived events of players, as a partition finds them.
#[derive(Debug)]
pub struct PlayerArchives(Vec<(&'static EventType, AlignedVec<16>)>);

impl PlayerArchives {
    pub fn new(events: usize) -> Self {
        let (mut random, mut archiver) = (Random(1), Archiver::default());
        let archive = |_| {
            let event = player_event(&mut random);
            let archive = event::to_archive(&event, &mut archiver).expect("it is short");
            let mut bytes = AlignedVec::new();
            bytes.extend_from_slice(archive);
            (event.event_type(), bytes)
        };
        Self((0..events).map(archive).collect())
    }

    pub fn views(&self) -> Vec<PlayerView<'_>> {
        let archives = self.0.iter();
        archives
            .map(|(EventType { kind, version, .. }, bytes)| {
                PlayerEvent::view(*kind, *version, bytes).expect("it was archived")
            })
            .collect()
    }
}

/// The same view once more: `apply` takes it, and a view cannot be copied.
#[inline]
pub fn player_view<'a>(view: &PlayerView<'a>) -> PlayerView<'a> {
    match view {
        PlayerView::Walked(walked) => PlayerView::Walked(walked),
        PlayerView::Killed(killed) => PlayerView::Killed(killed),
        PlayerView::Found(found) => PlayerView::Found(found),
    }
}
