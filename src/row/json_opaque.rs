//! The values in a JSON document that its text does not tell from numbers and strings: decimals, dates, times.
//!
//! Text that is parsed again has doubles and strings in their place. What of them is only bytes is a string in both.

use super::jsonb::{Container, JsonbReader};
use super::{Json, RowError};

/// What such a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opaque {
    /// A DECIMAL.
    Decimal,
    /// A DATE.
    Date,
    /// A TIME.
    Time,
    /// A DATETIME or a TIMESTAMP.
    DateTime,
}

impl Opaque {
    /// By the number of a column's type.
    fn of(number: u8) -> Option<Self> {
        match number {
            246 => Some(Self::Decimal),
            10 => Some(Self::Date),
            11 => Some(Self::Time),
            7 | 12 => Some(Self::DateTime),
            _bytes => None,
        }
    }
}

/// Takes a value's path, what it is, and its text without quotes.
pub type Take<'a> = &'a mut dyn FnMut(&str, Opaque, &str);

impl Json<'_> {
    /// Hands out each such value, in the document's order. There are none in text.
    ///
    /// # Errors
    /// As [`Json::write`].
    pub fn opaques(&self, take: Take<'_>) -> Result<(), RowError> {
        let Self::Binary(document @ [kind, ..]) = *self else {
            return Ok(());
        };
        // What is looked at once to find the values is read once more for their text.
        let mut walk = OpaqueSearch {
            reader: JsonbReader::new(document, 2 * document.len()),
            path: "$".to_owned(),
            text: Vec::new(),
        };
        walk.value(*kind, 1, 0, take)
    }
}

struct OpaqueSearch<'a> {
    reader: JsonbReader<'a>,
    path: String,
    text: Vec<u8>,
}

impl OpaqueSearch<'_> {
    fn value(&mut self, kind: u8, at: usize, depth: u8, take: Take<'_>) -> Result<(), RowError> {
        let inside = |wide| Container {
            start: at,
            wide,
            depth: depth + 1,
        };
        match kind {
            0x00 | 0x01 => self.object(inside(kind == 0x01), take),
            0x02 | 0x03 => self.array(inside(kind == 0x03), take),
            0x0f => {
                let [number] = self.reader.take(at)?;
                let Some(opaque) = Opaque::of(number) else {
                    return Ok(());
                };
                self.text.clear();
                self.reader.write_value(kind, at, depth, &mut self.text)?;
                let text = String::from_utf8_lossy(&self.text);
                take(&self.path, opaque, text.trim_matches('"'));
                Ok(())
            }
            _plain => Ok(()),
        }
    }

    fn object(&mut self, object: Container, take: Take<'_>) -> Result<(), RowError> {
        let count = self.reader.header(object)?;
        let values = object.key(count);
        for index in 0..count {
            let (key, _) = self.reader.key(object, object.key(index))?;
            let mut leg = Vec::new();
            super::write_string(&String::from_utf8_lossy(key), &mut leg);
            let parent = self.path.len();
            self.path.push('.');
            self.path.push_str(&String::from_utf8_lossy(&leg));
            let (kind, start) = self.reader.entry(object, values, index)?;
            self.value(kind, start, object.depth, take)?;
            self.path.truncate(parent);
        }
        Ok(())
    }

    fn array(&mut self, array: Container, take: Take<'_>) -> Result<(), RowError> {
        let count = self.reader.header(array)?;
        for index in 0..count {
            let parent = self.path.len();
            self.path.push_str(&format!("[{index}]"));
            let (kind, start) = self.reader.entry(array, array.items(), index)?;
            self.value(kind, start, array.depth, take)?;
            self.path.truncate(parent);
        }
        Ok(())
    }
}
