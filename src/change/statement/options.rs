//! Table options, partitions, and the options of databases: the engine and the character set among them.

use super::lexer::Token;
use super::meaning::{NamedCharset, TableOptions};
use super::scanner::{Lost, Scanner};

/// Options of one word and a value that no definition here shows.
const PASSED: [&str; 42] = [
    "AUTO_INCREMENT",
    "AUTOEXTEND_SIZE",
    "AVG_ROW_LENGTH",
    "CHECKSUM",
    "COMPRESSION",
    "CONNECTION",
    "DELAY_KEY_WRITE",
    "ENCRYPTED",
    "ENCRYPTION",
    "ENCRYPTION_KEY_ID",
    "ENGINE_ATTRIBUTE",
    "FETCH_LIMIT",
    "IETF_QUOTES",
    "INSERT_METHOD",
    "ITEF_QUOTES",
    "KEY_BLOCK_SIZE",
    "MAX_ROWS",
    "MIN_ROWS",
    "NODEGROUP",
    "PACK_KEYS",
    "PAGE_CHECKSUM",
    "PAGE_COMPRESSED",
    "PAGE_COMPRESSION_LEVEL",
    "PASSWORD",
    "ROW_FORMAT",
    "SECONDARY_ENGINE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "SEQUENCE",
    "STATS_AUTO_RECALC",
    "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES",
    "STORAGE",
    "TABLE_CHECKSUM",
    "TABLESPACE",
    "TRANSACTIONAL",
    "UNION",
    "WITH_SYSTEM_VERSIONING",
    "DATA_SOURCE",
    "QUERY",
    "CATALOG",
    "REMOTE",
    "EXTRA",
];

impl Scanner<'_> {
    /// Reads the options of `CREATE TABLE` to the statement's end.
    pub(super) fn table_options(&mut self, options: &mut TableOptions) -> Result<(), Lost> {
        loop {
            if self.peek()?.is_none() || self.peek()? == Some(Token::Symbol(';')) {
                return self.end();
            }
            if self.eat_words(&["PARTITION", "BY"])? {
                options.engine_in_partitions = self.partitions_name_engine()?;
                return self.end();
            }
            // MySQL writes it before the options.
            let started = self.eat_words(&["START", "TRANSACTION"])?;
            options.starts_transaction |= started;
            if !started && !self.eat_symbol(',')? && !self.table_option(options)? {
                return Err(Lost);
            }
        }
    }

    /// Reads one option; whether there was one.
    pub(super) fn table_option(&mut self, options: &mut TableOptions) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        if self.charset_option(&mut options.charset)? {
            return Ok(true);
        }
        if self.eat_words(&["WITH", "SYSTEM", "VERSIONING"])? {
            options.versioned = true;
            return Ok(true);
        }
        if self.eat_any(&["ENGINE", "TYPE"])? {
            self.eat_equal()?;
            let escapes = self.bookmark().escapes();
            let name = match self.next()? {
                Some(Token::Word(word)) => word.to_owned(),
                Some(Token::Quoted(name)) => name.into_owned(),
                Some(Token::Text(raw)) => super::lexer::text_value(raw, escapes),
                Some(Token::Symbol(_)) | None => return Err(Lost),
            };
            options.engine = Some(name.into());
            return Ok(true);
        }
        if self.eat("COMMENT")? {
            options.comment = Some(self.comment()?.unwrap_or_default());
            return Ok(true);
        }
        if self.eat_any(&["DATA", "INDEX"])? && self.eat("DIRECTORY")? {
            self.eat_equal()?;
            self.value()?;
            return Ok(true);
        }
        self.go_back(bookmark);
        let listed = self.eat_any(&PASSED)?;
        if !listed {
            // An engine's own option; MariaDB leaves their names to the engines.
            let named = matches!(self.next()?, Some(Token::Word(_) | Token::Quoted(_)));
            if !named || !self.is_mariadb() || self.peek()? != Some(Token::Symbol('=')) {
                self.go_back(bookmark);
                return Ok(false);
            }
        }
        self.eat_equal()?;
        self.value()?;
        Ok(true)
    }

    /// Reads a default character set or collation, of a table or database.
    pub(super) fn charset_option(&mut self, charset: &mut NamedCharset) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        self.eat("DEFAULT")?;
        if self.charset_words()? {
            self.eat_equal()?;
            let named = self.charset_name()?;
            // DEFAULT beside a collation leaves the choice to that.
            if named != NamedCharset::Default || *charset == NamedCharset::Unnamed {
                *charset = named;
            }
            return Ok(true);
        }
        if self.eat("COLLATE")? {
            self.eat_equal()?;
            match self.collation_name()? {
                named @ NamedCharset::Named(_) => *charset = named,
                NamedCharset::Default | NamedCharset::Unnamed => {}
            }
            return Ok(true);
        }
        self.go_back(bookmark);
        Ok(false)
    }

    /// Passes over partitions to the end; whether they name an engine.
    pub(super) fn partitions_name_engine(&mut self) -> Result<bool, Lost> {
        let mut named = false;
        let mut depth = 0_i64;
        loop {
            match self.peek()? {
                None if depth == 0 => return Ok(named),
                Some(Token::Symbol(';')) if depth == 0 => return Ok(named),
                None => return Err(Lost),
                Some(Token::Symbol('(')) => depth += 1,
                Some(Token::Symbol(')')) => depth -= 1,
                Some(Token::Word(word)) => named |= word.eq_ignore_ascii_case("ENGINE"),
                Some(Token::Quoted(_) | Token::Text(_) | Token::Symbol(_)) => {}
            }
            if depth < 0 {
                return Err(Lost);
            }
            self.next()?;
        }
    }

    /// Reads the options of a database to the statement's end.
    pub(super) fn database_options(&mut self) -> Result<NamedCharset, Lost> {
        let mut charset = NamedCharset::Unnamed;
        loop {
            if self.peek()?.is_none() || self.peek()? == Some(Token::Symbol(';')) {
                self.end()?;
                return Ok(charset);
            }
            if self.charset_option(&mut charset)? || self.eat_symbol(',')? {
                continue;
            }
            self.eat("DEFAULT")?;
            let read_only = self.eat_words(&["READ", "ONLY"])?;
            if !read_only && !self.eat_any(&["ENCRYPTION", "COMMENT"])? {
                return Err(Lost);
            }
            self.eat_equal()?;
            self.value()?;
        }
    }
}
