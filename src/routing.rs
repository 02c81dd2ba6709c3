//! Which partition a key belongs to: a fixed function, part of the on-disk contract.
#![forbid(unsafe_code)]

/// The partition of `key` among `partitions`.
///
/// The function never changes for a directory: its name is in the directory's metadata, and golden
/// values in the tests hold it. A key's events therefore always meet in one partition, in order.
///
/// # Panics
///
/// When `partitions` is 0.
#[must_use]
#[inline]
pub fn partition_of(key: u64, partitions: u32) -> u32 {
    assert!(partitions > 0, "a journal has at least one partition");
    // The 64-bit finalizer of MurmurHash3: sequential ids spread evenly.
    let mut hash = key;
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    // Multiply-shift maps the hash to the range without a division.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the product is below partitions"
    )]
    let partition = ((u128::from(hash) * u128::from(partitions)) >> 64) as u32;
    partition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_has_its_golden_values() {
        let partitions = |key| [1, 2, 3, 8, 64].map(|count| partition_of(key, count));
        assert_eq!(partitions(0), [0, 0, 0, 0, 0]);
        assert_eq!(partitions(1), [0, 1, 2, 5, 45]);
        assert_eq!(partitions(2), [0, 0, 0, 1, 14]);
        assert_eq!(partitions(42), [0, 1, 1, 4, 32]);
        assert_eq!(partitions(u64::MAX), [0, 0, 1, 3, 25]);
    }

    #[test]
    fn sequential_keys_spread_evenly() {
        let mut counts = [0u32; 8];
        for key in 0..80_000 {
            counts[partition_of(key, 8) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (9_500..10_500).contains(count)),
            "{counts:?}"
        );
    }
}
