//! What one player holds.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

/// Items and how many of each were picked up.
///
/// A tree, not a sorted vector: a player with a million different items is still served in
/// logarithmic time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<u32, u64>);

impl Inventory {
    /// Adds `quantity` of `item_id`.
    #[inline]
    pub(super) fn add(&mut self, item_id: u32, quantity: u32) {
        *self.0.entry(item_id).or_insert(0) += u64::from(quantity);
    }

    pub(super) fn set(&mut self, item_id: u32, quantity: u64) {
        self.0.insert(item_id, quantity);
    }

    /// Every item with its quantity, by item id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0
            .iter()
            .map(|(&item_id, &quantity)| (item_id, quantity))
    }
}
