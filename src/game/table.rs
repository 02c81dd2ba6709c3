//! Entries by user id, laid out so that the next ones can be fetched ahead.
#![forbid(unsafe_code)]

use crate::prefetch;

/// Entries by id, in order of first appearance; 0 is no id.
///
/// The index is apart from the entries and eight bytes an id, so that it stays small enough for
/// the caches; finding an entry reads one line of it and one of the entries.
///
/// It hashes without a key, so that a replayed state is the live one in every respect. Whoever can
/// choose ids can thus make it slow.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    entries: Vec<T>,
    /// Open addressing with linear probing: a power of two of slots, never all taken.
    slots: Vec<Slot>,
    /// What a hash is shifted by to be a place in `slots`.
    shift: u32,
}

/// Where an id's entry is; free where the id is 0.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    id: u32,
    place: u32,
}

const SLOTS_MIN: usize = 16;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            slots: vec![Slot::default(); SLOTS_MIN],
            shift: shift_of(SLOTS_MIN),
        }
    }
}

impl<T> Table<T> {
    /// All entries, in order of first appearance.
    pub(super) fn entries(&self) -> &[T] {
        &self.entries
    }

    /// The entry of `id`, if there is one.
    #[inline]
    pub(super) fn get(&self, id: u32) -> Option<&T> {
        match self.find(id) {
            Ok(place) if id != 0 => self.entries.get(place as usize),
            _ => None,
        }
    }

    /// The entry of `id`, made on first sight; `None` for 0.
    #[inline]
    pub(super) fn get_or_insert_with(
        &mut self,
        id: u32,
        make: impl FnOnce() -> T,
    ) -> Option<&mut T> {
        if id == 0 {
            return None;
        }
        let place = match self.find(id) {
            Ok(place) => place,
            Err(free) => self.insert(free, id, make()),
        };
        self.entries.get_mut(place as usize)
    }

    /// Has the index fetched where it knows of `id`: the first step to its entry.
    #[inline]
    pub(super) fn prefetch_slot(&self, id: u32) {
        if let Some(slot) = self.slots.get(home(id, self.shift)) {
            prefetch(slot);
        }
    }

    /// Has the entry of `id` fetched, if there is one.
    #[inline]
    pub(super) fn prefetch_entry(&self, id: u32) {
        if let Some(entry) = self.get(id) {
            prefetch(entry);
        }
    }

    /// The place of `id`'s entry, or the free slot in which to note it.
    #[inline]
    fn find(&self, id: u32) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = home(id, self.shift);
        loop {
            let slot = self.slots[at & mask];
            if slot.id == id {
                return Ok(slot.place);
            }
            if slot.id == 0 {
                return Err(at & mask);
            }
            at += 1;
        }
    }

    #[cold]
    fn insert(&mut self, mut free: usize, id: u32, entry: T) -> u32 {
        // At most three quarters taken, which keeps the runs within a line or two.
        if (self.entries.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
            free = self.find(id).err().unwrap_or(free);
        }
        // Ids are 32 bits wide and 0 is none, so that places fit as well.
        let place = self.entries.len() as u32;
        self.entries.push(entry);
        self.slots[free] = Slot { id, place };
        place
    }

    fn grow(&mut self) {
        let slots_count = self.slots.len() * 2;
        self.shift = shift_of(slots_count);
        let before = std::mem::replace(&mut self.slots, vec![Slot::default(); slots_count]);
        for slot in before.into_iter().filter(|slot| slot.id != 0) {
            if let Err(free) = self.find(slot.id) {
                self.slots[free] = slot;
            }
        }
    }
}

/// Where the search for `id` starts: Fibonacci hashing, which spreads the runs of neighbouring ids
/// that servers give out.
#[inline]
fn home(id: u32, shift: u32) -> usize {
    (u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}

fn shift_of(slots_count: usize) -> u32 {
    u64::BITS - slots_count.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_would_in_order_of_first_appearance(
            ids in prop::collection::vec(prop_oneof![0..50_u32, any::<u32>()], 0..2_000)
        ) {
            let mut table = Table::default();
            let mut map = BTreeMap::new();
            let mut order = Vec::new();
            for id in ids {
                table.prefetch_slot(id);
                table.prefetch_entry(id);
                let entry = table.get_or_insert_with(id, || (id, 0_u32));
                prop_assert_eq!(entry.is_some(), id != 0);
                let Some(entry) = entry else { continue };
                entry.1 += 1;
                if !map.contains_key(&id) {
                    order.push(id);
                }
                *map.entry(id).or_insert(0) += 1;
            }
            prop_assert_eq!(table.get(0), None);
            for (&id, &count) in &map {
                prop_assert_eq!(table.get(id), Some(&(id, count)));
                prop_assert_eq!(table.get(id ^ 0x8000_0000).is_some(), map.contains_key(&(id ^ 0x8000_0000)));
            }
            let entries: Vec<u32> = table.entries().iter().map(|entry| entry.0).collect();
            prop_assert_eq!(entries, order);
        }
    }
}
