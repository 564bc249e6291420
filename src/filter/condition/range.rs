//! Comparisons of integers as ranges of them, which are judged soonest.

use std::cmp::Ordering;

use super::parser::Comparison;
use crate::row::{signed_integer, unsigned_integer};

/// The integers of a width from a lowest to a highest.
#[derive(Debug)]
pub(super) struct IntegerRange {
    width: u8,
    unsigned: bool,
    /// The lowest by its place in the order of all integers, in which those with a sign begin at their least.
    low: u64,
    /// How many more there are.
    more: u64,
}

impl IntegerRange {
    /// Makes one of the integers that compare so with a literal; `against` is how the literal, cut to an integer, is ordered
    /// against what was written. `None` if there are none.
    pub(super) fn new(
        comparison: Comparison,
        (literal, against): (i128, Ordering),
        (width, unsigned): (u8, bool),
    ) -> Option<Self> {
        let (before, after) = (literal.saturating_sub(1), literal.saturating_add(1));
        let (low, high) = match (comparison, against) {
            (Comparison::Equal, Ordering::Equal) => (Some(literal), Some(literal)),
            (Comparison::Equal, Ordering::Less | Ordering::Greater) => return None,
            (Comparison::Less | Comparison::LessOrEqual, Ordering::Less)
            | (Comparison::LessOrEqual, Ordering::Equal) => (None, Some(literal)),
            (Comparison::Less, Ordering::Equal)
            | (Comparison::Less | Comparison::LessOrEqual, Ordering::Greater) => {
                (None, Some(before))
            }
            (Comparison::Greater | Comparison::GreaterOrEqual, Ordering::Greater)
            | (Comparison::GreaterOrEqual, Ordering::Equal) => (Some(literal), None),
            (Comparison::Greater, Ordering::Equal)
            | (Comparison::Greater | Comparison::GreaterOrEqual, Ordering::Less) => {
                (Some(after), None)
            }
        };
        let (least, most) = match unsigned {
            true => (0, i128::from(u64::MAX)),
            false => (i128::from(i64::MIN), i128::from(i64::MAX)),
        };
        let low = low.map_or(least, |low| low.max(least));
        let high = high.map_or(most, |high| high.min(most));
        let low = u64::try_from(low.checked_sub(least)?).ok()?;
        let high = u64::try_from(high.checked_sub(least)?).ok()?;
        Some(Self {
            width,
            unsigned,
            low,
            more: high.checked_sub(low)?,
        })
    }

    /// Whether a value as images have it is one of them; `None` for bytes of another width.
    #[inline]
    pub(super) fn holds(&self, bytes: &[u8]) -> Option<bool> {
        /// The place of 0 among integers with a sign.
        const MIDDLE: u64 = 1 << 63;
        let place = match self.unsigned {
            true => unsigned_integer(bytes, self.width).ok()?,
            false => signed_integer(bytes, self.width).ok()?.cast_unsigned() ^ MIDDLE,
        };
        Some(place.wrapping_sub(self.low) <= self.more)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    use super::*;
    use crate::filter::condition::operand::Operand;
    use crate::row::ColumnType;

    fn literals() -> impl Strategy<Value = i128> {
        prop_oneof![
            -130i128..130,
            any::<i64>().prop_map(i128::from),
            any::<u64>().prop_map(i128::from),
            any::<i128>(),
            Just(i128::MAX),
            Just(i128::MIN),
        ]
    }

    proptest! {
        #[test]
        fn a_range_holds_what_compares_so(
            literal in literals(),
            against in prop::sample::select(&[Ordering::Less, Ordering::Equal, Ordering::Greater][..]),
            unsigned in any::<bool>(),
            width in prop::sample::select(&[1u8, 2, 3, 4, 8][..]),
            bytes in any::<[u8; 8]>(),
        ) {
            let kind = ColumnType::Integer { width, unsigned };
            let bytes = &bytes[..usize::from(width)];
            let operand = Operand::Integer(literal, against);
            let order = operand.order(&kind, bytes, &mut String::new()).unwrap();
            for (comparison, expected) in [
                (Comparison::Equal, order.is_eq()),
                (Comparison::Less, order.is_lt()),
                (Comparison::LessOrEqual, order.is_le()),
                (Comparison::Greater, order.is_gt()),
                (Comparison::GreaterOrEqual, order.is_ge()),
            ] {
                let range = IntegerRange::new(comparison, (literal, against), (width, unsigned));
                let found = range.map_or(Some(false), |range| range.holds(bytes));
                assert_eq!(found, Some(expected), "{comparison:?}");
            }
        }
    }
}
