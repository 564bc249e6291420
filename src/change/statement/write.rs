//! Statements that write rows: `INSERT`, `REPLACE`, `UPDATE`, `DELETE`, `LOAD`, alone or after `WITH`.

use super::lexer::Token;
use super::scanned::{ObjectClass, Role, StatementKind};
use super::scanner::{Lost, Scanner};
use crate::row::TableName;

/// Words that may follow a table in a table list, and are therefore not an alias. All are reserved.
const AFTER_TABLE: [&str; 18] = [
    "JOIN",
    "INNER",
    "CROSS",
    "LEFT",
    "RIGHT",
    "NATURAL",
    "STRAIGHT_JOIN",
    "ON",
    "USING",
    "USE",
    "FORCE",
    "IGNORE",
    "PARTITION",
    "SET",
    "WHERE",
    "ORDER",
    "LIMIT",
    "FOR",
];

/// Words that end a table list. All are reserved.
const AFTER_LIST: [&str; 4] = ["SET", "WHERE", "ORDER", "LIMIT"];

/// A table of a table list.
struct Listed {
    name: TableName,
    alias: Option<String>,
}

/// A name in the list of a multi-table `DELETE`.
struct Deleted {
    name: TableName,
    qualified: bool,
}

impl Scanner<'_> {
    pub(super) fn insert(&mut self, kind: StatementKind) -> Result<StatementKind, Lost> {
        while self.eat_any(&["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"])? {}
        self.eat("INTO")?;
        self.object(ObjectClass::Table, Role::Target)?;
        Ok(kind)
    }

    pub(super) fn load(&mut self) -> Result<StatementKind, Lost> {
        if self.eat_words(&["INDEX", "INTO", "CACHE"])? {
            return Ok(StatementKind::Maintenance);
        }
        if !self.eat_any(&["DATA", "XML"])? {
            return Err(Lost);
        }
        self.skip_to(&["INTO"])?;
        self.expect("TABLE")?;
        self.object(ObjectClass::Table, Role::Target)?;
        Ok(StatementKind::LoadData)
    }

    /// Passes over common table expressions to the statement's own verb.
    pub(super) fn with(&mut self) -> Result<StatementKind, Lost> {
        match self.skip_to(&["SELECT", "UPDATE", "DELETE", "VALUES", "TABLE"])? {
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            _ => Ok(StatementKind::Evaluate),
        }
    }

    pub(super) fn update(&mut self) -> Result<StatementKind, Lost> {
        while self.eat_any(&["LOW_PRIORITY", "IGNORE"])? {}
        let list = self.table_list()?;
        self.expect("SET")?;
        for listed in list {
            self.note(ObjectClass::Table, listed.name, Role::Target);
        }
        Ok(StatementKind::Update)
    }

    pub(super) fn delete(&mut self) -> Result<StatementKind, Lost> {
        while self.eat_any(&["LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY"])? {}
        let from_first = self.eat("FROM")?;
        let deleted = self.deleted_list()?;
        let table_list_follows = match from_first {
            true => self.eat("USING")?,
            false => self.eat("FROM")?,
        };
        if !table_list_follows {
            return match (from_first, <[Deleted; 1]>::try_from(deleted)) {
                (true, Ok([only])) => {
                    self.note(ObjectClass::Table, only.name, Role::Target);
                    Ok(StatementKind::Delete)
                }
                _ => Err(Lost),
            };
        }
        let list = self.table_list()?;
        for target in deleted {
            let listed = list.iter().find(|listed| listed.is_meant_by(&target));
            let name = listed.map_or(target.name, |listed| listed.name.clone());
            self.note(ObjectClass::Table, name, Role::Target);
        }
        Ok(StatementKind::Delete)
    }

    fn deleted_list(&mut self) -> Result<Vec<Deleted>, Lost> {
        let mut deleted = Vec::new();
        loop {
            let first = self.identifier()?;
            let mut name = TableName::new(self.default_database(), first.as_str());
            let mut qualified = false;
            while self.eat_symbol('.')? {
                if self.eat_symbol('*')? {
                    break;
                }
                if qualified {
                    return Err(Lost);
                }
                qualified = true;
                name = TableName::new(first.as_str(), self.identifier()?);
            }
            deleted.push(Deleted { name, qualified });
            if !self.eat_symbol(',')? {
                return Ok(deleted);
            }
        }
    }

    /// Reads the tables of a table list and stops before the word that ends it. Derived tables are passed over: nothing
    /// can be written to them.
    fn table_list(&mut self) -> Result<Vec<Listed>, Lost> {
        let mut list = Vec::new();
        let mut depth = 0_u32;
        let mut table_expected = true;
        loop {
            if table_expected {
                if !self.eat_symbol('(')? {
                    self.listed_table(&mut list)?;
                    table_expected = false;
                } else if self.query_follows()? {
                    self.skip_brackets()?;
                    table_expected = false;
                } else {
                    depth += 1;
                }
                continue;
            }
            match self.peek()? {
                Some(Token::Symbol('(')) => {
                    self.next()?;
                    self.skip_brackets()?;
                    continue;
                }
                Some(Token::Symbol(')')) if depth > 0 => depth -= 1,
                Some(Token::Symbol(',')) => table_expected = true,
                Some(Token::Word(word)) => {
                    let is = |wanted: &str| word.eq_ignore_ascii_case(wanted);
                    if depth == 0 && AFTER_LIST.into_iter().any(is) {
                        return Ok(list);
                    }
                    table_expected = is("JOIN") || is("STRAIGHT_JOIN");
                }
                None if depth == 0 => return Ok(list),
                Some(Token::Symbol(';')) if depth == 0 => return Ok(list),
                None => return Err(Lost),
                Some(Token::Quoted(_) | Token::Text(_) | Token::Symbol(_)) => {}
            }
            self.next()?;
        }
    }

    fn listed_table(&mut self, list: &mut Vec<Listed>) -> Result<(), Lost> {
        if self.eat("LATERAL")? {
            return Ok(());
        }
        let name = self.name()?;
        if self.peek()? == Some(Token::Symbol('(')) {
            // A table function, as JSON_TABLE.
            return Ok(());
        }
        if self.eat("PARTITION")? {
            self.eat_symbol('(')?.then_some(()).ok_or(Lost)?;
            self.skip_brackets()?;
        }
        let alias = if self.eat("AS")? {
            Some(self.identifier()?)
        } else {
            self.alias()?
        };
        list.push(Listed { name, alias });
        Ok(())
    }

    fn alias(&mut self) -> Result<Option<String>, Lost> {
        let is_alias = match self.peek()? {
            Some(Token::Quoted(_)) => true,
            Some(Token::Word(word)) => !AFTER_TABLE.iter().any(|w| word.eq_ignore_ascii_case(w)),
            Some(Token::Text(_) | Token::Symbol(_)) | None => false,
        };
        is_alias.then(|| self.identifier()).transpose()
    }

    fn query_follows(&self) -> Result<bool, Lost> {
        Ok(match self.peek()? {
            Some(Token::Word(word)) => ["SELECT", "WITH", "VALUES", "TABLE"]
                .iter()
                .any(|verb| word.eq_ignore_ascii_case(verb)),
            Some(Token::Quoted(_) | Token::Text(_) | Token::Symbol(_)) | None => false,
        })
    }
}

impl Listed {
    /// Whether a name in the list of a `DELETE` means this table: its alias, or its name where it has none.
    fn is_meant_by(&self, target: &Deleted) -> bool {
        match &self.alias {
            Some(alias) => !target.qualified && alias.eq_ignore_ascii_case(&target.name.table),
            None if target.qualified => self.name == target.name,
            None => self.name.table == target.name.table,
        }
    }
}
