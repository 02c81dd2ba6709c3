//! Entries by id, until the library offers its own table.

use ringlog::prefetch;

/// Open addressing with linear probing; 0 is no id.
#[derive(Debug, Clone)]
pub(super) struct Table<K, T> {
    slots: Vec<(K, T)>,
    shift: u32,
}

impl<T: Copy + Default> Table<u32, T> {
    pub(super) fn with_capacity(count: usize) -> Self {
        let slots_count = (count * 3 / 2).next_power_of_two();
        Self {
            slots: vec![(0, T::default()); slots_count],
            shift: u64::BITS - slots_count.trailing_zeros(),
        }
    }

    #[cfg(test)]
    pub(super) fn get(&self, id: u32) -> Option<&T> {
        let (found, entry) = &self.slots[self.place(id)];
        (*found == id).then_some(entry)
    }

    #[inline]
    pub(super) fn get_or_insert_with(&mut self, id: u32, make: impl FnOnce() -> T) -> &mut T {
        let place = self.place(id);
        let slot = &mut self.slots[place];
        if slot.0 == 0 {
            *slot = (id, make());
        }
        &mut slot.1
    }

    #[inline]
    pub(super) fn prefetch(&self, ids: impl Iterator<Item = u32> + Clone) {
        for id in ids {
            prefetch(&self.slots[self.home(id)]);
        }
    }

    #[inline]
    fn home(&self, id: u32) -> usize {
        (u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    #[inline]
    fn place(&self, id: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(id);
        while self.slots[at].0 != id && self.slots[at].0 != 0 {
            at = (at + 1) & mask;
        }
        at
    }
}
