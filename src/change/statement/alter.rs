//! The specifications of `ALTER TABLE`.

use super::lexer::Token;
use super::meaning::{AlterTable, ColumnPosition, NamedCharset, NewDefault, Spec};
use super::scanner::{Lost, Scanner};

impl Scanner<'_> {
    /// Reads the specifications after the table's name, up to the statement's end.
    pub(super) fn specifications(&mut self) -> Result<AlterTable, Lost> {
        let mut alter = AlterTable::default();
        loop {
            if self.peek()?.is_none() || self.peek()? == Some(Token::Symbol(';')) {
                break;
            }
            alter.rewrites |= !self.keeps_file()?;
            self.specification(&mut alter)?;
            // Table options may follow each other without a comma, partitions anything.
            if !self.eat_symbol(',')? && !self.may_follow()? {
                break;
            }
        }
        self.end()?;
        Ok(alter)
    }

    fn may_follow(&mut self) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        let follows = self.eat_any(&["PARTITION", "REMOVE"])?
            || self.table_option(&mut super::meaning::TableOptions::default())?;
        self.go_back(bookmark);
        Ok(follows)
    }

    /// Whether a specification begins here that leaves the table's file as it is on MySQL before 8.0.
    fn keeps_file(&mut self) -> Result<bool, Lost> {
        const KEEPING: [&[&str]; 10] = [
            &["ENABLE", "KEYS"],
            &["DISABLE", "KEYS"],
            &["DISCARD"],
            &["IMPORT"],
            &["LOCK"],
            &["TRUNCATE", "PARTITION"],
            &["ANALYZE", "PARTITION"],
            &["CHECK", "PARTITION"],
            &["REPAIR", "PARTITION"],
            &["EXCHANGE", "PARTITION"],
        ];
        let bookmark = self.bookmark();
        let mut keeps = false;
        for words in KEEPING {
            keeps = keeps || self.eat_words(words)?;
        }
        if !keeps && self.eat("RENAME")? {
            keeps = !self.eat_any(&["COLUMN", "INDEX", "KEY"])?;
        }
        if !keeps && self.eat("ALGORITHM")? {
            self.eat_equal()?;
            keeps = !self.eat("COPY")?;
        }
        self.go_back(bookmark);
        Ok(keeps)
    }

    fn specification(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        let bookmark = self.bookmark();
        let word = match self.next()? {
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            Some(Token::Quoted(_)) => String::new(),
            Some(Token::Text(_) | Token::Symbol(_)) | None => return Err(Lost),
        };
        match word.as_str() {
            "ADD" => self.add(alter),
            "DROP" => self.drop_part(alter),
            "CHANGE" => {
                self.eat("COLUMN")?;
                let if_exists = self.eat_words(&["IF", "EXISTS"])?;
                let old = self.column_name()?.into();
                let column = self.column()?;
                let place = self.place()?;
                alter.specs.push(Spec::Change {
                    old,
                    column,
                    place,
                    if_exists,
                });
                Ok(())
            }
            "MODIFY" => {
                self.eat("COLUMN")?;
                let if_exists = self.eat_words(&["IF", "EXISTS"])?;
                let column = self.column()?;
                let place = self.place()?;
                alter.specs.push(Spec::Change {
                    old: column.name.clone(),
                    column,
                    place,
                    if_exists,
                });
                Ok(())
            }
            "RENAME" => self.rename_part(alter),
            "ALTER" => self.alter_part(alter),
            "CONVERT" => self.convert(alter),
            "ORDER" => {
                self.expect("BY")?;
                self.order_list()
            }
            "PARTITION" => {
                self.expect("BY")?;
                if self.partitions_name_engine()? {
                    alter.options.engine_in_partitions = true;
                }
                Ok(())
            }
            _ => {
                self.go_back(bookmark);
                self.other_specification(alter)
            }
        }
    }

    /// Specifications that change no definition, and table options.
    fn other_specification(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        const PASSED: [&[&str]; 11] = [
            &["ALGORITHM"],
            &["LOCK"],
            &["ENABLE", "KEYS"],
            &["DISABLE", "KEYS"],
            &["FORCE"],
            &["DISCARD", "TABLESPACE"],
            &["IMPORT", "TABLESPACE"],
            &["WITH", "VALIDATION"],
            &["WITHOUT", "VALIDATION"],
            &["REMOVE", "PARTITIONING"],
            &["SECONDARY_LOAD"],
        ];
        const ON_PARTITIONS: [&str; 10] = [
            "DISCARD",
            "IMPORT",
            "TRUNCATE",
            "COALESCE",
            "REORGANIZE",
            "ANALYZE",
            "CHECK",
            "OPTIMIZE",
            "REBUILD",
            "REPAIR",
        ];
        for words in PASSED {
            if self.eat_words(words)? {
                return self.skip_element();
            }
        }
        for word in ON_PARTITIONS {
            if self.eat_words(&[word, "PARTITION"])? {
                return self.skip_rest();
            }
        }
        if self.eat_words(&["EXCHANGE", "PARTITION"])? {
            self.identifier()?;
            self.expect("WITH")?;
            self.expect("TABLE")?;
            alter.exchanged = Some(self.name()?);
            return self.skip_rest();
        }
        if self.eat("SECONDARY_UNLOAD")? || self.table_option(&mut alter.options)? {
            return Ok(());
        }
        Err(Lost)
    }

    /// Passes over the rest of the statement: what is done to partitions stands alone.
    fn skip_rest(&mut self) -> Result<(), Lost> {
        self.partitions_name_engine().map(drop)
    }

    // ---- ADD -------------------------------------------------------------------------------------------------------

    fn add(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        if self.eat("COLUMN")? {
            return self.add_columns(alter);
        }
        let bookmark = self.bookmark();
        let constraint = self.eat("CONSTRAINT")?;
        let if_not_exists = constraint && self.eat_words(&["IF", "NOT", "EXISTS"])?;
        let named = ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"];
        if constraint && !self.peeked(&named)? {
            self.identifier()?;
        }
        if self.eat_words(&["PRIMARY", "KEY"])? {
            let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"])? || if_not_exists;
            let key = self.key()?;
            alter.specs.push(Spec::AddKey { key, if_not_exists });
            return Ok(());
        }
        let index = self.eat_any(&[
            "UNIQUE", "FOREIGN", "CHECK", "INDEX", "KEY", "FULLTEXT", "SPATIAL",
        ])? || self.eat_words(&["VECTOR", "INDEX"])?
            || self.eat_words(&["VECTOR", "KEY"])?;
        if index || constraint {
            return self.skip_element();
        }
        if self.eat("PARTITION")? {
            return self.skip_rest();
        }
        if self.eat_words(&["SYSTEM", "VERSIONING"])? {
            alter.specs.push(Spec::AddVersioning);
            return Ok(());
        }
        if self.eat_words(&["PERIOD", "FOR"])? {
            self.eat_words(&["IF", "NOT", "EXISTS"])?;
            let period = self.period()?;
            alter.specs.push(Spec::AddPeriod(period));
            return Ok(());
        }
        self.go_back(bookmark);
        self.add_columns(alter)
    }

    fn add_columns(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        let if_not_exists = self.eat_words(&["IF", "NOT", "EXISTS"])?;
        if self.eat_symbol('(')? {
            let elements = self.elements()?;
            for column in elements.columns {
                alter.specs.push(Spec::Add {
                    column,
                    place: ColumnPosition::Unnamed,
                    if_not_exists,
                });
            }
            if let Some(key) = elements.key {
                alter.specs.push(Spec::AddKey {
                    key,
                    if_not_exists: false,
                });
            }
            let periods = elements.periods.into_iter().map(Spec::AddPeriod);
            alter.specs.extend(periods);
            return Ok(());
        }
        let column = self.column()?;
        let place = self.place()?;
        alter.specs.push(Spec::Add {
            column,
            place,
            if_not_exists,
        });
        Ok(())
    }

    fn place(&mut self) -> Result<ColumnPosition, Lost> {
        if self.eat("FIRST")? {
            return Ok(ColumnPosition::First);
        }
        match self.eat("AFTER")? {
            true => Ok(ColumnPosition::After(self.identifier()?.into())),
            false => Ok(ColumnPosition::Unnamed),
        }
    }

    // ---- DROP ------------------------------------------------------------------------------------------------------

    fn drop_part(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        if !self.eat("COLUMN")? {
            if self.eat_words(&["PRIMARY", "KEY"])? {
                alter.specs.push(Spec::DropKey);
                return Ok(());
            }
            if self.eat_any(&["INDEX", "KEY", "CONSTRAINT"])? {
                self.eat_words(&["IF", "EXISTS"])?;
                if self.identifier()?.eq_ignore_ascii_case("PRIMARY") {
                    alter.specs.push(Spec::DropKey);
                }
                return Ok(());
            }
            if self.eat_words(&["FOREIGN", "KEY"])? || self.eat("CHECK")? {
                self.eat_words(&["IF", "EXISTS"])?;
                return self.identifier().map(drop);
            }
            if self.eat("PARTITION")? {
                return self.skip_rest();
            }
            if self.eat_words(&["SYSTEM", "VERSIONING"])? {
                alter.specs.push(Spec::DropVersioning);
                return Ok(());
            }
            if self.eat_words(&["PERIOD", "FOR"])? {
                self.eat_words(&["IF", "EXISTS"])?;
                return self.identifier().map(drop);
            }
        }
        let if_exists = self.eat_words(&["IF", "EXISTS"])?;
        let column = self.column_name()?.into();
        self.eat_any(&["RESTRICT", "CASCADE"])?;
        alter.specs.push(Spec::Drop { column, if_exists });
        Ok(())
    }

    // ---- RENAME, ALTER, CONVERT, ORDER -----------------------------------------------------------------------------

    fn rename_part(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        if self.eat("COLUMN")? {
            let if_exists = self.eat_words(&["IF", "EXISTS"])?;
            let old = self.identifier()?.into();
            self.expect("TO")?;
            let new = self.identifier()?.into();
            alter.specs.push(Spec::Rename {
                old,
                new,
                if_exists,
            });
            return Ok(());
        }
        if self.eat_any(&["INDEX", "KEY"])? {
            self.eat_words(&["IF", "EXISTS"])?;
            self.identifier()?;
            self.expect("TO")?;
            return self.identifier().map(drop);
        }
        if !self.eat_any(&["TO", "AS"])? {
            self.eat_equal()?;
        }
        alter.rename = Some(self.name()?);
        Ok(())
    }

    fn alter_part(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        if self.eat_any(&["INDEX", "KEY", "CHECK", "CONSTRAINT"])? {
            self.eat_words(&["IF", "EXISTS"])?;
            self.identifier()?;
            return self.skip_element();
        }
        self.eat("COLUMN")?;
        self.eat_words(&["IF", "EXISTS"])?;
        let column: Box<str> = self.column_name()?.into();
        if self.eat_words(&["DROP", "DEFAULT"])? {
            alter.defaults.push(NewDefault {
                column,
                computed_from: Vec::new(),
                default: None,
            });
            return Ok(());
        }
        self.expect("SET")?;
        if self.eat("DEFAULT")? {
            alter.defaults.push(NewDefault {
                column,
                default: self.default_literal()?,
                computed_from: self.default_value()?,
            });
            return Ok(());
        }
        let visible = self.eat("VISIBLE")?;
        if !visible {
            self.expect("INVISIBLE")?;
        }
        alter.specs.push(Spec::Visible { column, visible });
        Ok(())
    }

    fn convert(&mut self, alter: &mut AlterTable) -> Result<(), Lost> {
        if self.eat("PARTITION")? {
            self.identifier()?;
            self.expect("TO")?;
            self.expect("TABLE")?;
            alter.split_off = Some(self.name()?);
            return self.skip_rest();
        }
        if self.eat("TABLE")? {
            alter.taken_in = Some(self.name()?);
            return self.skip_rest();
        }
        self.expect("TO")?;
        if !self.charset_words()? {
            return Err(Lost);
        }
        let mut charset = self.charset_name()?;
        if self.eat("COLLATE")? {
            match self.collation_name()? {
                named @ NamedCharset::Named(_) => charset = named,
                NamedCharset::Default | NamedCharset::Unnamed => {}
            }
        }
        alter.specs.push(Spec::Convert(charset));
        Ok(())
    }

    /// Reads what to order by: names, each with an order. It takes all commas that follow.
    fn order_list(&mut self) -> Result<(), Lost> {
        loop {
            self.identifier()?;
            while self.eat_symbol('.')? {
                self.identifier()?;
            }
            self.eat_any(&["ASC", "DESC"])?;
            if !self.eat_symbol(',')? {
                return Ok(());
            }
        }
    }

    fn peeked(&mut self, words: &[&str]) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        let found = self.eat_any(words)?;
        self.go_back(bookmark);
        Ok(found)
    }
}
