//! The parts of a binary JSON object or array, for those that change it. Not for its text: see `jsonb`.

use super::RowError;
use super::jsonb::{Container, Reader};

/// A value's type and where it begins.
pub(super) type Part = (u8, usize);

/// A key and its value.
pub(super) type Member<'a> = (&'a [u8], Part);

impl<'a> Reader<'a> {
    /// The members of the object at `start`: key, then type and place of the value.
    pub(super) fn members(
        &mut self,
        start: usize,
        wide: bool,
    ) -> Result<Vec<Member<'a>>, RowError> {
        let object = Container {
            start,
            wide,
            depth: 0,
        };
        let count = self.header(object)?;
        let values = object.key(count);
        let mut members = Vec::new();
        for index in 0..count {
            let key = self.key(object, object.key(index))?.0;
            members.push((key, self.entry(object, values, index)?));
        }
        Ok(members)
    }

    /// The items of the array at `start`: type and place.
    pub(super) fn items(&mut self, start: usize, wide: bool) -> Result<Vec<Part>, RowError> {
        let array = Container {
            start,
            wide,
            depth: 0,
        };
        let count = self.header(array)?;
        let mut items = Vec::new();
        for index in 0..count {
            items.push(self.entry(array, array.items(), index)?);
        }
        Ok(items)
    }
}
