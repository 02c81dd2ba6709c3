//! A client's seat: its ring of places for answers, and its address.

use std::cell::Cell;

use super::{ClientError, SendError};
use crate::command::{CLIENTS_MAX, Clients, NotDecided, ReplyRing, TooManyClients};
use crate::event::Event;
use crate::pipeline::{Publisher, WhenFull};
use crate::sync::Arc;

/// Places that a client has at most.
const PLACES_MAX: usize = 1 << 20;

/// What a ring holds for a `V` that is waited for.
pub(super) type Answer<V> = Result<V, NotDecided>;

#[derive(Debug)]
pub(super) struct Seat<V> {
    pub(super) ring: Arc<ReplyRing<Answer<V>>>,
    clients: Arc<Clients<Answer<V>>>,
    pub(super) address: u64,
    /// The place that is probably free.
    next: Cell<usize>,
    /// Where the command of each place settles: its partition and position.
    sent: Box<[Cell<(u32, u64)>]>,
}

impl<V> Seat<V> {
    pub(super) fn new(
        clients: Arc<Clients<Answer<V>>>,
        places: usize,
    ) -> Result<Self, ClientError> {
        if !(1..=PLACES_MAX).contains(&places) {
            return Err(ClientError::PendingMax { max: PLACES_MAX });
        }
        let ring = Arc::new(ReplyRing::new(places));
        let address = clients
            .register(Arc::clone(&ring))
            .map_err(|TooManyClients| ClientError::TooManyClients { max: CLIENTS_MAX })?;
        Ok(Self {
            ring,
            clients,
            address,
            next: Cell::new(0),
            sent: vec![Cell::new((0, 0)); places].into(),
        })
    }

    /// Takes a free place. Where all are taken it waits for one whose answer nobody wants.
    #[inline]
    pub(super) fn claim<E: Event>(
        &self,
        when_full: WhenFull,
        publisher: &Publisher<E>,
    ) -> Result<usize, SendError> {
        let place = self.next.get();
        if self.ring.claim(place) {
            self.set_next(place);
            return Ok(place);
        }
        self.search(when_full, publisher)
    }

    #[cold]
    fn search<E: Event>(
        &self,
        when_full: WhenFull,
        publisher: &Publisher<E>,
    ) -> Result<usize, SendError> {
        let places = self.ring.len();
        let in_turn = (0..places).map(|ahead| (self.next.get() + ahead) % places);
        let mut found = in_turn.clone().find(|place| self.ring.claim(*place));
        if found.is_none() && when_full == WhenFull::Wait {
            // One that settled has been answered. One that never will, in a partition that stopped,
            // stays taken.
            found = in_turn
                .filter(|place| self.ring.is_released(*place))
                .find(|place| {
                    let (partition, position) = self.sent[*place].get();
                    publisher.wait_settled(partition, position) && self.ring.claim(*place)
                });
        }
        let place = found.ok_or(SendError::TooManyPending { max: places })?;
        self.set_next(place);
        Ok(place)
    }

    #[inline]
    fn set_next(&self, taken: usize) {
        let next = taken + 1;
        self.next
            .set(if next == self.sent.len() { 0 } else { next });
    }

    /// Remembers where the command of a place settles.
    #[inline]
    pub(super) fn sent(&self, place: usize, partition: u32, position: u64) {
        self.sent[place].set((partition, position));
    }
}

impl<V> Drop for Seat<V> {
    fn drop(&mut self) {
        self.clients.deregister(self.address);
    }
}
