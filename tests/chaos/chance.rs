//! Chance that repeats: everything that a run decides by chance follows from its seed.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to pick faults by.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed and the name of what it decides, so that one part's choices do not move another's.
    pub fn new(seed: u64, part: &str) -> Self {
        Self(part.bytes().fold(seed, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    /// Seconds, from `least` to `most`.
    pub fn seconds(&mut self, least: f64, most: f64) -> std::time::Duration {
        let share = self.below(1_000_000) as f64 / 1_000_000.0;
        std::time::Duration::from_secs_f64(least + (most - least) * share)
    }

    /// In another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
