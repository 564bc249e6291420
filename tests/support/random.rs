//! Random numbers that a seed repeats: splitmix64, which is enough to choose what a client does next.
//!
//! Follows Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014).

/// A sequence of numbers that its seed fixes.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of `seed`; `stream` tells the sequences of one seed apart.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self { state: seed };
        let state = mixed.number() ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Self { state }
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "there is no number below 0");
        self.number() % end
    }

    /// A number from `first` up to and including `last`.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// True in `parts` of `whole` cases.
    pub fn chance(&mut self, parts: u64, whole: u64) -> bool {
        self.below(whole) < parts
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.index(choices.len())]
    }

    /// A place in something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        let end = u64::try_from(length).expect("a length fits into 64 bits");
        usize::try_from(self.below(end)).expect("a number below a length is one")
    }

    /// This many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length)
            .map(|_| self.number().to_le_bytes()[3])
            .collect()
    }
}

#[test]
fn a_seed_repeats_its_numbers_and_its_streams_differ() {
    let draw = |seed, stream| {
        let mut random = Random::new(seed, stream);
        (0..8).map(|_| random.number()).collect::<Vec<_>>()
    };
    assert_eq!(draw(7, 1), draw(7, 1));
    assert_ne!(draw(7, 1), draw(7, 2));
    assert_ne!(draw(7, 1), draw(8, 1));
}
