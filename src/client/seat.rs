//! A client's seat: its ring of places for answers, and its address.

use std::cell::Cell;

use super::{ClientError, SendError};
use crate::command::{CLIENTS_MAX, Clients, Mailing, NotDecided, ReplyRing, TooManyClients};
use crate::event::Event;
use crate::pipeline::{Publisher, WhenFull};
use crate::sync::Arc;

/// Places that a client has at most.
const PLACES_MAX: usize = 1 << 20;

/// What a ring holds for a `V` that is waited for.
pub(super) type Answer<V> = Result<V, NotDecided>;

#[derive(Debug)]
pub(super) struct Seat<V> {
    pub(super) mailing: Arc<Mailing<Answer<V>>>,
    /// The place that is probably free.
    next: Cell<usize>,
    /// Where the command of each place settles: its partition and position.
    sent: Box<[Cell<(u32, u64)>]>,
}

impl<V> Seat<V> {
    pub(super) fn new(
        clients: &Arc<Clients<Answer<V>>>,
        places: usize,
    ) -> Result<Self, ClientError> {
        if !(1..=PLACES_MAX).contains(&places) {
            return Err(ClientError::PendingMax { max: PLACES_MAX });
        }
        let mailing = clients
            .register(ReplyRing::new(places))
            .map_err(|TooManyClients| ClientError::TooManyClients { max: CLIENTS_MAX })?;
        Ok(Self {
            mailing: Arc::new(mailing),
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
        if self.ring().claim(place) {
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
        let ring = self.ring();
        let places = ring.len();
        let mut in_turn = (0..places).map(|ahead| (self.next.get() + ahead) % places);
        let mut found = in_turn.clone().find(|place| ring.claim(*place));
        let mut is_hopeless = true;
        if found.is_none() {
            // One that nobody waits for is free once it settles, as it was answered then. One that never
            // will, in a partition that stopped, stays taken.
            found = in_turn.find(|place| {
                let (partition, position) = self.sent[*place].get();
                if !ring.is_released(*place) {
                    is_hopeless = false;
                    return false;
                }
                let is_settled = match when_full {
                    WhenFull::Wait => publisher.wait_settled(partition, position),
                    WhenFull::Refuse => !publisher.is_lost(partition, position),
                };
                is_hopeless &= !is_settled;
                is_settled && ring.claim(*place)
            });
        }
        let place = found.ok_or(match is_hopeless {
            true => SendError::PlacesLost { max: places },
            false => SendError::TooManyPending { max: places },
        })?;
        self.set_next(place);
        Ok(place)
    }

    #[inline]
    pub(super) fn ring(&self) -> &ReplyRing<Answer<V>> {
        &self.mailing.ring
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
