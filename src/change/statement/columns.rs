//! What stands in the brackets of `CREATE TABLE` and after `ADD COLUMN`: columns with their attributes, and keys.
//!
//! An attribute that is not known here may mean anything, so it loses the statement.

use super::lexer::Token;
use super::meaning::{
    ColumnClause, ColumnDescription, Elements, Generation, Key, NamedCharset, Period,
};
use super::scanner::{Lost, Scanner};

/// What an element other than a column begins with.
enum Other {
    PrimaryKey,
    Period,
    /// An index or constraint that no definition here shows.
    Passed,
}

impl Scanner<'_> {
    /// Reads elements up to the bracket that closes them, and that bracket.
    pub(super) fn elements(&mut self) -> Result<Elements, Lost> {
        let mut elements = Elements::default();
        loop {
            match self.other_element()? {
                Some(Other::PrimaryKey) => elements.key = Some(self.key()?),
                Some(Other::Period) => {
                    let period = self.period()?;
                    elements.periods.push(period);
                }
                Some(Other::Passed) => self.skip_element()?,
                None => {
                    let column = self.column()?;
                    elements.columns.push(column);
                }
            }
            if !self.eat_symbol(',')? {
                break;
            }
        }
        self.symbol(')')?;
        Ok(elements)
    }

    /// Takes the words that begin an element other than a column.
    fn other_element(&mut self) -> Result<Option<Other>, Lost> {
        let constraint = self.eat("CONSTRAINT")?;
        if constraint {
            self.eat_words(&["IF", "NOT", "EXISTS"])?;
            if !self.constraint_follows()? {
                self.identifier()?;
            }
        }
        if self.eat_words(&["PRIMARY", "KEY"])? {
            return Ok(Some(Other::PrimaryKey));
        }
        let passed = self.eat_any(&[
            "UNIQUE", "FOREIGN", "CHECK", "INDEX", "KEY", "FULLTEXT", "SPATIAL",
        ])? || self.eat_words(&["VECTOR", "INDEX"])?
            || self.eat_words(&["VECTOR", "KEY"])?;
        if passed {
            return Ok(Some(Other::Passed));
        }
        if self.eat_words(&["PERIOD", "FOR"])? {
            return Ok(Some(Other::Period));
        }
        match constraint {
            true => Err(Lost),
            false => Ok(None),
        }
    }

    fn constraint_follows(&mut self) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        let follows = self.eat_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"])?;
        self.go_back(bookmark);
        Ok(follows)
    }

    /// Reads a primary key after `PRIMARY KEY`, its options included.
    pub(super) fn key(&mut self) -> Result<Key, Lost> {
        let mut key = Key::default();
        while !self.eat_symbol('(')? {
            // A name, or the kind of index.
            self.identifier()?;
        }
        loop {
            let name = self.identifier()?;
            if self.eat_words(&["WITHOUT", "OVERLAPS"])? {
                key.period = Some(name.into());
            } else {
                key.columns.push(name.into());
                if self.eat_symbol('(')? {
                    self.skip_brackets()?;
                }
                self.eat_any(&["ASC", "DESC"])?;
            }
            if !self.eat_symbol(',')? {
                break;
            }
        }
        self.symbol(')')?;
        self.skip_element()?;
        Ok(key)
    }

    /// Reads a period after `PERIOD FOR`.
    pub(super) fn period(&mut self) -> Result<Period, Lost> {
        let name = self.identifier()?.into();
        self.symbol('(')?;
        let start = self.identifier()?.into();
        self.symbol(',')?;
        let end = self.identifier()?.into();
        self.symbol(')')?;
        Ok(Period { name, start, end })
    }

    /// Passes over what follows up to a comma or closing bracket, or the end.
    pub(super) fn skip_element(&mut self) -> Result<(), Lost> {
        loop {
            match self.peek()? {
                None | Some(Token::Symbol(',' | ')' | ';')) => return Ok(()),
                Some(Token::Symbol('(')) => {
                    self.next()?;
                    self.skip_brackets()?;
                }
                Some(Token::Word(_) | Token::Quoted(_) | Token::Text(_) | Token::Symbol(_)) => {
                    self.next()?;
                }
            }
        }
    }

    /// Reads a column: name, type and attributes.
    pub(super) fn column(&mut self) -> Result<ColumnClause, Lost> {
        let name = self.column_name()?;
        self.column_named(name)
    }

    /// Reads what follows a column's name.
    pub(super) fn column_named(&mut self, name: String) -> Result<ColumnClause, Lost> {
        let typed = self.column_type()?;
        let mut column = ColumnClause {
            name: name.into(),
            kind: typed.kind,
            charset: typed.charset,
            nullable: typed.serial.then_some(false),
            generated: None,
            computed_from: Vec::new(),
            described: Some(ColumnDescription {
                auto_increment: typed.serial,
                ..ColumnDescription::default()
            }),
            invisible: false,
            primary: false,
            compressed: false,
            versioned: false,
        };
        while self.attribute(&mut column)? {}
        Ok(column)
    }

    // ---- attributes ------------------------------------------------------------------------------------------------

    /// Reads an attribute; whether there was one before the element ends.
    fn attribute(&mut self, column: &mut ColumnClause) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        let word = match self.next()? {
            None => return Ok(false),
            Some(Token::Symbol(',' | ')' | ';')) => {
                self.go_back(bookmark);
                return Ok(false);
            }
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            Some(Token::Quoted(_)) => {
                self.engine_attribute()?;
                return Ok(true);
            }
            Some(Token::Text(_) | Token::Symbol(_)) => return Err(Lost),
        };
        match word.as_str() {
            "FIRST" | "AFTER" | "PARTITION" | "REMOVE" => {
                self.go_back(bookmark);
                return Ok(false);
            }
            "NOT" if self.eat("NULL")? => column.nullable = Some(false),
            "NOT" => self.expect("SECONDARY")?,
            "NULL" => column.nullable = Some(true),
            "AUTO_INCREMENT" => {
                column.nullable = Some(false);
                column.describe().auto_increment = true;
            }
            "SERIAL" => {
                self.expect("DEFAULT")?;
                self.expect("VALUE")?;
                column.nullable = Some(false);
                column.describe().auto_increment = true;
            }
            "DEFAULT" => {
                column.describe().default = self.default_literal()?;
                column.computed_from.extend(self.default_value()?);
            }
            "COMMENT" => column.describe().comment = self.comment()?,
            "ON" => {
                self.expect("UPDATE")?;
                self.value()?;
            }
            "UNIQUE" => drop(self.eat("KEY")?),
            "PRIMARY" => {
                self.expect("KEY")?;
                column.primary = true;
            }
            "KEY" => column.primary = true,
            "VISIBLE" => column.invisible = false,
            "INVISIBLE" => column.invisible = true,
            "COLLATE" => self.collate(column)?,
            "COMPRESSED" => {
                column.compressed = true;
                if self.eat_equal()? {
                    self.word()?;
                }
                let named = self.charset_attributes()?;
                if named != NamedCharset::Unnamed {
                    column.charset = named;
                }
            }
            "GENERATED" => {
                self.expect("ALWAYS")?;
                self.expect("AS")?;
                self.generation(column)?;
            }
            "AS" => self.generation(column)?,
            _ => self.other_attribute(&word, column)?,
        }
        Ok(true)
    }

    /// Attributes that no definition here shows, and some that are rare.
    fn other_attribute(&mut self, word: &str, column: &mut ColumnClause) -> Result<(), Lost> {
        match word {
            "ENGINE_ATTRIBUTE" | "SECONDARY_ENGINE_ATTRIBUTE" => {
                self.eat_equal()?;
                match self.next()? {
                    Some(Token::Text(_)) => Ok(()),
                    Some(Token::Word(_) | Token::Quoted(_) | Token::Symbol(_)) | None => Err(Lost),
                }
            }
            "COLUMN_FORMAT" | "STORAGE" | "SRID" => self.word().map(drop),
            "CONSTRAINT" => {
                if !self.constraint_follows()? {
                    self.identifier()?;
                }
                self.expect("CHECK")?;
                self.check()
            }
            "CHECK" => self.check(),
            "REFERENCES" => self.references(),
            "WITH" => {
                self.expect("SYSTEM")?;
                self.expect("VERSIONING")?;
                column.versioned = true;
                Ok(())
            }
            "WITHOUT" => {
                self.expect("SYSTEM")?;
                self.expect("VERSIONING")
            }
            _ if self.is_mariadb() => self.engine_attribute(),
            _ => Err(Lost),
        }
    }

    /// Reads MariaDB's `name = value` after the name; its engines define such attributes.
    fn engine_attribute(&mut self) -> Result<(), Lost> {
        self.eat_equal()?.then_some(()).ok_or(Lost)?;
        self.value()
    }

    fn collate(&mut self, column: &mut ColumnClause) -> Result<(), Lost> {
        match self.collation_name()? {
            named @ NamedCharset::Named(_) => column.charset = named,
            NamedCharset::Default | NamedCharset::Unnamed => {}
        }
        Ok(())
    }

    fn generation(&mut self, column: &mut ColumnClause) -> Result<(), Lost> {
        if self.eat("ROW")? {
            column.generated = Some(match self.eat_any(&["START"])? {
                true => Generation::RowStart,
                false => {
                    self.expect("END")?;
                    Generation::RowEnd
                }
            });
            return Ok(());
        }
        self.symbol('(')?;
        column.computed_from.extend(self.names_in_brackets()?);
        column.generated = Some(match self.eat_any(&["STORED", "PERSISTENT"])? {
            true => Generation::Stored,
            false => {
                self.eat("VIRTUAL")?;
                Generation::Virtual
            }
        });
        Ok(())
    }

    /// The words and names up to the bracket that closes the one just taken, but for those of functions.
    fn names_in_brackets(&mut self) -> Result<Vec<Box<str>>, Lost> {
        let (mut depth, mut names) = (1_u32, Vec::new());
        while depth > 0 {
            let name: Box<str> = match self.next()?.ok_or(Lost)? {
                Token::Symbol('(') => {
                    depth += 1;
                    continue;
                }
                Token::Symbol(')') => {
                    depth -= 1;
                    continue;
                }
                Token::Text(_) | Token::Symbol(_) => continue,
                Token::Word(word) => word.into(),
                Token::Quoted(name) => name.into(),
            };
            if self.peek()? != Some(Token::Symbol('(')) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn check(&mut self) -> Result<(), Lost> {
        self.symbol('(')?;
        self.skip_brackets()?;
        if !self.eat_words(&["NOT", "ENFORCED"])? {
            self.eat("ENFORCED")?;
        }
        Ok(())
    }

    fn references(&mut self) -> Result<(), Lost> {
        self.name()?;
        if self.eat_symbol('(')? {
            self.skip_brackets()?;
        }
        if self.eat("MATCH")? {
            self.word()?;
        }
        while self.eat("ON")? {
            if !self.eat_any(&["DELETE", "UPDATE"])? {
                return Err(Lost);
            }
            if !self.eat_words(&["NO", "ACTION"])? {
                self.eat("SET")?;
                self.word()?;
            }
        }
        Ok(())
    }

    /// Reads a default, and returns the words and names in it that may be those of columns.
    pub(super) fn default_value(&mut self) -> Result<Vec<Box<str>>, Lost> {
        let start = self.bookmark();
        self.skip_default()?;
        let end = self.bookmark().left();
        self.go_back(start);
        let mut names = Vec::new();
        while self.bookmark().left() > end {
            let name: Box<str> = match self.next()?.ok_or(Lost)? {
                Token::Symbol(_) | Token::Text(_) => continue,
                Token::Word(word) if is_literal(word) => continue,
                Token::Word(word) => word.into(),
                Token::Quoted(name) => name.into(),
            };
            // A function, or what says how a text is meant.
            if !matches!(self.peek()?, Some(Token::Symbol('(') | Token::Text(_))) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Passes over a default: a value, an expression in brackets, a function; of MariaDB also a value of a sequence,
    /// `CASE … END` and `{d '2020-01-01'}`.
    fn skip_default(&mut self) -> Result<(), Lost> {
        let of_sequence = self.eat_words(&["NEXT", "VALUE", "FOR"])?
            || self.eat_words(&["PREVIOUS", "VALUE", "FOR"])?;
        if of_sequence {
            return self.name().map(drop);
        }
        if self.eat("CASE")? {
            return self.skip_case();
        }
        if self.eat_symbol('{')? {
            self.word()?;
            self.value()?;
            return self.symbol('}');
        }
        self.eat("BINARY")?;
        self.value()
    }

    /// Passes over what follows up to the `END` that closes a `CASE` just taken.
    fn skip_case(&mut self) -> Result<(), Lost> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.skip_to(&["CASE", "END"])? {
                "CASE" => depth += 1,
                _end => depth -= 1,
            }
        }
        Ok(())
    }

    /// Reads a literal, a word, a function's call or an expression in brackets.
    pub(super) fn value(&mut self) -> Result<(), Lost> {
        while self.eat_symbol('-')? || self.eat_symbol('+')? {}
        match self.next()? {
            Some(Token::Symbol('(')) => self.skip_brackets(),
            Some(Token::Text(_)) => self.more_text(),
            Some(Token::Symbol('.')) => {
                let digits = self.word()?;
                self.exponent(digits)
            }
            Some(Token::Quoted(_)) => self.qualified_call(),
            Some(Token::Word(word)) if word.starts_with(|first: char| first.is_ascii_digit()) => {
                let mut digits = word;
                if self.eat_symbol('.')? {
                    digits = match self.peek()? {
                        Some(Token::Word(fraction))
                            if fraction.starts_with(|first: char| {
                                first.is_ascii_digit() || matches!(first, 'e' | 'E')
                            }) =>
                        {
                            self.word()?
                        }
                        Some(_) | None => "",
                    };
                }
                self.exponent(digits)
            }
            Some(Token::Word(word)) => {
                // A string's character set, before a string or a number in hexadecimal or binary digits.
                if word.starts_with('_') {
                    self.bytes()?;
                }
                // A string's character set, x'', DATE''.
                if matches!(self.peek()?, Some(Token::Text(_))) {
                    return self.more_text();
                }
                self.qualified_call()
            }
            Some(Token::Symbol(_)) | None => Err(Lost),
        }
    }

    /// Reads what may follow a name: more of it, and arguments.
    fn qualified_call(&mut self) -> Result<(), Lost> {
        while self.eat_symbol('.')? {
            self.identifier()?;
        }
        match self.eat_symbol('(')? {
            true => self.skip_brackets(),
            false => Ok(()),
        }
    }

    /// Strings beside each other are one.
    fn more_text(&mut self) -> Result<(), Lost> {
        while matches!(self.peek()?, Some(Token::Text(_))) {
            self.next()?;
        }
        Ok(())
    }

    /// Reads the signed exponent of a number whose last word ended in `e`.
    fn exponent(&mut self, digits: &str) -> Result<(), Lost> {
        let signed = digits.ends_with(['e', 'E']) && !digits.starts_with("0x");
        if signed && (self.eat_symbol('-')? || self.eat_symbol('+')?) {
            self.word()?;
        }
        Ok(())
    }
}

/// Whether an unquoted word in a default is a value.
fn is_literal(word: &str) -> bool {
    let words = [
        "NULL",
        "TRUE",
        "FALSE",
        "CURRENT_TIMESTAMP",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_USER",
        "CURRENT_ROLE",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "UTC_DATE",
        "UTC_TIME",
        "UTC_TIMESTAMP",
    ];
    let is_number = word.bytes().all(|letter| letter.is_ascii_digit());
    is_number
        || word.starts_with("0x")
        || word.starts_with("0b")
        || words
            .iter()
            .any(|literal| literal.eq_ignore_ascii_case(word))
}
