//! How answers come back: a bounded ring of places for each client, and who has which.
//!
//! A place is claimed by its client before the command is published, filled in by the partition, and
//! looked at by whoever waits, once the partition's watermark has passed the command. So an answer
//! costs the partition two plain stores, and becomes visible by the same number as durability does.
#![allow(unsafe_code, reason = "a place passes between client and partition")]

use std::sync::Weak;

use crate::callback;
use crate::canary::{Canary, is_planted};
use crate::sync::{self, Arc, AtomicBool, Handed, Mutex, Ordering};

/// Clients that a pipeline has at a time.
pub(crate) const CLIENTS_MAX: usize = 1024;

/// The places of one client.
#[derive(Debug)]
pub(crate) struct ReplyRing<T> {
    places: Box<[Place<T>]>,
}

/// Who may touch `answer`: the client while both flags are up, from its claim on the partition until
/// `is_answered` is up again, and from then on the waiter until `is_released` is.
#[derive(Debug)]
struct Place<T> {
    answer: Handed<Option<T>>,
    /// Raised by the partition.
    is_answered: AtomicBool,
    /// Raised by whoever waits for the answer, or no longer does.
    is_released: AtomicBool,
}

impl<T> ReplyRing<T> {
    pub(crate) fn new(places: usize) -> Self {
        let place = || Place {
            answer: Handed::new(None),
            is_answered: AtomicBool::new(true),
            is_released: AtomicBool::new(true),
        };
        Self {
            places: (0..places).map(|_| place()).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Client: takes a place that nobody has; `false` where it is not free. One thread at a time.
    #[inline]
    pub(crate) fn claim(&self, index: usize) -> bool {
        let place = &self.places[index];
        // ORDERING: acquire pairs with the releases in `answer` and `release`: both are done with it.
        if !place.is_answered.load(Ordering::Acquire) || !place.is_released.load(Ordering::Acquire)
        {
            return false;
        }
        // SAFETY: both flags are up: the partition has answered and the waiter is gone, and the one
        // client that could lower them is here.
        unsafe { place.answer.with(|answer| drop(answer.take())) };
        // ORDERING: relaxed: the ring that carries the command to the partition releases them, and so
        // does whatever hands the waiter to another thread.
        place.is_answered.store(false, Ordering::Relaxed);
        place.is_released.store(false, Ordering::Relaxed);
        true
    }

    /// Client: gives a place back whose command was not published.
    pub(crate) fn unclaim(&self, index: usize) {
        let place = &self.places[index];
        // ORDERING: relaxed: nobody but this client ever knew of the claim.
        place.is_answered.store(true, Ordering::Relaxed);
        place.is_released.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits for the answer of this place any more, be it there or not.
    pub(crate) fn is_released(&self, index: usize) -> bool {
        // ORDERING: acquire pairs with the release in `release`.
        self.places[index].is_released.load(Ordering::Acquire)
    }

    /// Partition: answers the command that has this place.
    #[inline]
    pub(crate) fn answer(&self, index: usize, answered: T) {
        let Some(place) = self.places.get(index) else {
            debug_assert!(false, "a client claims places that it has");
            return;
        };
        // ORDERING: relaxed: the claim came through the ring, behind which this is.
        if place.is_answered.load(Ordering::Relaxed) {
            debug_assert!(false, "a command is answered once");
            return;
        }
        if is_planted(Canary::PlaceAnsweredTooEarly) {
            // ORDERING: release, in vain: what is wrong with this canary.
            place.is_answered.store(true, Ordering::Release);
        }
        // SAFETY: the place is claimed and not answered: the client and the waiter keep away until
        // the flag is up, and a command is in one partition only.
        unsafe { place.answer.with(|answer| *answer = Some(answered)) };
        // ORDERING: release publishes the answer to `claim` and `take`.
        place.is_answered.store(true, Ordering::Release);
    }

    /// Waiter: the answer, if it is there and was not taken yet.
    #[inline]
    pub(crate) fn take(&self, index: usize) -> Option<T> {
        let place = &self.places[index];
        // ORDERING: acquire pairs with the release in `answer`.
        if !place.is_answered.load(Ordering::Acquire) {
            return None;
        }
        if is_planted(Canary::PlaceReleasedTooEarly) {
            self.release(index);
        }
        // SAFETY: the partition has answered, and the client keeps away until the waiter, of which
        // there is one and which is here, has released the place.
        unsafe { place.answer.with(Option::take) }
    }

    /// Waiter: is gone.
    #[inline]
    pub(crate) fn release(&self, index: usize) {
        // ORDERING: release: what the waiter did with the place happened before the next claim.
        self.places[index]
            .is_released
            .store(true, Ordering::Release);
    }
}

/// A ring that partitions find by its address, until the client and all that wait for its answers are
/// gone.
#[derive(Debug)]
pub(crate) struct Mailing<T> {
    pub(crate) ring: Arc<ReplyRing<T>>,
    pub(crate) address: u64,
    clients: Arc<Clients<T>>,
}

impl<T> Drop for Mailing<T> {
    fn drop(&mut self) {
        self.clients.deregister(self.address);
    }
}

/// The clients of a pipeline, by address.
#[derive(Debug)]
pub(crate) struct Clients<T> {
    seats: Mutex<Vec<Seat<T>>>,
}

#[derive(Debug)]
struct Seat<T> {
    /// How many clients have had this seat.
    generation: u32,
    ring: Option<Arc<ReplyRing<T>>>,
}

/// As many clients as there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyClients;

impl<T> Default for Clients<T> {
    fn default() -> Self {
        Self {
            seats: Mutex::new(Vec::new()),
        }
    }
}

impl<T> Clients<T> {
    /// Gives a client an address, under which partitions find its ring.
    pub(crate) fn register(
        self: &Arc<Self>,
        ring: ReplyRing<T>,
    ) -> Result<Mailing<T>, TooManyClients> {
        let ring = Arc::new(ring);
        let address = self.seat(Arc::clone(&ring))?;
        Ok(Mailing {
            ring,
            address,
            clients: Arc::clone(self),
        })
    }

    fn seat(&self, ring: Arc<ReplyRing<T>>) -> Result<u64, TooManyClients> {
        let mut seats = sync::lock(&self.seats);
        let free = seats.iter().position(|seat| seat.ring.is_none());
        let index = match free {
            Some(index) => index,
            None if seats.len() == CLIENTS_MAX => return Err(TooManyClients),
            None => {
                seats.push(Seat {
                    generation: 0,
                    ring: None,
                });
                seats.len() - 1
            }
        };
        let seat = &mut seats[index];
        seat.generation = seat.generation.wrapping_add(1) & GENERATION_MASK;
        seat.ring = Some(ring);
        Ok(u64::from(seat.generation) << 32 | index as u64)
    }

    /// Nobody is left who could look at an answer.
    fn deregister(&self, address: u64) {
        let (index, generation) = parts(address);
        // Dropped behind the lock: answers that nobody took are the user's.
        let _ring = {
            let mut seats = sync::lock(&self.seats);
            let seat = seats.get_mut(index);
            let seat = seat.filter(|seat| seat.generation == generation);
            seat.and_then(|seat| seat.ring.take())
        };
    }

    fn find(&self, address: u64) -> Option<Arc<ReplyRing<T>>> {
        let (index, generation) = parts(address);
        let seats = sync::lock(&self.seats);
        let seat = seats.get(index)?;
        seat.ring
            .as_ref()
            .filter(|_| seat.generation == generation)
            .cloned()
    }
}

/// An address is carried where a frame has its time, which never has the highest bit alone.
const GENERATION_MASK: u32 = u32::MAX >> 1;

fn parts(address: u64) -> (usize, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (index, generation) = (address as u32 as usize, (address >> 32) as u32);
    (index, generation)
}

/// Answers the clients of a pipeline; each partition has one of its own.
#[derive(Debug)]
pub(crate) struct Replier<T> {
    clients: Arc<Clients<T>>,
    /// The one that was answered last: most often the next one, too.
    last: Option<(u64, Arc<ReplyRing<T>>)>,
    /// By seat, as far as they were met. Keeps nobody's ring who is gone.
    met: Vec<Option<(u64, Weak<ReplyRing<T>>)>>,
}

impl<T> Replier<T> {
    pub(crate) fn new(clients: Arc<Clients<T>>) -> Self {
        Self {
            clients,
            last: None,
            met: Vec::new(),
        }
    }

    /// Fills in a place of the client that has this address, if it is still there.
    #[inline]
    pub(crate) fn answer(&mut self, address: u64, index: u32, answered: T) {
        if !matches!(&self.last, Some((of, _)) if *of == address) {
            self.meet(address);
        }
        match &self.last {
            Some((_, ring)) => ring.answer(index as usize, answered),
            None => callback::drop_contained(answered),
        }
    }

    /// Has the client at hand.
    #[cold]
    fn meet(&mut self, address: u64) {
        // Perhaps the last hold of a ring, and with it of answers that nobody took.
        callback::drop_contained(self.last.take());
        let (seat, _) = parts(address);
        if seat >= CLIENTS_MAX {
            return;
        }
        if self.met.len() <= seat {
            self.met.resize_with(seat + 1, || None);
        }
        let met = &mut self.met[seat];
        let known = met.as_ref().filter(|(of, _)| *of == address);
        let mut ring = known.and_then(|(_, ring)| ring.upgrade());
        if ring.is_none() {
            ring = self.clients.find(address);
            *met = ring.as_ref().map(|ring| (address, Arc::downgrade(ring)));
        }
        self.last = ring.map(|ring| (address, ring));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_answered_and_released() {
        let ring = ReplyRing::new(1);
        assert!(ring.claim(0));
        assert!(!ring.claim(0));
        assert_eq!(ring.take(0), None);
        ring.answer(0, 7);
        assert!(!ring.claim(0));
        assert_eq!(ring.take(0), Some(7));
        ring.release(0);
        assert!(ring.claim(0));
        ring.release(0);
        assert!(ring.is_released(0) && !ring.claim(0));
        ring.answer(0, 8);
        assert!(ring.claim(0));
        assert_eq!(ring.take(0), None);
    }

    #[test]
    fn an_answer_to_a_client_that_is_gone_reaches_nobody() {
        let clients = Arc::new(Clients::default());
        let mut replier = Replier::new(Arc::clone(&clients));
        let first = clients.register(ReplyRing::new(1)).unwrap();
        let address = first.address;
        assert!(first.ring.claim(0));
        drop(first);
        let second = clients.register(ReplyRing::new(1)).unwrap();
        assert_ne!(address, second.address);
        assert!(second.ring.claim(0));
        replier.answer(address, 0, 1);
        assert_eq!(second.ring.take(0), None);
        replier.answer(second.address, 0, 2);
        assert_eq!(second.ring.take(0), Some(2));
    }
}
