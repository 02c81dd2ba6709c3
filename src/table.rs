//! A hash table laid out so that the entries of coming events can be fetched ahead.
#![forbid(unsafe_code)]

use crate::prefetch;

/// Entries by key, in order of first appearance: for the state of [`State`](crate::State).
///
/// A state larger than the inner caches costs what fetching its memory costs: some 50 to 100 ns a
/// miss, several times all the rest of an event. This table can be told of the keys that come next
/// ([`prefetch`](Self::prefetch)), and then has their memory fetched at the same time.
///
/// ```
/// use ringlog::{EventMeta, State, Table};
/// # use ringlog::rkyv;
/// # #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
/// # #[rkyv(crate = ringlog::rkyv)]
/// # pub struct Deposited { pub account: u32, pub cents: u64 }
/// # ringlog::events! {
/// #     pub enum BankEvent, view BankView {
/// #         Deposited(Deposited) = 1, "account.deposited", version 1, key account;
/// #     }
/// # }
///
/// #[derive(Default)]
/// struct Bank {
///     cents: Table<u32, u64>,
/// }
///
/// impl State for Bank {
///     type Event = BankEvent;
///
///     fn prefetch(&self, coming: &[BankView<'_>]) {
///         self.cents.prefetch(coming.iter().map(|BankView::Deposited(deposited)| {
///             deposited.account.to_native()
///         }));
///     }
///
///     fn apply(&mut self, BankView::Deposited(deposited): BankView<'_>, _: &EventMeta) {
///         let account = deposited.account.to_native();
///         *self.cents.get_or_insert_with(account, || 0) += deposited.cents.to_native();
///     }
/// }
/// ```
///
/// It is deterministic: the same operations leave the same table in the same order, on every
/// machine. So it hashes without a random key, and whoever can choose keys can make it slow: give
/// them out yourself. It holds fewer than 2^32 entries.
///
/// The index is apart from the entries, 8 bytes a slot for 32-bit keys and 16 for 64-bit ones, so that
/// it stays within the caches; finding an entry reads one line of it and those of the entry. Let a frequently
/// used entry be one aligned cache line.
#[derive(Debug, Clone)]
pub struct Table<K, T> {
    entries: Vec<T>,
    /// The keys of the entries, in their order: read to grow, to remove and to iterate.
    keys: Vec<K>,
    /// Open addressing with linear probing: a power of two of slots, never all taken.
    slots: Vec<Slot<K>>,
    /// What a hash is shifted by to be a place in `slots`.
    shift: u32,
}

/// Where a key's entry is.
#[derive(Debug, Clone, Copy)]
struct Slot<K> {
    key: K,
    place: u32,
}

/// The place in a free slot.
const FREE: u32 = u32::MAX;
const SLOTS_MIN: usize = 16;

impl<K: Copy + Eq + Default + Into<u64>, T> Table<K, T> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty table that `entries` entries fit in without growing.
    ///
    /// # Panics
    ///
    /// When that is more than memory can hold.
    #[must_use]
    pub fn with_capacity(entries: usize) -> Self {
        let slots_count = slots_for(entries);
        Self {
            entries: Vec::with_capacity(entries),
            keys: Vec::with_capacity(entries),
            slots: free_slots(slots_count),
            shift: shift_of(slots_count),
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, in order of first appearance (but see [`remove`](Self::remove)).
    #[must_use]
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// All keys with their entries, in the order of [`entries`](Self::entries).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K, &T)> {
        self.keys.iter().copied().zip(&self.entries)
    }

    /// The entry of `key`, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self, key: K) -> Option<&T> {
        let place = self.find(key).ok()?;
        self.entries.get(place as usize)
    }

    /// The entry of `key`, if there is one, to be changed.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, key: K) -> Option<&mut T> {
        let place = self.find(key).ok()?;
        self.entries.get_mut(place as usize)
    }

    /// The entry of `key`, made on first sight.
    ///
    /// # Panics
    ///
    /// When there are 2^32 - 1 entries already.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> T) -> &mut T {
        let place = match self.find(key) {
            Ok(place) => place,
            Err(free) => self.insert(free, key, make()),
        };
        &mut self.entries[place as usize]
    }

    /// Takes the entry of `key` out, if there is one. The last entry takes its place in the order.
    pub fn remove(&mut self, key: K) -> Option<T> {
        let place = self.find(key).ok()?;
        self.free_slot_of(key);
        self.keys.swap_remove(place as usize);
        let entry = self.entries.swap_remove(place as usize);
        if let Some(&moved) = self.keys.get(place as usize)
            && let Some(slot) = self.slot_of(moved)
        {
            self.slots[slot].place = place;
        }
        Some(entry)
    }

    /// Has the memory fetched that finding the entries of `keys` will read: a few dozen at a time,
    /// as [`State::prefetch`](crate::State::prefetch) is told of them.
    #[inline]
    pub fn prefetch(&self, keys: impl Iterator<Item = K> + Clone) {
        // One pass for each step of the way, so that no step waits for the one before it.
        for key in keys.clone() {
            self.prefetch_slot(key);
        }
        for key in keys {
            self.prefetch_entry(key);
        }
    }

    /// The first half of [`prefetch`](Self::prefetch): has the index fetched where it knows of `key`.
    #[inline]
    pub fn prefetch_slot(&self, key: K) {
        if let Some(slot) = self.slots.get(home(key, self.shift)) {
            prefetch(slot);
        }
    }

    /// The second half: has the entry of `key` fetched, if there is one.
    #[inline]
    pub fn prefetch_entry(&self, key: K) {
        if let Some(entry) = self.get(key) {
            prefetch(entry);
        }
    }

    /// The place of `key`'s entry, or the free slot in which to note it.
    #[inline]
    fn find(&self, key: K) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = home(key, self.shift);
        loop {
            let slot = self.slots[at & mask];
            if slot.place == FREE {
                return Err(at & mask);
            }
            if slot.key == key {
                return Ok(slot.place);
            }
            at += 1;
        }
    }

    /// The slot in which `key` is noted.
    fn slot_of(&self, key: K) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let home = home(key, self.shift);
        (home..)
            .map(|at| at & mask)
            .take_while(|&at| self.slots[at].place != FREE)
            .find(|&at| self.slots[at].key == key)
    }

    /// Frees the slot of `key`, and moves those behind it up that it stood in the way of.
    fn free_slot_of(&mut self, key: K) {
        let Some(mut hole) = self.slot_of(key) else {
            return;
        };
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot.place == FREE {
                break;
            }
            // It may move to the hole if that is not in front of where its search starts.
            let way = at.wrapping_sub(home(slot.key, self.shift)) & mask;
            if way >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole].place = FREE;
    }

    #[cold]
    fn insert(&mut self, mut free: usize, key: K, entry: T) -> u32 {
        let place = u32::try_from(self.entries.len()).unwrap_or(FREE);
        assert!(place != FREE, "a table holds fewer than 2^32 - 1 entries");
        if slots_for(self.entries.len() + 1) > self.slots.len() {
            self.grow();
            free = self.find(key).err().unwrap_or(free);
        }
        self.entries.push(entry);
        self.keys.push(key);
        self.slots[free] = Slot { key, place };
        place
    }

    fn grow(&mut self) {
        let slots_count = self.slots.len() * 2;
        self.shift = shift_of(slots_count);
        self.slots = free_slots(slots_count);
        for (&key, place) in self.keys.iter().zip(0..) {
            let mask = self.slots.len() - 1;
            let mut at = home(key, self.shift);
            while self.slots[at & mask].place != FREE {
                at += 1;
            }
            self.slots[at & mask] = Slot { key, place };
        }
    }
}

impl<K: Copy + Eq + Default + Into<u64>, T> Default for Table<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the search for `key` starts: Fibonacci hashing, which spreads the runs of neighbouring ids
/// that servers give out.
#[inline]
fn home<K: Into<u64>>(key: K, shift: u32) -> usize {
    (key.into().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}

/// At most three quarters are taken, which keeps the runs within a line or two.
fn slots_for(entries: usize) -> usize {
    let slots = entries.saturating_mul(4).div_ceil(3);
    slots.next_power_of_two().max(SLOTS_MIN)
}

fn free_slots<K: Default + Copy>(slots_count: usize) -> Vec<Slot<K>> {
    let free = Slot {
        key: K::default(),
        place: FREE,
    };
    vec![free; slots_count]
}

fn shift_of(slots_count: usize) -> u32 {
    u64::BITS - slots_count.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Add(u64),
        Remove(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = prop_oneof![
            0..50_u64,
            (0..50_u64).prop_map(|low| low << 58),
            any::<u64>()
        ];
        let step = (key, 0..3).prop_map(|(key, dice)| match dice {
            0 => Step::Remove(key),
            _ => Step::Add(key),
        });
        prop::collection::vec(step, 0..2_000)
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_would_in_order_of_first_appearance(steps in steps()) {
            let mut table = Table::new();
            let mut map = BTreeMap::new();
            let mut order = Vec::new();
            for step in steps {
                match step {
                    Step::Add(key) => {
                        table.prefetch([key].into_iter());
                        *table.get_or_insert_with(key, || 0_u32) += 1;
                        if !map.contains_key(&key) {
                            order.push(key);
                        }
                        *map.entry(key).or_insert(0_u32) += 1;
                    }
                    Step::Remove(key) => {
                        prop_assert_eq!(table.remove(key), map.remove(&key));
                        if let Some(place) = order.iter().position(|&other| other == key) {
                            order.swap_remove(place);
                        }
                    }
                }
                prop_assert_eq!(table.len(), map.len());
            }
            for (&key, count) in &map {
                prop_assert_eq!(table.get(key), Some(count));
                prop_assert_eq!(table.get(!key), map.get(&!key));
            }
            let entries: Vec<_> = table.iter().collect();
            let expected: Vec<_> = order.iter().map(|key| (*key, &map[key])).collect();
            prop_assert_eq!(entries, expected);
        }
    }

    #[test]
    fn a_table_with_capacity_does_not_grow_within_it() {
        let mut table = Table::with_capacity(1_000);
        let slots = table.slots.len();
        for key in 0..1_000_u32 {
            table.get_or_insert_with(key, || ());
        }
        assert_eq!(table.slots.len(), slots);
    }
}
