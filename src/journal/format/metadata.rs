//! The directory's metadata: a short text that an operator can read, guarded by a checksum.

use super::{Damage, FORMAT_VERSION, checksum};

/// The routing function of this version, by name: see [`crate::partition_of`].
pub(crate) const ROUTING: &str = "murmur3-finalizer-v1";

/// What must not change while a directory holds events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) partitions: u32,
    pub(crate) journal_id: [u64; 2],
    pub(crate) routing: String,
}

impl Metadata {
    pub(crate) fn to_text(&self) -> String {
        let body = format!(
            "ringlog journal\nformat {FORMAT_VERSION}\npartitions {}\nrouting {}\nid {:016x}{:016x}\n",
            self.partitions, self.routing, self.journal_id[0], self.journal_id[1],
        );
        let sum = checksum(body.as_bytes());
        format!("{body}checksum {sum:08x}\n")
    }

    pub(crate) fn from_text(text: &[u8]) -> Result<Self, Damage> {
        let text = std::str::from_utf8(text).map_err(|_| Damage::Magic)?;
        let Some((body, sum)) = text.trim_end().rsplit_once("checksum ") else {
            return Err(if text.starts_with("ringlog journal\n") {
                Damage::Short
            } else {
                Damage::Magic
            });
        };
        if !body.starts_with("ringlog journal\n") {
            return Err(Damage::Magic);
        }
        if u32::from_str_radix(sum, 16).ok() != Some(checksum(body.as_bytes())) {
            return Err(Damage::Checksum);
        }
        let field = |name: &'static str| {
            body.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .ok_or(Damage::OutOfRange(name))
        };
        let version: u16 = field("format")?
            .parse()
            .map_err(|_| Damage::OutOfRange("format"))?;
        if version > FORMAT_VERSION {
            return Err(Damage::Version(version));
        }
        let partitions = field("partitions")?
            .parse()
            .map_err(|_| Damage::OutOfRange("partitions"))?;
        let id = u128::from_str_radix(field("id")?, 16).map_err(|_| Damage::OutOfRange("id"))?;
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of it")]
        let journal_id = [(id >> 64) as u64, id as u64];
        Ok(Self {
            partitions,
            journal_id,
            routing: field("routing")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_reads_back_and_a_changed_character_is_detected() {
        let metadata = Metadata {
            partitions: 4,
            journal_id: [7, u64::MAX],
            routing: ROUTING.to_owned(),
        };
        let text = metadata.to_text();
        assert_eq!(Metadata::from_text(text.as_bytes()).unwrap(), metadata);
        let forged = text.replace("partitions 4", "partitions 5");
        assert_eq!(
            Metadata::from_text(forged.as_bytes()),
            Err(Damage::Checksum)
        );
        assert_eq!(Metadata::from_text(b"something else"), Err(Damage::Magic));
        assert!(Metadata::from_text(&text.as_bytes()[..20]).is_err());
    }
}
