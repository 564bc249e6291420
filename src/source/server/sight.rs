//! What an account may SELECT, as the server shows its grants: a snapshot copies nothing of what it may not see, and no list of tables
//! tells that.

use tracing::warn;

use super::session::Session;
use super::start::Checked;
use super::statements;
use crate::filter::Rules;
use crate::finding::{Finding, listed};
use crate::row::{TableName, quoted};
use crate::source::error::SourceError;

const CHECK: &str = "snapshot";

/// What of the tables that rules keep an account may not see.
#[derive(Debug, Default)]
pub(super) struct Sight {
    account: String,
    /// What rules name and the account may not SELECT, as a GRANT names it.
    hidden: Vec<String>,
    /// The tables that rules name, that the account might SELECT, and that are not there.
    absent: Vec<String>,
    /// Whether rules may keep what the account may not SELECT.
    is_partial: bool,
}

impl Sight {
    /// Looks at what the account sees; `tables` are all that the server shows it.
    ///
    /// # Errors
    /// What breaks on the way.
    pub(super) async fn of(
        session: &mut Session,
        rules: &Rules,
        tables: &[&TableName],
    ) -> Result<Self, SourceError> {
        let account = statements::account(session).await?;
        let answer = session.ask("SHOW GRANTS").await?;
        let mut readable = Readable::default();
        for row in answer.rows() {
            readable.take(row.first_text().unwrap_or_default());
        }
        Ok(readable.judge(account, rules, tables))
    }

    /// What `check` says of it.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(error) = self.refusal() {
            let what = format!(
                "{} may not SELECT from {}, which the snapshot is to copy",
                self.account,
                listed(&self.hidden)
            );
            let finding = Finding::fatal(CHECK, error.class(), what);
            findings.push(self.grants().into_iter().fold(finding, Finding::sql));
        } else if self.is_partial {
            let finding = Finding::warning(CHECK, self.partial());
            findings.push(finding.sql(format!("GRANT SELECT ON *.* TO {}", self.account)));
        }
        findings
    }

    fn refusal(&self) -> Option<SourceError> {
        (!self.hidden.is_empty()).then(|| SourceError::Hidden {
            account: self.account.clone(),
            hidden: listed(&self.hidden),
            grants: self.grants().join("; "),
        })
    }

    fn grants(&self) -> Vec<String> {
        let each = self.hidden.iter();
        each.map(|of| format!("GRANT SELECT ON {of} TO {}", self.account))
            .collect()
    }

    fn partial(&self) -> String {
        format!(
            "{} may not SELECT on *.*: the snapshot copies no table that the account may not see, and does not tell which these are",
            self.account
        )
    }
}

/// Makes sure that the account sees what rules name, where a first snapshot begins, and warns where it may not see others.
///
/// # Errors
/// What rules name that it may not SELECT.
pub async fn refuse_hidden(
    checked: &mut Checked,
    rules: &Rules,
    tables: &[&TableName],
) -> Result<(), SourceError> {
    let sight = Sight::of(&mut checked.session, rules, tables).await?;
    if let Some(error) = sight.refusal() {
        return Err(error);
    }
    for table in &sight.absent {
        warn!(%table, "a rule names it and there is no such table: check how it is spelled, unless it is still to come");
    }
    if sight.is_partial {
        let grant = format!("GRANT SELECT ON *.* TO {}", sight.account);
        warn!(%grant, "{}, grant it on all, or on each database", sight.partial());
    }
    Ok(())
}

/// What grants let an account SELECT. Names compare without case, so that nothing is called hidden that may be seen.
#[derive(Debug, Default)]
struct Readable {
    is_everything: bool,
    /// Databases, in the pattern that a grant has.
    databases: Vec<String>,
    tables: Vec<TableName>,
    /// Databases that are taken out of everything.
    revoked: Vec<String>,
}

impl Readable {
    /// Takes one line of SHOW GRANTS.
    fn take(&mut self, line: &str) {
        let granted = line.strip_prefix("GRANT ");
        let Some(rest) = granted.or_else(|| line.strip_prefix("REVOKE ")) else {
            return;
        };
        let Some((privileges, object)) = rest.split_once(" ON ") else {
            return;
        };
        let reads = |privilege: &str| matches!(privilege, "SELECT" | "ALL PRIVILEGES" | "ALL");
        if !privileges.split(", ").any(reads) {
            return;
        }
        let Some((database, table)) = names(object) else {
            return;
        };
        match (granted, database.as_str(), table.as_str()) {
            (None, "*", _) => self.is_everything = false,
            (None, ..) => self.revoked.push(database),
            (Some(_), "*" | "%", "*") => self.is_everything = true,
            (Some(_), _, "*") => self.databases.push(database),
            (Some(_), ..) => self.tables.push(TableName::new(database, table)),
        }
    }

    fn has_nothing(&self) -> bool {
        !self.is_everything && self.databases.is_empty() && self.tables.is_empty()
    }

    fn reads_database(&self, name: &str) -> bool {
        let is_revoked = self.revoked.iter().any(|revoked| same(revoked, name));
        (self.is_everything && !is_revoked)
            || self.databases.iter().any(|granted| covers(granted, name))
    }

    fn reads(&self, table: &TableName) -> bool {
        let is_it = |granted: &TableName| {
            same(&granted.database, &table.database) && same(&granted.table, &table.table)
        };
        self.reads_database(&table.database) || self.tables.iter().any(is_it)
    }

    /// Whether it may read all that a rule with wildcards takes.
    fn reads_all_of(&self, wild: &str) -> bool {
        let database = wild.split_once('.').map_or(wild, |(database, _)| database);
        let escaped = database.replace("\\_", "").replace("\\%", "");
        match escaped.contains(['_', '%']) {
            true => self.databases.iter().any(|granted| granted == database),
            false => self.reads_database(&unescaped(database)),
        }
    }

    /// Whether all that rules can keep may be read.
    fn reads_all_kept(&self, rules: &Rules) -> bool {
        if self.is_everything && self.revoked.is_empty() {
            return true;
        }
        if rules.renames() {
            return false;
        }
        let mut databases = rules.do_databases().peekable();
        let has_databases = databases.peek().is_some();
        if has_databases && databases.all(|name| self.reads_database(name)) {
            return true;
        }
        let has_tables = rules.do_tables().chain(rules.wild_do_tables()).next();
        has_tables.is_some()
            && named(rules).all(|table| self.reads(&table))
            && rules.wild_do_tables().all(|wild| self.reads_all_of(wild))
    }

    fn judge(&self, account: String, rules: &Rules, tables: &[&TableName]) -> Sight {
        let mut sight = Sight {
            account,
            is_partial: !self.reads_all_kept(rules),
            ..Sight::default()
        };
        let is_kept = |table: &TableName| rules.table(&table.database, &table.table).keep;
        if self.has_nothing() && !tables.iter().any(|table| is_kept(table)) {
            sight.hidden.push("*.*".to_owned());
            return sight;
        }
        // Rules name what is published, which says little of the source where databases are renamed.
        if rules.renames() {
            return sight;
        }
        for name in rules.do_databases() {
            let sees = tables.iter().any(|table| same(&table.database, name))
                || self.tables.iter().any(|table| same(&table.database, name));
            if !sees && !self.reads_database(name) {
                sight.hidden.push(format!("{}.*", quoted(name)));
            }
        }
        for table in named(rules).filter(is_kept) {
            let is_it = |seen: &&TableName| {
                same(&seen.database, &table.database) && same(&seen.table, &table.table)
            };
            match (tables.iter().any(is_it), self.reads(&table)) {
                (true, _) => {}
                (false, true) => sight.absent.push(table.to_string()),
                (false, false) => sight.hidden.push(table.quoted()),
            }
        }
        sight
    }
}

/// The tables that rules name.
fn named(rules: &Rules) -> impl Iterator<Item = TableName> {
    let split = rules.do_tables().filter_map(|text| text.split_once('.'));
    split.map(|(database, table)| TableName::new(database, table))
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Whether a grant's pattern takes a database. An underscore stands for itself, and what follows a percent sign for anything.
fn covers(granted: &str, name: &str) -> bool {
    const PERCENT: &str = "\0";
    let pattern = unescaped(&granted.replace("\\%", PERCENT));
    match pattern.split_once('%') {
        Some((start, _)) => {
            let start = start.replace(PERCENT, "%").to_lowercase();
            name.to_lowercase().starts_with(&start)
        }
        None => same(&pattern.replace(PERCENT, "%"), name),
    }
}

fn unescaped(pattern: &str) -> String {
    pattern.replace("\\_", "_").replace("\\%", "%")
}

/// The database and the table that a grant is on, each of which may be `*`.
fn names(object: &str) -> Option<(String, String)> {
    let (database, rest) = name(object)?;
    let (table, _) = name(rest.strip_prefix('.')?)?;
    Some((database, table))
}

/// The name at the beginning of a text, and what follows.
fn name(text: &str) -> Option<(String, &str)> {
    let mut rest = text.chars();
    let Some(quote @ ('`' | '"')) = rest.next() else {
        let (name, rest) = text.split_at(text.find(['.', ' ']).unwrap_or(text.len()));
        return Some((name.to_owned(), rest));
    };
    let mut name = String::new();
    loop {
        let letter = rest.next()?;
        if letter == quote {
            let mut ahead = rest.clone();
            if ahead.next() != Some(quote) {
                return Some((name, rest.as_str()));
            }
            rest = ahead;
        }
        name.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::FilterOptions;
    use crate::mysql::Flavour;

    fn sight(grants: &[&str], filter: &str, seen: &[(&str, &str)]) -> Sight {
        let mut readable = Readable::default();
        grants.iter().for_each(|line| readable.take(line));
        let options: FilterOptions = toml::from_str(filter).unwrap();
        let rules = Rules::compile(&options, Flavour::MySql, 0).unwrap();
        let seen: Vec<TableName> = seen.iter().map(|(d, t)| TableName::new(*d, *t)).collect();
        let seen: Vec<&TableName> = seen.iter().collect();
        readable.judge("'u'@'%'".to_owned(), &rules, &seen)
    }

    #[test]
    fn what_rules_name_and_nobody_may_read_is_hidden() {
        let usage = "GRANT USAGE ON *.* TO `u`@`%`";
        let everything = "GRANT SELECT, REPLICATION SLAVE ON *.* TO `u`@`%`";
        let of_k = "GRANT SELECT ON `shop`.`k` TO `u`@`%`";
        let of_shop = "GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`%` WITH GRANT OPTION";
        let k: &[(&str, &str)] = &[("shop", "k")];
        let both = "replicate-do-table = ['shop.k', 'shop.big']";
        let do_db = "replicate-do-db = ['shop']";
        let wild = r"replicate-wild-do-table = ['shop.b%']";
        let only_k = "replicate-do-table = ['shop.k']";
        let stock = "replicate-do-db = ['stock']";
        let mine = "replicate-do-db = ['my_shop']";
        let wild_mine = r"replicate-wild-do-table = ['my\_shop.%']";
        let wild_my = "replicate-wild-do-table = ['my_shop.%']";
        let odd = "GRANT SELECT ON `s``h.o\\_p`.`a\"b` TO `u`@`%`";
        let escaped = "GRANT SELECT ON `my\\_shop`.* TO `u`@`%`";
        let revoked = "REVOKE SELECT ON `shop`.* FROM `u`@`%`";
        for (grants, filter, seen, hidden, absent, is_partial) in [
            (&[everything][..], "", k, "", "", false),
            (&[everything], both, k, "", "shop.big", false),
            (&[everything, revoked], "", &[], "", "", true),
            (&[everything, revoked], do_db, &[], "`shop`.*", "", true),
            (&[usage], "", &[], "*.*", "", true),
            (&[usage], do_db, &[], "*.*", "", true),
            (&[usage, of_k], do_db, k, "", "", true),
            (&[usage, of_k], both, k, "`shop`.`big`", "", true),
            (&[usage, of_k], only_k, k, "", "", false),
            (&[usage, of_shop], "", k, "", "", true),
            (&[usage, of_shop], do_db, k, "", "", false),
            (&[usage, of_shop], both, k, "", "shop.big", false),
            (&[usage, of_shop], wild, k, "", "", false),
            (&[usage, of_shop], stock, k, "`stock`.*", "", true),
            (&[usage, odd], wild, k, "", "", true),
            (&[usage, escaped], mine, k, "", "", false),
            (&[usage, escaped], wild_mine, k, "", "", false),
            (&[usage, escaped], wild_my, k, "", "", true),
        ] {
            let found = sight(grants, filter, seen);
            let told = (
                found.hidden.join(" "),
                found.absent.join(" "),
                found.is_partial,
            );
            let expected = (hidden.to_owned(), absent.to_owned(), is_partial);
            assert_eq!(told, expected, "{grants:?} {filter}");
        }
    }

    #[test]
    fn a_grant_names_its_object_in_any_quotes() {
        for (object, database, table) in [
            ("*.* TO u", "*", "*"),
            ("`a``b`.`c.d` TO `u`@`%`", "a`b", "c.d"),
            ("\"a\".* TO u", "a", "*"),
            ("a.b TO u", "a", "b"),
        ] {
            let expected = (database.to_owned(), table.to_owned());
            assert_eq!(names(object), Some(expected), "{object}");
        }
        assert_eq!(names("`r`@`%`"), None);
    }
}
