//! What a condition says of a row, by the three-valued logic of SQL, where not all of the row may be known.

use std::ops::{BitAnd, BitOr, Not};

/// What a condition may be: TRUE, FALSE or NULL, or one of several while a column that decides is not in the row image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth(u8);

impl Truth {
    /// It holds.
    pub const TRUE: Self = Self(1);
    /// It does not hold.
    pub const FALSE: Self = Self(2);
    /// It is not known whether it holds, for a value is NULL.
    pub const NULL: Self = Self(4);
    /// Any of them: the column is not in the image.
    pub const OPEN: Self = Self(7);
    /// TRUE or FALSE: the column is not in the image, and is never NULL.
    pub const OPEN_NOT_NULL: Self = Self(3);

    /// Of something that is known.
    #[inline]
    pub fn of(holds: bool) -> Self {
        if holds { Self::TRUE } else { Self::FALSE }
    }

    /// Whether the row is kept: only where the condition is TRUE. `None` while that is open.
    #[inline]
    pub fn keeps(self) -> Option<bool> {
        match self.0 {
            1 => Some(true),
            2 | 4 | 6 => Some(false),
            _open => None,
        }
    }

    /// Whether it may be what another is.
    #[inline]
    pub(super) fn may_be(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitAnd for Truth {
    type Output = Self;

    /// FALSE where one is, TRUE where both are, else NULL.
    #[inline]
    fn bitand(self, other: Self) -> Self {
        if self == Self::TRUE {
            return other;
        }
        let both = self.0 & other.0 & Self::TRUE.0;
        let either = (self.0 | other.0) & Self::FALSE.0;
        let not_false = |truth: Self| truth.0 & !Self::FALSE.0 != 0;
        let is_null = self.may_be(Self::NULL) && not_false(other)
            || other.may_be(Self::NULL) && not_false(self);
        Self(both | either | if is_null { Self::NULL.0 } else { 0 })
    }
}

impl BitOr for Truth {
    type Output = Self;

    /// TRUE where one is, FALSE where both are, else NULL.
    #[inline]
    fn bitor(self, other: Self) -> Self {
        !(!self & !other)
    }
}

impl Not for Truth {
    type Output = Self;

    #[inline]
    fn not(self) -> Self {
        Self(self.0 & Self::NULL.0 | (self.0 & 1) << 1 | (self.0 & 2) >> 1)
    }
}
