//! The game arena under load: one thread sends commands, another one asks where players are.
//!
//! `cargo run --release --example arena_under_load -- 5` runs it for five seconds.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the doors are the library's"
)]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringlog::game::{Arena, AttackPlayer, GameCommand, Lobby, Location, MAP_SIDE, MoveTo, Sender};
use ringlog::projection::{ReadModel, Settings};
use ringlog::{Client, Pipeline};

const PLAYERS: u32 = 100_000;
/// Commands in flight.
const WINDOW: usize = 8_192;
/// Commands between two that are timed.
const TIMED_EVERY: u64 = 256;
/// Queries between two for the neighbours of a player.
const NEAR_EVERY: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u64 = std::env::args()
        .nth(1)
        .map_or(Ok(3), |seconds| seconds.parse())?;
    // Beside the build, because a temporary directory may lie in memory.
    let program = std::env::current_exe()?;
    let directory = tempfile::tempdir_in(program.parent().ok_or("no directory")?)?;
    // One partition: all players can reach each other.
    let pipeline = Pipeline::<Arena>::builder(directory.path())
        .partitions(1)
        .open(|_| Arena::default())?;
    let lobby = pipeline.project("lobby", Settings::default(), Lobby::default)?;
    let client = pipeline.client()?;
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let (sent, queries) = thread::scope(|scope| {
        let sending = scope.spawn(|| send(client, &stop).map_err(|error| error.to_string()));
        let asking = scope.spawn(|| ask(&lobby, &stop));
        thread::sleep(Duration::from_secs(seconds));
        // ORDERING: nothing else is read because of it.
        stop.store(true, Ordering::Relaxed);
        (sending.join(), asking.join())
    });
    let sent = sent.map_err(|_| "the client panicked")??;
    let queries = queries.map_err(|_| "the reader panicked")?;
    sent.print(started.elapsed());
    println!(
        "{:>14.0} queries/s",
        queries as f64 / started.elapsed().as_secs_f64()
    );
    let behind: u64 = lobby.lag()?.iter().map(|lag| lag.events).sum();
    println!("{behind:>14} events that the read model is behind at the end");
    let closed = pipeline.close()?;
    assert_eq!(closed.events(), sent.accepted);
    Ok(())
}

/// Asks the read model who is where, and now and then who is near; returns how often. Neither the
/// partition nor its journal is asked: what is shown is durable.
fn ask(lobby: &ReadModel<Lobby>, stop: &AtomicBool) -> u64 {
    let mut queries = 0_u64;
    // ORDERING: nothing else is read because of it.
    while !stop.load(Ordering::Relaxed) {
        let user_id = 1 + (queries as u32).wrapping_mul(0x9e37_79b9) % PLAYERS;
        let location = lobby.read(|lobby| lobby.player(user_id)?.location());
        queries += 1;
        if let Some(location) = location
            && queries.is_multiple_of(NEAR_EVERY)
        {
            std::hint::black_box(lobby.read(|lobby| lobby.players_within(location, 10.0)));
            queries += 1;
        }
    }
    queries
}

/// What became of the commands.
#[derive(Default)]
struct Sent {
    accepted: u64,
    rejected: u64,
    /// From sending until the client has the answer in its hands.
    latencies: Vec<Duration>,
}

/// Sends commands and takes their answers in the same order.
fn send(client: Client<Arena>, stop: &AtomicBool) -> Result<Sent, Box<dyn Error>> {
    let mut sent = Sent::default();
    let mut window = VecDeque::with_capacity(WINDOW);
    let mut random = XorShift(0x2545_f491_4f6c_dd1d);
    let mut number = 0_u64;
    loop {
        // ORDERING: nothing else is read because of it.
        let is_stopped = stop.load(Ordering::Relaxed);
        if !is_stopped {
            let started = number.is_multiple_of(TIMED_EVERY).then(Instant::now);
            window.push_back((started, client.send(&random.command())?));
            number += 1;
        }
        if window.len() < WINDOW && !is_stopped {
            continue;
        }
        // Half of them at once: the thread sleeps once for many answers.
        for _ in 0..WINDOW / 2 {
            let Some((started, pending)) = window.pop_front() else {
                return Ok(sent);
            };
            match pending.wait()?.is_accepted() {
                true => sent.accepted += 1,
                false => sent.rejected += 1,
            }
            sent.latencies
                .extend(started.map(|started| started.elapsed()));
        }
    }
}

impl Sent {
    fn print(&self, elapsed: Duration) {
        let commands = self.accepted + self.rejected;
        println!(
            "{:>14.0} commands/s, durable: {} accepted, {} rejected",
            commands as f64 / elapsed.as_secs_f64(),
            self.accepted,
            self.rejected
        );
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let at = |quantile: f64| {
            let place = (quantile * latencies.len() as f64) as usize;
            latencies
                .get(place)
                .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
        };
        println!(
            "{:>14.2} ms until a reply, p50; {:.2} ms p99, {:.2} ms p99.9",
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }
}

/// Marsaglia's xorshift64.
struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Nine moves for an attack; a move is to anywhere within ten units, from wherever the player is
    /// thought to be, and so some are too far.
    fn command(&mut self) -> GameCommand {
        let user_id = 1 + self.below(PLAYERS);
        let sender = Sender {
            timestamp: 1_751_328_000_000,
            user_id,
            event_id: "command".into(),
            correlation_id: "match".into(),
        };
        if self.below(10) == 0 {
            return GameCommand::Attack(AttackPlayer {
                sender,
                target_id: 1 + user_id % PLAYERS,
                skill_id: 1001 + u64::from(self.below(3)),
            });
        }
        let side = MAP_SIDE as u32 - 20;
        let (home_x, home_y) = (user_id % side, user_id / 200 % side);
        let x = u64::from(home_x + self.below(20));
        let y = u64::from(home_y + self.below(20));
        GameCommand::Move(MoveTo {
            sender,
            location: Location {
                x: x.into(),
                y: y.into(),
            },
            speed: u64::from(15 + self.below(15)).into(),
        })
    }
}
