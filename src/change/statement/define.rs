//! `CREATE`, `ALTER`, `DROP`, `RENAME` and `TRUNCATE`.

use super::lexer::Token;
use super::scanned::{Action, ObjectClass, Role, StatementKind};
use super::scanner::{Lost, Scanner};
use crate::row::TableName;

/// Words between the verb and the kind of object that change nothing here.
const MODIFIERS: [&str; 13] = [
    "ONLINE",
    "OFFLINE",
    "IGNORE",
    "UNIQUE",
    "FULLTEXT",
    "VECTOR",
    "AGGREGATE",
    "EXTERNAL",
    "MATERIALIZED",
    "JSON",
    "RELATIONAL",
    "DUALITY",
    "CLUSTERING",
];

impl Scanner<'_> {
    pub(super) fn create(&mut self) -> Result<StatementKind, Lost> {
        let temporary = self.modifiers()?;
        let noun = self.word()?.to_ascii_uppercase();
        if self.database_noun(&noun) {
            self.if_exists()?;
            self.database()?;
            self.note_body();
            return Ok(StatementKind::CreateDatabase);
        }
        match noun.as_str() {
            "TABLE" => self.create_table(temporary),
            "INDEX" => self.index(StatementKind::CreateIndex),
            "TRIGGER" => self.create_trigger(),
            "FUNCTION" => self.create_function(),
            "SEQUENCE" => {
                self.if_exists()?;
                self.object(ObjectClass::Table, Role::Target)?;
                self.note_body();
                let action = Action::Create;
                Ok(StatementKind::Sequence { action, temporary })
            }
            other => self.stored(other, Action::Create),
        }
    }

    pub(super) fn alter(&mut self) -> Result<StatementKind, Lost> {
        self.modifiers()?;
        let noun = self.word()?.to_ascii_uppercase();
        if self.database_noun(&noun) {
            return self.alter_database();
        }
        match noun.as_str() {
            "TABLE" => self.alter_table(),
            "SEQUENCE" => {
                self.if_exists()?;
                self.object(ObjectClass::Table, Role::Target)?;
                self.note_body();
                Ok(StatementKind::Sequence {
                    action: Action::Alter,
                    temporary: false,
                })
            }
            other => self.stored(other, Action::Alter),
        }
    }

    pub(super) fn drop(&mut self) -> Result<StatementKind, Lost> {
        let temporary = self.modifiers()?;
        let noun = self.word()?.to_ascii_uppercase();
        if self.database_noun(&noun) {
            self.if_exists()?;
            self.database()?;
            self.end()?;
            return Ok(StatementKind::DropDatabase);
        }
        match noun.as_str() {
            "TABLE" | "TABLES" => {
                self.drop_list(ObjectClass::Table)?;
                Ok(StatementKind::DropTable { temporary })
            }
            "VIEW" => {
                self.drop_list(ObjectClass::View)?;
                Ok(StatementKind::View(Action::Drop))
            }
            "SEQUENCE" => {
                self.drop_list(ObjectClass::Table)?;
                let action = Action::Drop;
                Ok(StatementKind::Sequence { action, temporary })
            }
            "INDEX" => self.index(StatementKind::DropIndex),
            "PREPARE" => Ok(StatementKind::Session),
            other => self.stored(other, Action::Drop),
        }
    }

    pub(super) fn rename(&mut self) -> Result<StatementKind, Lost> {
        if self.eat("USER")? {
            return Ok(StatementKind::Account);
        }
        if !self.eat_any(&["TABLE", "TABLES"])? {
            return Err(Lost);
        }
        self.if_exists()?;
        loop {
            self.object(ObjectClass::Table, Role::Target)?;
            self.wait()?;
            self.expect("TO")?;
            self.object(ObjectClass::Table, Role::RenamedTo)?;
            if !self.eat_symbol(',')? {
                break;
            }
        }
        self.end()?;
        Ok(StatementKind::RenameTable)
    }

    pub(super) fn truncate(&mut self) -> Result<StatementKind, Lost> {
        self.eat("TABLE")?;
        self.object(ObjectClass::Table, Role::Target)?;
        self.wait()?;
        if self.eat_any(&["DROP", "REUSE"])? {
            self.expect("STORAGE")?;
        }
        self.end()?;
        Ok(StatementKind::TruncateTable)
    }

    // ---- tables ----------------------------------------------------------------------------------------------------

    fn create_table(&mut self, temporary: bool) -> Result<StatementKind, Lost> {
        self.if_exists()?;
        self.object(ObjectClass::Table, Role::Target)?;
        self.note_name_read();
        self.note_body();
        let bracketed = self.eat_bracket_then("LIKE")?;
        let like = bracketed || self.eat("LIKE")?;
        if like {
            self.object(ObjectClass::Table, Role::Like)?;
        }
        if bracketed && !self.eat_symbol(')')? {
            return Err(Lost);
        }
        let select = self.rest_selects()?;
        Ok(StatementKind::CreateTable {
            temporary,
            like,
            select,
        })
    }

    fn eat_bracket_then(&mut self, word: &str) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        let found = self.eat_symbol('(')? && self.eat(word)?;
        if !found {
            self.go_back(bookmark);
        }
        Ok(found)
    }

    /// Reads to the end; whether a query is part of what was read.
    ///
    /// `SELECT` is reserved and no expression of a table's definition may hold a query. `VALUES` and `TABLE` are a query
    /// where they stand outside of brackets or open one; partitions have `VALUES` later in theirs.
    fn rest_selects(&mut self) -> Result<bool, Lost> {
        let mut selects = false;
        let mut depth = 0_i64;
        let mut bracket_opened = false;
        while let Some(token) = self.next()? {
            let may_be_query = depth <= 0 || bracket_opened;
            bracket_opened = token == Token::Symbol('(');
            match token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth -= 1,
                Token::Symbol(';') => self.end()?,
                Token::Word(word) => {
                    selects |= word.eq_ignore_ascii_case("SELECT");
                    let query = ["VALUES", "TABLE"];
                    selects |= may_be_query && query.iter().any(|q| word.eq_ignore_ascii_case(q));
                }
                Token::Quoted(_) | Token::Text(_) | Token::Symbol(_) => {}
            }
        }
        match depth {
            0 => Ok(selects),
            _ => Err(Lost),
        }
    }

    fn alter_table(&mut self) -> Result<StatementKind, Lost> {
        self.if_exists()?;
        self.object(ObjectClass::Table, Role::Target)?;
        self.note_name_read();
        self.wait()?;
        self.note_body();
        let mut action_begins = true;
        loop {
            if action_begins {
                self.partition_action()?;
            }
            action_begins = false;
            match self.next()? {
                None => return Ok(StatementKind::AlterTable),
                Some(Token::Symbol('(')) => self.skip_brackets()?,
                Some(Token::Symbol(',')) => action_begins = true,
                Some(Token::Symbol(')')) => return Err(Lost),
                Some(Token::Symbol(';')) => {
                    self.end()?;
                    return Ok(StatementKind::AlterTable);
                }
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("RENAME") => {
                    self.rename_action()?
                }
                Some(Token::Word(_) | Token::Quoted(_) | Token::Text(_) | Token::Symbol(_)) => {}
            }
        }
    }

    /// Reads the actions that move a table in or out of a partition, if one begins here.
    fn partition_action(&mut self) -> Result<(), Lost> {
        if self.eat_words(&["EXCHANGE", "PARTITION"])? {
            self.identifier()?;
            self.expect("WITH")?;
            self.expect("TABLE")?;
            self.object(ObjectClass::Table, Role::Target)?;
        } else if self.eat_words(&["CONVERT", "PARTITION"])? {
            self.identifier()?;
            self.expect("TO")?;
            self.expect("TABLE")?;
            self.object(ObjectClass::Table, Role::Target)?;
        } else if self.eat_words(&["CONVERT", "TABLE"])? {
            self.object(ObjectClass::Table, Role::Target)?;
        }
        Ok(())
    }

    /// `RENAME` is reserved, so after it only a part of the table or the table's new name can stand.
    fn rename_action(&mut self) -> Result<(), Lost> {
        if self.eat_any(&["COLUMN", "INDEX", "KEY"])? {
            return Ok(());
        }
        if !self.eat_any(&["TO", "AS"])? {
            self.eat_equal()?;
        }
        self.object(ObjectClass::Table, Role::RenamedTo)
    }

    fn drop_list(&mut self, class: ObjectClass) -> Result<(), Lost> {
        self.if_exists()?;
        loop {
            self.object(class, Role::Target)?;
            if !self.eat_symbol(',')? {
                break;
            }
        }
        self.wait()?;
        self.eat_any(&["RESTRICT", "CASCADE"])?;
        self.end()
    }

    fn index(&mut self, kind: StatementKind) -> Result<StatementKind, Lost> {
        self.if_exists()?;
        if self.identifier()?.eq_ignore_ascii_case("PRIMARY") {
            self.note_key_dropped();
        }
        self.skip_to(&["ON"])?;
        self.object(ObjectClass::Table, Role::Target)?;
        self.note_body();
        Ok(kind)
    }

    // ---- databases -------------------------------------------------------------------------------------------------

    fn database_noun(&self, noun: &str) -> bool {
        matches!(noun, "DATABASE" | "SCHEMA")
    }

    fn database(&mut self) -> Result<(), Lost> {
        let name = self.identifier()?;
        self.note(
            ObjectClass::Database,
            TableName::new(name, ""),
            Role::Target,
        );
        Ok(())
    }

    /// The name may be left out: then the default database is meant, and an option stands in its place.
    fn alter_database(&mut self) -> Result<StatementKind, Lost> {
        if self.option_of_database()? {
            let name = TableName::new(self.default_database(), "");
            self.note(ObjectClass::Database, name, Role::Target);
        } else {
            self.database()?;
        }
        self.note_body();
        Ok(StatementKind::AlterDatabase)
    }

    /// Whether the next word is an option. Those that are not reserved could be names: then another option follows.
    fn option_of_database(&mut self) -> Result<bool, Lost> {
        const RESERVED: [&str; 4] = ["DEFAULT", "CHARACTER", "COLLATE", "READ"];
        const FREE: [&str; 3] = ["CHARSET", "ENCRYPTION", "COMMENT"];
        let bookmark = self.bookmark();
        let is_option = if self.eat_any(&RESERVED)? {
            true
        } else if self.eat_any(&FREE)? {
            !self.eat_any(&RESERVED)? && !self.eat_any(&FREE)?
        } else {
            false
        };
        self.go_back(bookmark);
        Ok(is_option)
    }

    // ---- everything else -------------------------------------------------------------------------------------------

    /// Passes over what may stand before the kind of object; whether `TEMPORARY` was among it.
    fn modifiers(&mut self) -> Result<bool, Lost> {
        let mut temporary = false;
        loop {
            if self.eat("TEMPORARY")? {
                temporary = true;
            } else if self.eat("ALGORITHM")? {
                self.eat_equal()?;
                self.word()?;
            } else if self.eat("DEFINER")? {
                self.eat_equal()?;
                self.user()?;
            } else if self.eat_words(&["SQL", "SECURITY"])? {
                self.word()?;
            } else if self.eat_words(&["OR", "REPLACE"])? {
                self.note_replaces();
            } else if self.spatial_index()? || self.eat_any(&MODIFIERS)? {
            } else {
                return Ok(temporary);
            }
        }
    }

    /// Takes `SPATIAL` before `INDEX`; before `REFERENCE SYSTEM` it is the kind of object itself.
    fn spatial_index(&mut self) -> Result<bool, Lost> {
        let bookmark = self.bookmark();
        if !self.eat("SPATIAL")? {
            return Ok(false);
        }
        let before_index = self.bookmark();
        let found = self.eat("INDEX")?;
        self.go_back(if found { before_index } else { bookmark });
        Ok(found)
    }

    /// Passes over an account's name: `a`@`b`, a@b.c, 'a'@'b', CURRENT_USER().
    fn user(&mut self) -> Result<(), Lost> {
        let part = |token| {
            matches!(
                token,
                Some(Token::Word(_) | Token::Quoted(_) | Token::Text(_))
            )
        };
        if !part(self.next()?) {
            return Err(Lost);
        }
        if self.eat_symbol('(')? {
            return self.skip_brackets();
        }
        if self.eat_symbol('@')? {
            loop {
                if !part(self.next()?) {
                    return Err(Lost);
                }
                if !self.eat_symbol('.')? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn create_trigger(&mut self) -> Result<StatementKind, Lost> {
        self.if_exists()?;
        let trigger = self.name()?;
        if !self.eat_any(&["BEFORE", "AFTER"])? {
            return Err(Lost);
        }
        self.skip_to(&["ON"])?;
        let table = self.name()?;
        // Without a database of its own a trigger is in that of its table, whatever the default is.
        let trigger = TableName::new(table.database.clone(), trigger.table);
        self.note(ObjectClass::Trigger, trigger, Role::Target);
        self.note(ObjectClass::Table, table, Role::TriggerOn);
        Ok(StatementKind::Trigger(Action::Create))
    }

    /// A stored function, or a loadable one, which has no parameter list.
    fn create_function(&mut self) -> Result<StatementKind, Lost> {
        self.if_exists()?;
        let name = self.name()?;
        if self.peek()? != Some(Token::Symbol('(')) {
            self.skip_to(&["SONAME"])?;
            return Ok(StatementKind::Administration);
        }
        self.note(ObjectClass::Routine, name, Role::Target);
        Ok(StatementKind::Function(Action::Create))
    }

    fn stored(&mut self, noun: &str, action: Action) -> Result<StatementKind, Lost> {
        let (class, kind) = match noun {
            "VIEW" => (ObjectClass::View, StatementKind::View(action)),
            "TRIGGER" => (ObjectClass::Trigger, StatementKind::Trigger(action)),
            "PROCEDURE" => (ObjectClass::Routine, StatementKind::Procedure(action)),
            "FUNCTION" => (ObjectClass::Routine, StatementKind::Function(action)),
            "LIBRARY" => (ObjectClass::Routine, StatementKind::Library(action)),
            "EVENT" => (ObjectClass::Event, StatementKind::Event(action)),
            "PACKAGE" => {
                self.eat("BODY")?;
                (ObjectClass::Routine, StatementKind::Package(action))
            }
            "USER" | "ROLE" => return Ok(StatementKind::Account),
            "SERVER" | "TABLESPACE" | "UNDO" | "LOGFILE" | "INSTANCE" | "RESOURCE" | "SPATIAL" => {
                return Ok(StatementKind::Administration);
            }
            _ => return Err(Lost),
        };
        self.if_exists()?;
        self.object(class, Role::Target)?;
        Ok(kind)
    }
}
