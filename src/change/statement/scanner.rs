//! A cursor over tokens, names, and the first words of a statement.

use super::lexer::{Lexer, Token, Unterminated};
use super::meaning::{AlterTable, CreateTable, Meaning, Spec};
use super::scanned::{
    Action, Object, ObjectClass, Role, Statement, StatementContext, StatementKind, Transaction,
};
use super::undouble::undouble;
use crate::mysql::Flavour;
use crate::row::TableName;

const PREFIX_CHARACTERS_MAX: usize = 80;
const REASON_CHARACTERS_MAX: usize = 60;

/// Before this version MySQL keeps each table in a file of its own.
const MYSQL_8: u32 = 80_000;

/// Words with which a statement on one table may be one on another too.
const OTHERS: [&str; 3] = ["RENAME", "CONVERT", "EXCHANGE"];

/// The sql_modes that decide how a statement is read: `REAL_AS_FLOAT`, `ANSI_QUOTES`, MariaDB's `ORACLE` and `MSSQL`, `MAXDB`,
/// `NO_BACKSLASH_ESCAPES`.
const READING_MODES: [u64; 6] = [0x1, 0x4, 0x200, 0x400, 0x1000, 0x10_0000];

/// A column's database and table.
const QUALIFIERS_MAX: usize = 2;

/// The statement cannot be followed further.
#[derive(Debug)]
pub(super) struct Lost;

impl From<Unterminated> for Lost {
    fn from(Unterminated: Unterminated) -> Self {
        Self
    }
}

/// A statement being read, and what was found in it.
pub(super) struct Scanner<'a> {
    lexer: Lexer<'a>,
    default_database: &'a str,
    context: StatementContext,
    objects: Vec<Object>,
    /// Where the part begins that says what becomes of definitions.
    body: Option<Lexer<'a>>,
    /// `IF EXISTS` or `IF NOT EXISTS`
    conditional: bool,
    /// `CREATE OR REPLACE`
    replaces: bool,
    /// `DROP INDEX` of the primary key.
    drops_key: bool,
    /// Where what follows the table's name begins, in a statement on one table.
    after_name: Option<Lexer<'a>>,
}

/// Reads a statement. `default_database` is the query event's, empty for none.
///
/// MariaDB's `SET STATEMENT sql_mode = … FOR` is logged with the mode that it sets, and was read in another, which is not
/// logged. Such a statement is followed if it is the same in every mode.
pub fn scan(statement: &str, default_database: &str, context: StatementContext) -> Statement {
    let mut found = scan_once(statement, default_database, context);
    if !sets_its_mode(statement, context) {
        return found;
    }
    // They may mean something else in another mode, which matters to no row.
    found.meaning.forget_descriptions();
    for subset in 1..1_u32 << READING_MODES.len() {
        let flipped = (0_u32..).zip(READING_MODES);
        let flipped = flipped.filter(|(bit, _)| subset >> bit & 1 != 0);
        let context = StatementContext {
            sql_mode: flipped.fold(context.sql_mode, |modes, (_, mode)| modes ^ mode),
            ..context
        };
        let mut other = scan_once(statement, default_database, context);
        other.meaning.forget_descriptions();
        if (&other.kind, &other.objects) != (&found.kind, &found.objects) {
            return Statement {
                kind: unknown(statement),
                objects: Vec::new(),
                meaning: Meaning::Plain,
            };
        }
        if other.meaning != found.meaning {
            found.meaning = Meaning::Unfollowed {
                reason: "it sets the sql_mode, and means something else in others".into(),
            };
        }
    }
    found
}

/// Whether a statement sets the sql_mode for itself.
fn sets_its_mode(statement: &str, context: StatementContext) -> bool {
    let mut lexer = Lexer::new(statement, context);
    let sets = context.flavour == Flavour::MariaDb
        && matches!(lexer.eat_word("SET"), Ok(true))
        && matches!(lexer.eat_word("STATEMENT"), Ok(true));
    sets && lexer.rest().to_ascii_lowercase().contains("sql_mode")
}

fn unknown(statement: &str) -> StatementKind {
    StatementKind::Unknown {
        prefix: statement.chars().take(PREFIX_CHARACTERS_MAX).collect(),
    }
}

fn scan_once(statement: &str, default_database: &str, context: StatementContext) -> Statement {
    let mut scanner = Scanner {
        default_database,
        ..Scanner::over(statement, context)
    };
    match scanner.statement() {
        Ok(kind) => Statement {
            meaning: scanner.meaning(&kind),
            kind,
            objects: scanner.objects,
        },
        Err(Lost) => Statement {
            kind: unknown(statement),
            objects: scanner.lost(),
            meaning: Meaning::Plain,
        },
    }
}

impl<'a> Scanner<'a> {
    /// A cursor over a part of a statement.
    pub(super) fn over(text: &'a str, context: StatementContext) -> Self {
        Self {
            lexer: Lexer::new(text, context),
            default_database: "",
            context,
            objects: Vec::new(),
            body: None,
            conditional: false,
            replaces: false,
            drops_key: false,
            after_name: None,
        }
    }

    fn statement(&mut self) -> Result<StatementKind, Lost> {
        while self.eat_words(&["SET", "STATEMENT"])? {
            self.skip_to(&["FOR"])?;
        }
        let word = match self.next()? {
            None | Some(Token::Symbol(';')) => return Ok(StatementKind::Empty),
            Some(Token::Symbol('(')) => return Ok(StatementKind::Evaluate),
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            Some(Token::Quoted(_) | Token::Text(_) | Token::Symbol(_)) => return Err(Lost),
        };
        match word.as_str() {
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop(),
            "RENAME" => self.rename(),
            "TRUNCATE" => self.truncate(),
            "INSERT" => self.insert(StatementKind::Insert),
            "REPLACE" => self.insert(StatementKind::Replace),
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "LOAD" => self.load(),
            "WITH" => self.with(),
            "SELECT" | "DO" | "CALL" | "VALUES" | "TABLE" => Ok(StatementKind::Evaluate),
            "GRANT" | "REVOKE" => Ok(StatementKind::Account),
            "SET" => self.set(),
            "USE" => Ok(StatementKind::Session),
            "INSTALL" | "UNINSTALL" => Ok(StatementKind::Administration),
            "OPTIMIZE" => self.optimize(),
            "ANALYZE" | "REPAIR" | "CHECK" | "CHECKSUM" | "FLUSH" | "RESET" | "CACHE" | "KILL"
            | "PURGE" | "SHOW" | "EXPLAIN" | "DESCRIBE" => Ok(StatementKind::Maintenance),
            other => self.transaction(other),
        }
    }

    /// Reads the tables of `OPTIMIZE`, which matter only where it writes their files anew.
    fn optimize(&mut self) -> Result<StatementKind, Lost> {
        let context = self.context();
        self.eat_any(&["NO_WRITE_TO_BINLOG", "LOCAL"])?;
        let matters = context.flavour == Flavour::MySql && context.version < MYSQL_8;
        if matters && self.eat_any(&["TABLE", "TABLES"])? {
            self.object(ObjectClass::Table, Role::Target)?;
            while self.eat_symbol(',')? {
                self.object(ObjectClass::Table, Role::Target)?;
            }
        }
        Ok(StatementKind::Maintenance)
    }

    /// The table of a statement that cannot be followed to its end, if no word of the rest can be about another one.
    fn lost(&mut self) -> Vec<Object> {
        let Some(after_name) = self.after_name else {
            return Vec::new();
        };
        let mut words = after_name
            .rest()
            .split(|letter: char| !letter.is_ascii_alphanumeric());
        let is_about_others =
            words.any(|word| OTHERS.iter().any(|other| word.eq_ignore_ascii_case(other)));
        let mut objects = std::mem::take(&mut self.objects);
        if is_about_others {
            objects.clear();
        }
        objects.truncate(1);
        objects
    }

    /// Notes that the name of the one table was read that the statement is about.
    pub(super) fn note_name_read(&mut self) {
        self.after_name = Some(self.lexer);
    }

    /// Reads again what follows the table's or database's name, this time for what it does to definitions.
    fn meaning(&mut self, kind: &StatementKind) -> Meaning {
        let Some(body) = self.body else {
            return Meaning::Plain;
        };
        self.lexer = body;
        self.read_meaning(kind).unwrap_or_else(|Lost| {
            let rest = self.lexer.rest();
            let shown: String = rest.chars().take(REASON_CHARACTERS_MAX).collect();
            Meaning::Unfollowed {
                reason: format!("not understood up to {shown:?}").into(),
            }
        })
    }

    fn read_meaning(&mut self, kind: &StatementKind) -> Result<Meaning, Lost> {
        Ok(match kind {
            StatementKind::CreateTable { select: true, .. } => Meaning::Unfollowed {
                reason: "filled by a query".into(),
            },
            StatementKind::CreateTable { like, .. } => {
                let mut table = CreateTable {
                    if_not_exists: self.conditional,
                    ..CreateTable::default()
                };
                if !like {
                    let may_double = !self.lexer.escapes() && has_servers_layout(self.lexer.rest());
                    self.symbol('(')?;
                    table.elements = self.elements()?;
                    self.table_options(&mut table.options)?;
                    if may_double && !undouble(&mut table) {
                        return Ok(Meaning::Unfollowed {
                            reason: "the server may have doubled the backslashes of its labels"
                                .into(),
                        });
                    }
                }
                Meaning::CreateTable(Box::new(table))
            }
            StatementKind::AlterTable => Meaning::AlterTable(Box::new(self.specifications()?)),
            StatementKind::CreateIndex => Meaning::AlterTable(Box::new(AlterTable {
                rewrites: true,
                ..AlterTable::default()
            })),
            StatementKind::DropIndex => {
                let specs = match self.drops_key {
                    true => vec![Spec::DropKey],
                    false => Vec::new(),
                };
                Meaning::AlterTable(Box::new(AlterTable {
                    specs,
                    rewrites: true,
                    ..AlterTable::default()
                }))
            }
            StatementKind::CreateDatabase | StatementKind::AlterDatabase => Meaning::Database {
                charset: self.database_options()?,
                if_not_exists: self.conditional,
                or_replace: self.replaces,
            },
            StatementKind::Sequence {
                action: Action::Create,
                ..
            } => Meaning::CreateTable(Box::new(self.sequence()?)),
            StatementKind::Sequence {
                action: Action::Alter,
                ..
            } => match self.sequence_type()? {
                Some(_) => Meaning::Unfollowed {
                    reason: "a sequence was given another type".into(),
                },
                None => Meaning::Plain,
            },
            _ => Meaning::Plain,
        })
    }

    /// Notes that what says more about definitions begins here.
    pub(super) fn note_body(&mut self) {
        self.body = Some(self.lexer);
    }

    /// Whether the statement has `IF NOT EXISTS` or the like.
    pub(super) fn is_conditional(&self) -> bool {
        self.conditional
    }

    pub(super) fn note_replaces(&mut self) {
        self.replaces = true;
    }

    pub(super) fn note_key_dropped(&mut self) {
        self.drops_key = true;
    }

    fn set(&mut self) -> Result<StatementKind, Lost> {
        let account =
            self.eat("PASSWORD")? || self.eat_words(&["DEFAULT", "ROLE"])? || self.eat("ROLE")?;
        Ok(match account {
            true => StatementKind::Account,
            false => StatementKind::Session,
        })
    }

    fn transaction(&mut self, word: &str) -> Result<StatementKind, Lost> {
        let bound = match word {
            "BEGIN" if !self.eat("NOT")? => Transaction::Begin,
            "START" if self.eat("TRANSACTION")? => Transaction::Begin,
            "COMMIT" => Transaction::Commit,
            "ROLLBACK" => {
                self.eat("WORK")?;
                if self.eat("TO")? {
                    self.eat("SAVEPOINT")?;
                    Transaction::RollbackTo(self.identifier()?.into())
                } else {
                    Transaction::Rollback
                }
            }
            "SAVEPOINT" => Transaction::Savepoint(self.identifier()?.into()),
            "RELEASE" if self.eat("SAVEPOINT")? => Transaction::Release,
            "XA" => match self.word()?.to_ascii_uppercase().as_str() {
                "START" | "BEGIN" => Transaction::XaStart,
                "END" => Transaction::XaEnd,
                "PREPARE" => Transaction::XaPrepare,
                "COMMIT" => Transaction::XaCommit,
                "ROLLBACK" => Transaction::XaRollback,
                _ => return Err(Lost),
            },
            _ => return Err(Lost),
        };
        Ok(StatementKind::Transaction(bound))
    }

    // ---- tokens ----------------------------------------------------------------------------------------------------

    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Lost> {
        Ok(self.lexer.next()?)
    }

    pub(super) fn peek(&self) -> Result<Option<Token<'a>>, Lost> {
        let mut ahead = self.lexer;
        Ok(ahead.next()?)
    }

    pub(super) fn bookmark(&self) -> Lexer<'a> {
        self.lexer
    }

    pub(super) fn go_back(&mut self, bookmark: Lexer<'a>) {
        self.lexer = bookmark;
    }

    /// Takes the next token if it is this unquoted word.
    pub(super) fn eat(&mut self, word: &str) -> Result<bool, Lost> {
        self.eat_words(&[word])
    }

    /// Takes all of these unquoted words, or nothing.
    pub(super) fn eat_words(&mut self, words: &[&str]) -> Result<bool, Lost> {
        let mut ahead = self.lexer;
        for word in words {
            if !ahead.eat_word(word)? {
                return Ok(false);
            }
        }
        self.lexer = ahead;
        Ok(true)
    }

    /// Takes the next token if it is one of these unquoted words.
    pub(super) fn eat_any(&mut self, words: &[&str]) -> Result<bool, Lost> {
        for word in words {
            if self.eat(word)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn eat_symbol(&mut self, symbol: char) -> Result<bool, Lost> {
        Ok(self.lexer.eat_symbol(symbol)?)
    }

    /// Takes `=`, or `:=`, which is the same to both servers.
    pub(super) fn eat_equal(&mut self) -> Result<bool, Lost> {
        let mut ahead = self.lexer;
        ahead.eat_symbol(':')?;
        let found = ahead.eat_symbol('=')?;
        if found {
            self.lexer = ahead;
        }
        Ok(found)
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), Lost> {
        self.eat(word)?.then_some(()).ok_or(Lost)
    }

    pub(super) fn word(&mut self) -> Result<&'a str, Lost> {
        match self.next()? {
            Some(Token::Word(word)) => Ok(word),
            Some(Token::Quoted(_) | Token::Text(_) | Token::Symbol(_)) | None => Err(Lost),
        }
    }

    /// Passes over what follows up to one of these words outside of brackets, and over it; returns which.
    pub(super) fn skip_to<'w>(&mut self, words: &[&'w str]) -> Result<&'w str, Lost> {
        loop {
            match self.next()?.ok_or(Lost)? {
                Token::Symbol('(') => self.skip_brackets()?,
                Token::Word(found) => {
                    let wanted = words.iter().find(|word| found.eq_ignore_ascii_case(word));
                    if let Some(word) = wanted {
                        return Ok(word);
                    }
                }
                Token::Quoted(_) | Token::Text(_) | Token::Symbol(_) => {}
            }
        }
    }

    /// Passes over what follows up to the bracket that closes the one just taken.
    pub(super) fn skip_brackets(&mut self) -> Result<(), Lost> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.next()?.ok_or(Lost)? {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth -= 1,
                Token::Word(_) | Token::Quoted(_) | Token::Text(_) | Token::Symbol(_) => {}
            }
        }
        Ok(())
    }

    /// Asks that nothing follows but a semicolon.
    pub(super) fn end(&mut self) -> Result<(), Lost> {
        self.eat_symbol(';')?;
        match self.next()? {
            None => Ok(()),
            Some(_) => Err(Lost),
        }
    }

    // ---- names -----------------------------------------------------------------------------------------------------

    pub(super) fn identifier(&mut self) -> Result<String, Lost> {
        match self.next()? {
            Some(Token::Word(word)) => Ok(word.to_owned()),
            Some(Token::Quoted(name)) => Ok(name.into_owned()),
            Some(Token::Text(_) | Token::Symbol(_)) | None => Err(Lost),
        }
    }

    /// Reads `name`, `database.name` or MariaDB's `.name`, and fills in the default database.
    pub(super) fn name(&mut self) -> Result<TableName, Lost> {
        if self.is_mariadb() && self.eat_symbol('.')? {
            return Ok(TableName::new(self.default_database, self.identifier()?));
        }
        let first = self.identifier()?;
        if !self.eat_symbol('.')? {
            return Ok(TableName::new(self.default_database, first));
        }
        let name = TableName::new(first, self.identifier()?);
        // A third part is nothing that either server has.
        match self.peek()? {
            Some(Token::Symbol('.')) => Err(Lost),
            Some(_) | None => Ok(name),
        }
    }

    /// Reads a column's name, which may be qualified by its table and that by its database: MySQL up to 5.7 and MariaDB
    /// allow that where a column is defined or changed.
    pub(super) fn column_name(&mut self) -> Result<String, Lost> {
        if self.eat_symbol('.')? {
            return self.identifier();
        }
        let mut name = self.identifier()?;
        for _ in 0..QUALIFIERS_MAX {
            if !self.eat_symbol('.')? {
                break;
            }
            name = self.identifier()?;
        }
        Ok(name)
    }

    /// Reads a name and notes it as an object.
    pub(super) fn object(&mut self, class: ObjectClass, role: Role) -> Result<(), Lost> {
        let name = self.name()?;
        self.note(class, name, role);
        Ok(())
    }

    pub(super) fn note(&mut self, class: ObjectClass, name: TableName, role: Role) {
        self.objects.push(Object { class, name, role });
    }

    pub(super) fn default_database(&self) -> &'a str {
        self.default_database
    }

    pub(super) fn if_exists(&mut self) -> Result<(), Lost> {
        self.conditional =
            self.eat_words(&["IF", "EXISTS"])? || self.eat_words(&["IF", "NOT", "EXISTS"])?;
        Ok(())
    }

    pub(super) fn context(&self) -> StatementContext {
        self.context
    }

    /// Passes over MariaDB's `WAIT n` and `NOWAIT`.
    pub(super) fn wait(&mut self) -> Result<(), Lost> {
        if self.eat("WAIT")? {
            self.word()?;
        } else {
            self.eat("NOWAIT")?;
        }
        Ok(())
    }
}

/// Whether the elements of a table stand as servers themselves write them: each on a line of its own, indented.
fn has_servers_layout(elements: &str) -> bool {
    let first = elements.strip_prefix("(\n  ");
    first.is_some_and(|first| first.starts_with(['`', '"', '[']))
}
