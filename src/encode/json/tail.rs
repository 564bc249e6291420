//! What comes after a change's images. From row to row of a group and table only two numbers in it differ, which count: they
//! are counted on in the text, which is copied then.

use std::ops::Range;

use crate::row::write_integer;

/// The end of the message of a change, as it will be if the next change is the next of its group and table.
#[derive(Default)]
pub(in crate::encode) struct Tail {
    /// Empty if nothing is known of the next change.
    text: Vec<u8>,
    /// The sequence of the next change.
    sequence: u64,
    /// Where its digits are, and those of the total order, which is one more, if the message has that.
    numbers: [Range<usize>; 2],
    /// Where the letter of the operation is.
    letter: usize,
}

/// The parts that the end of a message is made of.
pub(in crate::encode) struct TailParts<'a> {
    /// Up to the sequence.
    pub(in crate::encode) head: &'a [u8],
    /// From after the sequence to the total order; `None` without one.
    pub(in crate::encode) middle: Option<&'a [u8]>,
    /// From after the total order to the letter of the operation.
    pub(in crate::encode) before_letter: &'a [u8],
    /// After the letter.
    pub(in crate::encode) after_letter: u8,
    /// After that.
    pub(in crate::encode) rest: &'a [u8],
}

impl Tail {
    /// Makes room for those of another group or table, or of another batch.
    pub(in crate::encode) fn forget(&mut self) {
        self.text.clear();
    }

    /// Appends the end of the message of the change with this sequence, and counts on; `false`, and nothing, if it is not the
    /// one that was expected.
    #[inline]
    pub(in crate::encode) fn write(
        &mut self,
        sequence: u64,
        letter: u8,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.text.is_empty() || sequence != self.sequence {
            return false;
        }
        let start = out.len();
        out.extend_from_slice(&self.text);
        if let Some(slot) = out.get_mut(start + self.letter) {
            *slot = letter;
        }
        // The text is not written to before it is copied: the processor waits for bytes that were just written one by one.
        self.count();
        true
    }

    /// Learns what the end of the next change's message will be, after that of the change with this sequence.
    pub(in crate::encode) fn learn(&mut self, sequence: u64, parts: &TailParts<'_>) {
        self.text.clear();
        // The total order after the next one can be counted to.
        if sequence.checked_add(3).is_none() {
            return;
        }
        self.sequence = sequence + 1;
        self.text.extend_from_slice(parts.head);
        let [first, second] = &mut self.numbers;
        *first = append(self.sequence, &mut self.text);
        *second = 0..0;
        if let Some(middle) = parts.middle {
            self.text.extend_from_slice(middle);
            *second = append(self.sequence + 1, &mut self.text);
        }
        self.text.extend_from_slice(parts.before_letter);
        self.letter = self.text.len();
        self.text.extend_from_slice(&[b'?', parts.after_letter]);
        self.text.extend_from_slice(parts.rest);
    }

    fn count(&mut self) {
        self.sequence += 1;
        for number in &self.numbers {
            let digits = self.text.get_mut(number.clone()).unwrap_or_default();
            if !digits.is_empty() && !count_digits(digits) {
                // It has a digit more now.
                return self.text.clear();
            }
        }
    }
}

/// Appends a number; returns where its digits are.
fn append(number: u64, text: &mut Vec<u8>) -> Range<usize> {
    let start = text.len();
    write_integer(number, text);
    start..text.len()
}

/// Adds one to a number of digits; `false` if all of them were nines.
#[inline]
fn count_digits(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return true;
        }
        *digit = b'0';
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    proptest! {
        #[test]
        fn what_is_counted_on_is_what_would_be_written(first in any::<u64>(), shift in 0u32..64, letters in prop::collection::vec(b'a'..=b'z', 1..150), jump in 0usize..150) {
            let mut tail = Tail::default();
            let parts = TailParts { head: b"<", middle: Some(b"|"), before_letter: b":", after_letter: b'.', rest: b">" };
            let mut sequence = first >> shift;
            let mut known = 0;
            for (index, letter) in letters.iter().enumerate() {
                let mut out = b"before".to_vec();
                let expected = format!("before<{sequence}|{}:{}.>", u128::from(sequence) + 1, char::from(*letter));
                if tail.write(sequence, *letter, &mut out) {
                    known += 1;
                    assert_eq!(out, expected.as_bytes());
                } else {
                    assert_eq!(out, b"before");
                    tail.learn(sequence, &parts);
                }
                let step = if index == jump { 2 } else { 1 };
                sequence = sequence.saturating_add(step);
            }
            // It is not known at the start, after the jump, and where a number gets a digit more.
            let is_near_end = u64::MAX - (first >> shift) < 200;
            assert!(is_near_end || known + 8 >= letters.len(), "{known} of {}", letters.len());
        }
    }
}
