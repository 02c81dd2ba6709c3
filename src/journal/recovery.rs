//! The recovery decision: torn tail, clean end or corruption. Pure.
//!
//! `docs/format.md` has the same table in words; each row has its test below.

use super::format::Damage;
use crate::canary::{Canary, is_planted};

/// What a scan met where the next group was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A block of zeros: prepared space, or a write that was lost.
    Zeros,
    /// The file ends here.
    EndOfFile,
    /// In a recycled file: bytes of the segment that it held before.
    Stale,
    /// Bytes that are no group of this place.
    Damage(Damage),
}

impl Finding {
    pub(crate) fn damage(self) -> Damage {
        match self {
            Self::Zeros | Self::Stale => Damage::Magic,
            Self::EndOfFile => Damage::Short,
            Self::Damage(damage) => damage,
        }
    }
}

/// What the sound groups behind the finding prove together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaterGroups {
    /// Whether one of them was written with `Sync`.
    pub(crate) was_synced_in_order: bool,
    /// The highest group that one of them witnesses.
    pub(crate) synced_group: u64,
}

/// Everything that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    pub(crate) finding: Finding,
    /// The number of the group that was expected there.
    pub(crate) expected_group: u64,
    /// The highest group that a witness says was synced.
    pub(crate) witnessed_group: u64,
    /// The sound groups behind the finding, if any.
    pub(crate) later: Option<LaterGroups>,
    /// Whether anything but zeros follows; in a recycled file, anything of this segment's own.
    pub(crate) bytes_follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing was lost and nothing needs to be set aside.
    CleanEnd,
    /// What follows was never acknowledged: set it aside and go on.
    TornTail,
    /// Something that was durable is gone: refuse.
    Corruption,
}

/// The decision table.
pub(crate) fn decide(evidence: &Evidence) -> Verdict {
    let expected = evidence.expected_group;
    let is_checksum = evidence.finding == Finding::Damage(Damage::Checksum);
    if is_checksum && is_planted(Canary::CorruptionTakenForTorn) {
        return Verdict::TornTail;
    }
    if expected <= evidence.witnessed_group {
        return Verdict::Corruption;
    }
    if let Some(later) = evidence.later {
        // With `Sync` a group is written only after the one before it was synced, so a sound one
        // proves the missing one. With `OsBuffer` the kernel writes in any order.
        let proves = later.was_synced_in_order || later.synced_group >= expected;
        return if proves {
            Verdict::Corruption
        } else {
            Verdict::TornTail
        };
    }
    match evidence.finding {
        Finding::Damage(_) => Verdict::TornTail,
        _ if evidence.bytes_follow => Verdict::TornTail,
        Finding::Zeros | Finding::EndOfFile | Finding::Stale => Verdict::CleanEnd,
    }
}

/// Bytes behind the last sound group that were never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TornTail {
    /// The partition.
    pub partition: u32,
    /// The segment's file name.
    pub segment: String,
    /// Where in it the torn bytes start.
    pub position: u64,
    /// How many bytes there are, up to the last one that is not zero.
    pub bytes: u64,
    /// What is wrong with them.
    pub damage: Damage,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(finding: Finding) -> Evidence {
        Evidence {
            finding,
            expected_group: 10,
            witnessed_group: 9,
            later: None,
            bytes_follow: false,
        }
    }

    const FINDINGS: [Finding; 4] = [
        Finding::Zeros,
        Finding::EndOfFile,
        Finding::Stale,
        Finding::Damage(Damage::Checksum),
    ];

    #[test]
    fn anything_but_a_group_at_or_below_a_witness_is_corruption() {
        for finding in FINDINGS {
            for witnessed_group in [10, 11, u64::MAX] {
                for bytes_follow in [false, true] {
                    let evidence = Evidence {
                        witnessed_group,
                        bytes_follow,
                        ..end(finding)
                    };
                    assert_eq!(decide(&evidence), Verdict::Corruption);
                }
            }
        }
    }

    #[test]
    fn zeros_stale_bytes_or_the_end_of_the_file_with_nothing_behind_are_a_clean_end() {
        assert_eq!(decide(&end(Finding::Stale)), Verdict::CleanEnd);
        assert_eq!(decide(&end(Finding::Zeros)), Verdict::CleanEnd);
        assert_eq!(decide(&end(Finding::EndOfFile)), Verdict::CleanEnd);
    }

    #[test]
    fn unreadable_bytes_behind_zeros_or_stale_ones_are_a_torn_tail() {
        for finding in [Finding::Zeros, Finding::Stale] {
            let evidence = Evidence {
                bytes_follow: true,
                ..end(finding)
            };
            assert_eq!(decide(&evidence), Verdict::TornTail);
        }
    }

    #[test]
    fn damage_above_every_witness_is_a_torn_tail() {
        assert_eq!(
            decide(&end(Finding::Damage(Damage::Checksum))),
            Verdict::TornTail
        );
    }

    #[test]
    fn a_sound_group_behind_is_corruption_where_groups_were_synced_in_order() {
        for finding in FINDINGS {
            let later = Some(LaterGroups {
                was_synced_in_order: true,
                synced_group: 3,
            });
            let evidence = Evidence {
                later,
                bytes_follow: true,
                ..end(finding)
            };
            assert_eq!(decide(&evidence), Verdict::Corruption);
        }
    }

    #[test]
    fn a_sound_group_behind_keeps_the_prefix_where_the_kernel_chose_the_order() {
        for finding in FINDINGS {
            let later = Some(LaterGroups {
                was_synced_in_order: false,
                synced_group: 9,
            });
            let evidence = Evidence {
                later,
                bytes_follow: true,
                ..end(finding)
            };
            assert_eq!(decide(&evidence), Verdict::TornTail);
        }
    }

    #[test]
    fn a_sound_group_behind_that_witnesses_the_missing_one_is_corruption_at_any_level() {
        let later = Some(LaterGroups {
            was_synced_in_order: false,
            synced_group: 10,
        });
        let evidence = Evidence {
            later,
            bytes_follow: true,
            ..end(Finding::Zeros)
        };
        assert_eq!(decide(&evidence), Verdict::Corruption);
    }
}
