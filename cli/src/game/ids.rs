//! Ids of made-up events and commands.

use ringlog::game::Text;

/// Eight characters: the publisher and the number in base 32, the highest digit first. Publishers
/// repeat after 32, numbers after 2^35.
///
/// All digits at once: one by one they would cost more than the rest of the event.
#[inline]
pub(super) fn id(publisher: u64, number: u64) -> Text {
    let bits = (publisher << 35) | (number & ((1 << 35) - 1));
    // Spread 40 bits to five in each byte, halving the distance in each step.
    let bits = ((bits & 0xff_fff0_0000) << 12) | (bits & 0xf_ffff);
    let bits = ((bits & 0x000f_fc00_000f_fc00) << 6) | (bits & 0x0000_03ff_0000_03ff);
    let digits = ((bits & 0x03e0_03e0_03e0_03e0) << 3) | (bits & 0x001f_001f_001f_001f);
    // '0' to '9', then 'a' to 'v': letters are those whose sum reaches the top bit of the byte.
    let letters = ((digits + 0x7676_7676_7676_7676) >> 7) & 0x0101_0101_0101_0101;
    let characters = digits + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10);
    // Big-endian order by hand: it is text that is made here, not numbers of a format.
    Text::from(str::from_utf8(&characters.swap_bytes().to_le_bytes()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn ids_are_numbers_in_base_32() {
        assert_eq!(id(0, 0).as_str(), "00000000");
        assert_eq!(id(1, 31).as_str(), "1000000v");
        assert_eq!(id(31, (1 << 35) - 1).as_str(), "vvvvvvvv");
        for number in [1, 9, 10, 31, 32, 1_000, 123_456_789, 30_000_000_000] {
            assert_eq!(u64::from_str_radix(id(0, number).as_str(), 32), Ok(number));
        }
    }
}
