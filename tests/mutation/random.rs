//! Chance that is the same on every machine: SplitMix64, as Steele, Lea and Flood published it in 2014.

/// The state. Equal seeds give equal numbers, for ever: `docs/mutation.md` rests on it.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // 2^64 divided by the golden ratio, made odd, so that every state comes once before any comes again.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        // The published mixing of a state into a number.
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        // The upper half of a product: no division, and a bias of n in 2^64.
        let product = u128::from(self.next()) * n as u128;
        (product >> 64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    /// 1 or -1.
    pub(crate) fn sign(&mut self) -> i64 {
        if self.coin() { 1 } else { -1 }
    }

    /// The place of one of those that suit; `None` when none does.
    pub(crate) fn place<T>(&mut self, of: &[T], suits: impl Fn(&T) -> bool) -> Option<usize> {
        let places: Vec<usize> = of.iter().enumerate().filter(|(_, t)| suits(t)).map(|(n, _)| n).collect();
        (!places.is_empty()).then(|| places[self.below(places.len())])
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for n in (1..list.len()).rev() {
            list.swap(n, self.below(n + 1));
        }
    }
}
