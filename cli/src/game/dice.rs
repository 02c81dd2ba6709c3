//! Random numbers for made-up traffic.

use ringlog::game::Text;

/// Sebastiano Vigna's splitmix64: <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Debug)]
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The stream of number `stream`: neighbours do not give the same one with a lag.
    pub(super) fn stream(seed: u64, stream: u64) -> Self {
        // The first step scrambles the seed.
        let mut start = Self(Self(seed).next() ^ stream);
        Self(start.next())
    }
}

/// One random number, used up bit by bit: an event needs several small ones.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `bound`. Its bias is at most `bound` divided by what is left of 2^64, which
    /// does not matter to traffic.
    #[inline]
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let wide = u128::from(self.0) * u128::from(bound);
        self.0 = wide as u64;
        (wide >> 64) as u32
    }

    pub(super) fn pick(&mut self, texts: &[&str; 4]) -> Text {
        Text::from(texts[(self.below(4) & 3) as usize])
    }
}
