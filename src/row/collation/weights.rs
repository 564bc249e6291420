//! The weights of characters.

use std::sync::LazyLock;

/// Table, tab, first code point, tab, weights of it and of those after it with spaces between: those of a character in four
/// hexadecimal digits each, `-` for none.
///
/// | after a weight | meaning |
/// |---|---|
/// | `+n` | n characters, each weighing one more |
/// | `*n` | n characters, each weighing the same |
///
/// `@FB40` stands for the two weights of a character without any in Unicode's table, by that base, and `^` for a syllable of
/// Hangul, which weighs what its letters do.
const WEIGHTS: &str = include_str!("weights.tsv");
/// First characters, with spaces between, tab, the least and, tab, the greatest second one of pairs that may weigh otherwise
/// in `uca1400_ai_ci` than one after the other.
const CONTRACTIONS: &str = include_str!("contractions.tsv");

/// Characters that a run has before it is kept as one.
const RUN_MIN: u32 = 64;
/// Weights of a character at most.
const WEIGHTS_MAX: usize = 8;

/// A table of weights by its name in `weights.tsv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    General,
    Unicode,
    Unicode520,
    Unicode900,
    Unicode1400,
}

impl Table {
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "general" => Self::General,
            "unicode" => Self::Unicode,
            "unicode_520" => Self::Unicode520,
            "0900" => Self::Unicode900,
            "uca1400" => Self::Unicode1400,
            _single_byte => return None,
        })
    }

    /// The weights, which are read once in a process.
    pub(super) fn weights(self) -> &'static Weights {
        static GENERAL: LazyLock<Weights> = LazyLock::new(|| Weights::read("general"));
        static UNICODE: LazyLock<Weights> = LazyLock::new(|| Weights::read("unicode"));
        static UNICODE_520: LazyLock<Weights> = LazyLock::new(|| Weights::read("unicode_520"));
        static UNICODE_900: LazyLock<Weights> = LazyLock::new(|| Weights::read("0900"));
        static UNICODE_1400: LazyLock<Weights> = LazyLock::new(|| Weights::read("uca1400"));
        match self {
            Self::General => &GENERAL,
            Self::Unicode => &UNICODE,
            Self::Unicode520 => &UNICODE_520,
            Self::Unicode900 => &UNICODE_900,
            Self::Unicode1400 => &UNICODE_1400,
        }
    }
}

/// The weights of all characters of which they are known.
#[derive(Debug, Default)]
pub(super) struct Weights {
    /// By the upper bits of a code point: where the weights of 256 of them are.
    pages: Vec<Option<Box<[Known]>>>,
    /// Sorted.
    runs: Vec<Run>,
    /// All lists of weights.
    lists: Vec<u16>,
    /// Pairs that may weigh otherwise: first, least and greatest second.
    contractions: Vec<(u32, u32, u32)>,
}

/// What is known of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    One(u16),
    List(u32, u8),
    /// Computed from the code point, by this base.
    Implicit(u16),
}

/// Characters that follow each other.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u32,
    last: u32,
    weight: RunWeight,
}

#[derive(Clone, Copy, Debug)]
enum RunWeight {
    Same(u16),
    /// Of the first.
    Rising(u16),
    Implicit(u16),
    Hangul,
}

/// The weights of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CharacterWeights {
    weights: [u16; WEIGHTS_MAX],
    count: usize,
    /// Whether they are computed from the character; LIKE takes no other one for the same then.
    pub(super) is_implicit: bool,
}

impl CharacterWeights {
    fn of(weights: &[u16]) -> Self {
        let mut all = [0; WEIGHTS_MAX];
        for (slot, weight) in all.iter_mut().zip(weights) {
            *slot = *weight;
        }
        Self {
            weights: all,
            count: weights.len().min(WEIGHTS_MAX),
            is_implicit: false,
        }
    }

    /// Those that count.
    pub(super) fn as_slice(&self) -> &[u16] {
        self.weights.get(..self.count).unwrap_or_default()
    }
}

impl Weights {
    /// The only weight of a character, where it has one.
    #[inline]
    pub(super) fn only(&self, character: char) -> Option<u16> {
        let code = u32::from(character);
        let page = self.pages.get(code as usize >> 8)?.as_deref()?;
        match page.get(code as usize & 0xff)? {
            Known::One(weight) => Some(*weight),
            Known::Nothing | Known::List(..) | Known::Implicit(_) => None,
        }
    }

    /// The weights of a character; `None` if they are not known.
    pub(super) fn of(&self, character: char) -> Option<CharacterWeights> {
        let code = u32::from(character);
        let page = self.pages.get(code as usize >> 8);
        let page = page.and_then(Option::as_deref);
        let known = page.and_then(|page| page.get(code as usize & 0xff));
        match known.copied().unwrap_or(Known::Nothing) {
            Known::One(weight) => Some(CharacterWeights::of(&[weight])),
            Known::List(start, count) => {
                let start = start as usize;
                let list = self.lists.get(start..start + usize::from(count))?;
                Some(CharacterWeights::of(list))
            }
            Known::Implicit(base) => Some(implicit(base, code)),
            Known::Nothing => self.of_run(code),
        }
    }

    /// Whether two characters may weigh otherwise after each other than each by itself.
    #[inline]
    pub(super) fn may_contract(&self, first: char, second: char) -> bool {
        // The least of the second ones.
        if u32::from(second) < 0xb7 {
            return false;
        }
        let (first, second) = (u32::from(first), u32::from(second));
        let mut pairs = self.contractions.iter();
        pairs.any(|(one, least, most)| *one == first && (*least..=*most).contains(&second))
    }

    fn of_run(&self, code: u32) -> Option<CharacterWeights> {
        let after = self.runs.partition_point(|run| run.first <= code);
        let run = self.runs.get(after.checked_sub(1)?)?;
        if code > run.last {
            return None;
        }
        Some(match run.weight {
            RunWeight::Same(weight) => CharacterWeights::of(&[weight]),
            RunWeight::Rising(weight) => {
                let rise = u16::try_from(code - run.first).ok()?;
                CharacterWeights::of(&[weight.checked_add(rise)?])
            }
            RunWeight::Implicit(base) => implicit(base, code),
            RunWeight::Hangul => self.of_syllable(code)?,
        })
    }

    /// A syllable of Hangul: a leading consonant, a vowel, and perhaps a trailing consonant.
    fn of_syllable(&self, code: u32) -> Option<CharacterWeights> {
        let index = code.checked_sub(0xac00)?;
        let (leading, vowel, trailing) = (index / 588, index % 588 / 28, index % 28);
        let mut weights = Vec::with_capacity(3);
        for code in [0x1100 + leading, 0x1161 + vowel, 0x11a7 + trailing] {
            if code != 0x11a7 {
                let letter = self.of(char::from_u32(code)?)?;
                weights.extend_from_slice(letter.as_slice());
            }
        }
        Some(CharacterWeights::of(&weights))
    }

    fn read(name: &str) -> Self {
        let mut weights = Self::default();
        for line in WEIGHTS.lines() {
            let mut fields = line.split('\t');
            if fields.next() != Some(name) {
                continue;
            }
            let (Some(first), Some(tokens)) = (fields.next(), fields.next()) else {
                continue;
            };
            let mut code = number(first);
            for token in tokens.split(' ') {
                code += weights.take(code, token);
            }
        }
        if name == "uca1400" {
            weights.contractions = contractions();
        }
        weights
    }

    /// Takes the weights of the characters from a code point on; gives how many they are.
    fn take(&mut self, code: u32, token: &str) -> u32 {
        let (weight, count, rises) = match (token.split_once('+'), token.split_once('*')) {
            (Some((weight, count)), _) => (weight, count, true),
            (None, Some((weight, count))) => (weight, count, false),
            (None, None) => (token, "1", false),
        };
        let count: u32 = count.parse().expect("a count");
        if let Some(base) = weight.strip_prefix('@') {
            let base = narrow(number(base));
            self.run(code, count, RunWeight::Implicit(base), |_| {
                Known::Implicit(base)
            });
        } else if weight == "^" {
            self.run(code, count, RunWeight::Hangul, |_| Known::Nothing);
        } else if weight.len() == 4 {
            let weight = narrow(number(weight));
            let run = match rises {
                true => RunWeight::Rising(weight),
                false => RunWeight::Same(weight),
            };
            self.run(code, count, run, |index| {
                Known::One(weight + if rises { narrow(index) } else { 0 })
            });
        } else {
            let start = u32::try_from(self.lists.len()).expect("a short table");
            let digits = weight.trim_start_matches('-').as_bytes();
            let list = digits.chunks(4).map(|digits| {
                let digits = std::str::from_utf8(digits).expect("digits");
                narrow(number(digits))
            });
            self.lists.extend(list);
            let length = u8::try_from(digits.len() / 4).expect("few weights");
            for index in 0..count {
                self.put(code + index, Known::List(start, length));
            }
        }
        count
    }

    fn run(&mut self, code: u32, count: u32, weight: RunWeight, known: impl Fn(u32) -> Known) {
        // What is common is found by its page at once.
        if count < RUN_MIN || code < 0x1000 && matches!(weight, RunWeight::Rising(_)) {
            for index in 0..count {
                self.put(code + index, known(index));
            }
            return;
        }
        self.runs.push(Run {
            first: code,
            last: code + count - 1,
            weight,
        });
    }

    fn put(&mut self, code: u32, known: Known) {
        let (page, place) = (code as usize >> 8, code as usize & 0xff);
        if self.pages.len() <= page {
            self.pages.resize(page + 1, None);
        }
        if let Some(slot) = self.pages.get_mut(page) {
            let page = slot.get_or_insert_with(|| vec![Known::Nothing; 256].into());
            if let Some(slot) = page.get_mut(place) {
                *slot = known;
            }
        }
    }
}

/// As in "Derived Collation Elements" of UTS #10.
fn implicit(base: u16, code: u32) -> CharacterWeights {
    let first = base + narrow(code >> 15);
    let second = narrow(code & 0x7fff) | 0x8000;
    CharacterWeights {
        is_implicit: true,
        ..CharacterWeights::of(&[first, second])
    }
}

fn contractions() -> Vec<(u32, u32, u32)> {
    let mut all = Vec::new();
    for line in CONTRACTIONS.lines() {
        let mut fields = line.split('\t');
        let firsts = fields.next().unwrap_or_default();
        let mut next = || number(fields.next().unwrap_or_default());
        let (least, most) = (next(), next());
        all.extend(firsts.split(' ').map(|first| (number(first), least, most)));
    }
    all
}

fn number(digits: &str) -> u32 {
    u32::from_str_radix(digits, 16).expect("the tables hold hexadecimal numbers")
}

fn narrow(number: u32) -> u16 {
    u16::try_from(number).expect("a weight has sixteen bits")
}
