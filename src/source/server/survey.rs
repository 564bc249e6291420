//! Everything about a source that a person may want to change before a connector streams from it: the checks of a start, and
//! what a start lets pass. Reads only.

use std::collections::HashMap;

use super::columns::{Misfit, RowSettings};
use super::options::ServerOptions;
use super::preflight::{self, Examined, SourceFacts, has_privilege};
use super::relation::Relation;
use super::remedy::{self, SettingStyle};
use super::retention::{self, Needs};
use super::session::Session;
use super::settings::{SURVEYED, Settings};
use super::sight::Sight;
use super::start::Checked;
use super::tables::{Schema, SurveyedTable, cascades};
use super::{copy_rights, statements, walk};
use crate::binlog::{Coordinates, FIRST_POSITION};
use crate::change::Checkpoint;
use crate::failure::Class;
use crate::filter::{FilterOptions, OnMissing, RulePlaces, Rules, Unmatched};
use crate::finding::{Finding, Severity, listed};
use crate::metrics::{now_us, one_line};
use crate::mysql::Flavour;
use crate::row::quoted;
use crate::source::error::SourceError;
use crate::source::start::Start;
use crate::state::ReplicaIdentity;

/// By how many seconds the clocks may differ.
const CLOCK_AHEAD_MAX_S: u64 = 2;

/// What a connector wants of its source.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Where it goes on; `None` for a connector that has not begun.
    pub from: Option<&'a Checkpoint>,
    /// What it publishes.
    pub filter: &'a FilterOptions,
    /// Where its rules are written.
    pub places: &'a RulePlaces,
}

/// What was found at a source.
#[derive(Debug, Default)]
pub struct Survey {
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
    /// The tables that the rules publish; `None` where that could not be asked.
    pub tables: Option<Vec<SurveyedTable>>,
}

/// Looks at a source: of several hosts at each, and at the tables of the first that can be read.
pub async fn survey(
    options: &ServerOptions,
    identity: &ReplicaIdentity,
    wanted: Wanted<'_>,
) -> Survey {
    let mut all = Survey::default();
    let candidates = options.candidates();
    let is_alone = candidates.len() == 1;
    let mut can_be_read = false;
    for candidate in &candidates {
        let place = match &candidate.socket {
            Some(socket) => socket.display().to_string(),
            None => candidate.address().to_string(),
        };
        let mut look = Look {
            options: candidate,
            identity,
            wanted,
            has_others: !is_alone,
            survey: Survey::default(),
        };
        look.at_server().await;
        let Survey { findings, tables } = look.survey;
        can_be_read |= !findings.iter().any(Finding::is_fatal);
        let placed = findings.into_iter().map(|finding| match finding.place {
            Some(_) => finding,
            None => finding.at(place.clone()),
        });
        all.findings.extend(placed);
        all.tables = all.tables.or(tables);
    }
    if !is_alone && can_be_read {
        // One that can be read is enough.
        let fatal = all.findings.iter_mut().filter(|finding| finding.is_fatal());
        for finding in fatal {
            finding.severity = Severity::Warning;
            finding.class = None;
        }
    }
    all
}

/// The look at one server.
struct Look<'a> {
    options: &'a ServerOptions,
    identity: &'a ReplicaIdentity,
    wanted: Wanted<'a>,
    has_others: bool,
    survey: Survey,
}

impl Look<'_> {
    async fn at_server(&mut self) {
        let unknown = SettingStyle {
            persists: false,
            flavour: Flavour::MySql,
        };
        let mut session = match Session::open_as(self.options, self.identity).await {
            Ok(session) => session,
            Err(error) => return self.add_all(remedy::findings(&error, unknown)),
        };
        let variables = match statements::variables(&mut session, &SURVEYED).await {
            Ok(variables) => variables,
            Err(error) => return self.add_all(remedy::findings(&error, unknown)),
        };
        let style = SettingStyle {
            persists: variables.contains_key("persisted_globals_load"),
            flavour: session.server().flavour,
        };
        let examined = preflight::examine(&mut session, self.options, self.identity).await;
        let Examined {
            facts,
            faults,
            replicates,
        } = match examined {
            Ok(examined) => examined,
            Err(error) => return self.add_all(remedy::findings(&error, style)),
        };
        self.connection(&facts);
        let told = faults
            .iter()
            .flat_map(|fault| remedy::findings(fault, style));
        self.add_all(told.collect());
        self.passed(&facts, &faults);
        let settings = Settings {
            variables: &variables,
            facts: &facts,
            style,
            has_others: self.has_others,
        };
        self.add_all(settings.findings());
        self.add(clock(facts.clock_ahead_s));
        let sees_all = self.grants(&mut session, &facts).await;
        self.logged_databases(&mut session).await;
        self.replication(&mut session, replicates, style).await;
        self.sessions(&mut session, &variables).await;
        let bytes = self
            .tables(&mut session, &facts, &variables, (sees_all, style))
            .await;
        let behind_s = self.behind_s(&mut session).await;
        let needs = Needs {
            behind_s,
            table_bytes: bytes,
        };
        self.add_all(retention::findings(&variables, needs, style));
        match faults.is_empty() {
            true => self.start(session, facts, style).await,
            false => self.add(Finding::not_checked(
                "start",
                "where the stream begins: the source must be readable first",
            )),
        }
    }

    fn add(&mut self, finding: Finding) {
        self.survey.findings.push(finding);
    }

    fn add_all(&mut self, findings: Vec<Finding>) {
        self.survey.findings.extend(findings);
    }

    /// Notes that something could not be asked.
    fn not_asked(&mut self, check: &'static str, what: &str, error: &SourceError) {
        let what = format!("{what}: {}", one_line(error));
        self.add(Finding::not_checked(check, what));
    }

    fn connection(&mut self, facts: &SourceFacts) {
        const CHECK: &str = "connection";
        let Self { options, .. } = self;
        let name = format!("{} {}", facts.flavour.name(), facts.version);
        let is_local = options.socket.is_some()
            || options.host == "localhost"
            || options.host == "::1"
            || options.host.starts_with("127.");
        self.add(match &facts.tls {
            Some(tls) => Finding::ok(CHECK, format!("{name} answers over {tls}")),
            None if is_local => Finding::ok(CHECK, format!("{name} answers")),
            None => Finding::warning(
                CHECK,
                format!("{name} answers without TLS: everybody on the way can read the changes"),
            )
            .connector("tls = { mode = \"required\" }"),
        });
    }

    /// The checks of a start that found nothing.
    fn passed(&mut self, facts: &SourceFacts, faults: &[SourceError]) {
        let has = |is: fn(&SourceError) -> bool| faults.iter().any(is);
        let id = preflight::server_id(self.options, self.identity);
        if !has(|fault| matches!(fault, SourceError::BinlogOff)) {
            self.add(Finding::ok("log_bin", "the binary log is on"));
        }
        if !has(|fault| matches!(fault, SourceError::BinlogFormat { .. })) {
            self.add(Finding::ok("binlog_format", "binlog_format is ROW"));
        }
        let is_taken = has(|fault| {
            matches!(
                fault,
                SourceError::ServerIdOfSource { .. }
                    | SourceError::ServerIdTaken { .. }
                    | SourceError::ReplicasHidden { .. }
            )
        });
        if !is_taken && facts.replicas_visible {
            let what = format!("no other replica has server_id {id}");
            self.add(Finding::ok("server_id", what));
        }
    }

    /// The rights that a start can do without. Returns whether the account sees every table.
    async fn grants(&mut self, session: &mut Session, facts: &SourceFacts) -> bool {
        const CHECK: &str = "grants";
        let found = async {
            let account = statements::account(session).await?;
            let everywhere = has_privilege(session, "SELECT").await?
                || session
                    .ask("SELECT 1 FROM mysql.user LIMIT 0")
                    .await
                    .is_ok();
            let shown = statements::prepared(session).await?.is_some();
            Ok((account, everywhere, shown))
        };
        let (account, everywhere, shows_prepared) = match found.await {
            Ok(found) => found,
            Err(error) => {
                self.not_asked(CHECK, "what the account may do", &error);
                return false;
            }
        };
        if everywhere {
            self.add(Finding::ok(CHECK, format!("{account} may SELECT on *.*")));
        } else {
            self.select_of_some(session, &account).await;
        }
        if self.takes_snapshot() {
            match copy_rights::findings(session, &account, self.options.snapshot.locking).await {
                Ok(findings) => self.add_all(findings),
                Err(error) => self.not_asked("snapshot", "what a snapshot needs", &error),
            }
        }
        if !shows_prepared {
            let what = format!(
                "{account} does not see which XA transactions are prepared: of one that is prepared before the first start and \
                 decided after it, the changes are missing, and the connector stops there"
            );
            let finding = Finding::warning(CHECK, what);
            self.add(finding.sql(format!("GRANT XA_RECOVER_ADMIN ON *.* TO {account}")));
        }
        if !facts.replicas_visible
            && facts.flavour == Flavour::MariaDb
            && self.options.server_id.is_none()
        {
            let what = format!(
                "{account} does not see the source's replicas; its own server_id was drawn among 2 billion"
            );
            let finding = Finding::not_checked("server_id", what);
            self.add(finding.sql(format!(
                "GRANT REPLICATION MASTER ADMIN ON *.* TO {account}"
            )));
        }
        everywhere
    }

    /// What is said of an account that may read some databases only.
    async fn select_of_some(&mut self, session: &mut Session, account: &str) {
        const CHECK: &str = "grants";
        let statement = "SELECT DISTINCT TABLE_SCHEMA AS db FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SELECT'";
        let answer = match session.ask(statement).await {
            Ok(answer) => answer,
            Err(error) => return self.not_asked(CHECK, "what the account may SELECT", &error),
        };
        let granted: Vec<String> = answer
            .rows()
            .filter_map(|row| row.text("db"))
            .map(|name| name.replace("\\_", "_").replace("\\%", "%"))
            .collect();
        let rules = Rules::compile(self.wanted.filter, session.server().flavour, 0).ok();
        let named: Vec<String> = rules
            .filter(|rules| !rules.renames())
            .iter()
            .flat_map(|rules| rules.do_databases().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let missing: Vec<String> = named
            .iter()
            .filter(|name| !granted.contains(name))
            .cloned()
            .collect();
        let reads = match granted.is_empty() {
            true => "of no database".to_owned(),
            false => format!("of {}", listed(&granted)),
        };
        if !named.is_empty() && missing.is_empty() {
            let what = format!("{account} may SELECT in every database that replicate-do-db names");
            return self.add(Finding::ok(CHECK, what));
        }
        let what = format!(
            "{account} may SELECT the tables {reads} only: how other tables are defined cannot be asked when the binlog does not say it"
        );
        let finding = Finding::warning(CHECK, what);
        self.add(match missing.is_empty() {
            true => finding.sql(format!("GRANT SELECT ON *.* TO {account}")),
            false => missing.iter().fold(finding, |finding, name| {
                finding.sql(format!("GRANT SELECT ON {}.* TO {account}", quoted(name)))
            }),
        });
    }

    /// Databases that the source does not log.
    async fn logged_databases(&mut self, session: &mut Session) {
        let forms = [
            "SHOW BINARY LOG STATUS",
            "SHOW BINLOG STATUS",
            "SHOW MASTER STATUS",
        ];
        // What keeps this from being asked was told before.
        let Ok(answer) = session.ask_in_forms(&forms).await else {
            return;
        };
        let Some(row) = answer.first() else { return };
        for (column, check, means) in [
            ("Binlog_Do_DB", "binlog_do_db", "only changes in"),
            ("Binlog_Ignore_DB", "binlog_ignore_db", "no changes in"),
        ] {
            let Some(names) = row.text(column).filter(|names| !names.is_empty()) else {
                continue;
            };
            let what = format!(
                "{check} is set: the source logs {means} {names}, judged by the default database of statements; other changes never \
                 reach the connector"
            );
            let finding = Finding::warning(check, what);
            self.add(finding.advice(format!(
                "take {check} out of the source's option file and restart it; use the rules in [filter] instead"
            )));
        }
    }

    /// Whether the source is itself a replica, which matters where it does not log what it replicates.
    async fn replication(
        &mut self,
        session: &mut Session,
        known: Option<bool>,
        style: SettingStyle,
    ) {
        const CHECK: &str = "log_replica_updates";
        let replicates = match known {
            Some(known) => Ok(Some(known)),
            None => statements::replicates(session).await,
        };
        match replicates {
            // With the log off this was told before.
            Ok(Some(true)) if known.is_none() => {
                let what = "the source is a replica and logs what it replicates; it has that as late as its replication is behind";
                self.add(Finding::note(CHECK, what));
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                let account = statements::account(session).await.unwrap_or_default();
                let grant = match style.flavour {
                    Flavour::MySql => "REPLICATION CLIENT",
                    Flavour::MariaDb => "REPLICA MONITOR",
                };
                let what = "whether the source is a replica that does not log what it replicates: it does not show that to the \
                            account";
                let finding = Finding::not_checked(CHECK, what);
                self.add(finding.sql(format!("GRANT {grant} ON *.* TO {account}")));
            }
            Err(error) => self.not_asked(CHECK, "whether the source is a replica", &error),
        }
    }

    /// Sessions that log otherwise than the server's settings say.
    async fn sessions(&mut self, session: &mut Session, variables: &HashMap<String, String>) {
        const CHECK: &str = "sessions";
        let what =
            "whether sessions have a binlog_format, binlog_row_image or sql_log_bin of their own";
        let is_on = variables
            .get("performance_schema")
            .is_some_and(|value| value.eq_ignore_ascii_case("ON"));
        if !is_on {
            let what = format!("{what}: performance_schema is off");
            return self.add(Finding::not_checked(CHECK, what));
        }
        let statement = "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, t.PROCESSLIST_HOST AS host, v.VARIABLE_NAME AS \
                         name, v.VARIABLE_VALUE AS value FROM performance_schema.variables_by_thread v JOIN \
                         performance_schema.threads t ON t.THREAD_ID = v.THREAD_ID WHERE t.PROCESSLIST_ID IS NOT NULL AND \
                         t.PROCESSLIST_ID <> CONNECTION_ID() AND ((v.VARIABLE_NAME = 'binlog_format' AND v.VARIABLE_VALUE <> 'ROW') \
                         OR (v.VARIABLE_NAME = 'binlog_row_image' AND v.VARIABLE_VALUE <> @@global.binlog_row_image) OR \
                         (v.VARIABLE_NAME = 'sql_log_bin' AND v.VARIABLE_VALUE = 'OFF')) ORDER BY 1";
        let answer = match session.ask(statement).await {
            Ok(answer) => answer,
            Err(error) => return self.not_asked(CHECK, what, &error),
        };
        let mut is_any = false;
        for row in answer.rows() {
            let of = |column| row.text(column).unwrap_or_default();
            let (id, name, value) = (of("id"), of("name"), of("value"));
            let (user, host) = (of("user"), of("host"));
            let means = match name {
                "binlog_format" => {
                    "what it changes may be logged as statements, at which the connector stops"
                }
                "sql_log_bin" => "what it changes never reaches the binlog and the connector",
                _image => "the rows that it logs are not as the server's setting says",
            };
            let what = format!("session {id} of {user}@{host} has {name} = {value}: {means}");
            let finding = Finding::warning(CHECK, what).sql(format!("KILL {id}"));
            self.add(finding.advice(format!("keep its program from setting {name}")));
            is_any = true;
        }
        if !is_any {
            let what = "every session logs rows as the server's settings say";
            self.add(Finding::ok(CHECK, what));
        }
    }

    /// The tables, the rules that match none, keys and foreign keys. Returns the bytes of what is published.
    async fn tables(
        &mut self,
        session: &mut Session,
        facts: &SourceFacts,
        variables: &HashMap<String, String>,
        (sees_all, style): (bool, SettingStyle),
    ) -> u64 {
        let folding = facts.lower_case_table_names;
        let rules = match Rules::compile(self.wanted.filter, facts.flavour, folding) {
            Ok(rules) => rules,
            Err(error) => {
                self.add(Finding::fatal("rules", error.class(), one_line(&error)));
                return 0;
            }
        };
        let number = |name: &str| variables.get(name).and_then(|text| text.parse().ok());
        let packet_max = number("max_allowed_packet").unwrap_or(u64::MAX);
        let image = &facts.row_image;
        let metadata = facts.row_metadata.as_deref();
        let settings = RowSettings {
            flavour: facts.flavour,
            image,
            tells_collations: matches!(metadata, Some("FULL" | "MINIMAL")),
        };
        let schema = match Schema::read(session, &rules, packet_max, settings).await {
            Ok(schema) => schema,
            Err(error) => {
                self.not_asked("tables", "the tables of the source", &error);
                return 0;
            }
        };
        self.rules(&rules, &schema, sees_all);
        if self.takes_snapshot() {
            self.copied(session, &rules, &schema).await;
        }
        self.misfits(&schema, image, style);
        self.add(schema.keyless());
        let is_native = variables
            .get("innodb_native_foreign_keys")
            .is_none_or(|value| !value.eq_ignore_ascii_case("OFF"));
        match cascades(session, &rules, !is_native).await {
            Ok(finding) => self.add(finding),
            Err(error) => self.not_asked("foreign_keys", "foreign keys that change rows", &error),
        }
        let bytes = schema.bytes();
        self.survey.tables = Some(schema.kept);
        bytes
    }

    /// Whether the connector is to begin with a snapshot.
    fn takes_snapshot(&self) -> bool {
        self.options.start == Start::Snapshot && self.wanted.from.is_none()
    }

    /// What of the tables that the rules publish a snapshot would not copy.
    async fn copied(&mut self, session: &mut Session, rules: &Rules, schema: &Schema) {
        const CHECK: &str = "snapshot";
        let tables: Vec<_> = schema.seen.tables.iter().map(|(table, _)| table).collect();
        match Sight::of(session, rules, &tables).await {
            Ok(sight) => self.add_all(sight.findings()),
            Err(error) => self.not_asked(CHECK, "which tables a snapshot sees", &error),
        }
        match copy_rights::unfit(session, rules).await {
            Ok(finding) => self.survey.findings.extend(finding),
            Err(error) => self.not_asked(CHECK, "which engines tables have", &error),
        }
    }

    /// The rules that match nothing there, and whether anything is published at all.
    fn rules(&mut self, rules: &Rules, schema: &Schema, sees_all: bool) {
        const CHECK: &str = "rules";
        if schema.kept.is_empty() {
            let what = "no table that the account sees is published";
            let finding = Finding::warning(CHECK, what);
            self.add(
                finding
                    .advice("ask rowtap explain about one of them, or wait until there are tables"),
            );
        } else {
            let what = format!("published tables: {}", schema.kept.len());
            self.add(Finding::ok(CHECK, what));
        }
        let seen = match sees_all {
            true => "is there",
            false => "is shown to the account",
        };
        for unmatched in rules.unmatched(&schema.seen) {
            let Unmatched { rule, table, place } = unmatched;
            let stops = table.is_some() && rules.columns().on_missing() == OnMissing::Stop;
            let text = format!("{} = \"{}\"", rule.key, rule.text);
            let what = match &table {
                Some(table) => format!(
                    "{text} matches no column of {table} that {seen}: correct or remove it, or set columns-missing = \"warn\""
                ),
                None => format!(
                    "{text} matches nothing that {seen}: correct or remove it, unless what it names is still to come"
                ),
            };
            let finding = with_fix(&what, |what| match (sees_all, stops) {
                (true, true) => Finding::fatal(CHECK, Class::Configuration, what),
                (true, false) => Finding::warning(CHECK, what),
                (false, _) => Finding::not_checked(CHECK, what),
            });
            let place = self.wanted.places.of(&rule).or(place.as_deref());
            self.add(match place {
                Some(place) => finding.at(place),
                None => finding,
            });
        }
    }

    /// What of the rules on columns and rows does not fit the tables, at which a stream would stop.
    fn misfits(&mut self, schema: &Schema, image: &str, style: SettingStyle) {
        const IMAGE: &str = "binlog_row_image";
        for (table, misfit) in &schema.misfits {
            self.add(match misfit {
                Misfit::Column(error) => {
                    let finding = with_fix(&error.to_string(), |what| {
                        Finding::fatal("rules", error.class(), what)
                    });
                    match error.rule().and_then(|rule| self.wanted.places.of(rule)) {
                        Some(place) => finding.at(place),
                        None => finding,
                    }
                }
                Misfit::Row(error) => {
                    let finding = with_fix(&error.to_string(), |what| {
                        Finding::fatal("rules", error.class(), what)
                    });
                    match &error.place {
                        Some(place) => finding.at(&**place),
                        None => finding,
                    }
                }
                Misfit::Image { column } => {
                    let what = format!(
                        "a condition on rows of {table} asks for column {column}, which updates and deletes lack with \
                         binlog_row_image = {image}: the connector stops at the first whose condition depends on it"
                    );
                    let finding = Finding::fatal(IMAGE, Class::Refused, what);
                    style.set(finding, IMAGE, "FULL")
                }
                Misfit::Unknown(error) => Finding::not_checked(
                    "rules",
                    format!("whether the rules on columns and rows fit {table}: {}", one_line(error)),
                ),
            });
        }
    }

    /// For how many seconds the source has not written to the checkpoint's file any more.
    async fn behind_s(&mut self, session: &mut Session) -> u64 {
        let Some(from) = self.wanted.from else {
            return 0;
        };
        let Ok(files) = statements::log_files(session).await else {
            return 0;
        };
        let at = files
            .iter()
            .position(|file| *file.name == *from.coordinates.file);
        let Some(next) = at.and_then(|at| files.get(at + 1)) else {
            return 0;
        };
        let top = Coordinates::new(next.name.clone(), FIRST_POSITION);
        let Ok(prefix) = walk::prefix(self.options, &top).await else {
            return 0;
        };
        let now_s = now_us() / 1_000_000;
        u64::try_from(now_s - i64::from(prefix.begun)).unwrap_or(0)
    }

    /// Where the stream begins; the last question, for it takes the session.
    async fn start(&mut self, session: Session, facts: SourceFacts, style: SettingStyle) {
        let from = self.wanted.from;
        let address = self.options.address();
        let begins = async {
            let mut checked = Checked::of(session, facts, self.options, self.identity).await;
            if let Some(from) = from
                && let Relation::Lacks(lack) = checked.relation_to(from).await?
            {
                return Err(lack.refusal(&address, true));
            }
            checked.resolve(from.cloned()).await
        };
        match begins.await {
            Ok(resolved) => {
                let at = &resolved.checkpoint.coordinates;
                let what = match from {
                    Some(_) => format!("the stream goes on at {at}"),
                    None => format!("the stream begins at {at}"),
                };
                self.add(Finding::ok("start", what));
            }
            Err(error) => self.add_all(remedy::findings(&error, style)),
        }
    }
}

/// What is to be said of the clocks, of which this machine's is ahead by so many seconds.
fn clock(ahead_s: i64) -> Finding {
    const CHECK: &str = "clock";
    let apart_s = ahead_s.unsigned_abs();
    if apart_s <= CLOCK_AHEAD_MAX_S {
        let what = "the clocks of the source and of this machine agree";
        return Finding::ok(CHECK, what);
    }
    let way = match ahead_s {
        0.. => "ahead of",
        _behind => "behind",
    };
    let what = format!(
        "this machine's clock is {apart_s} s {way} the source's: what status and metrics say of the lag is off by as much"
    );
    Finding::warning(CHECK, what).advice("let NTP set the clocks of both machines")
}

/// A finding of a message whose last clause is the fix.
fn with_fix(message: &str, finding: impl FnOnce(&str) -> Finding) -> Finding {
    match message.rsplit_once(": ") {
        Some((what, fix)) => finding(what).advice(fix),
        None => finding(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_are_told_with_the_way() {
        for (ahead_s, expected) in [
            (0, "agree"),
            (-2, "agree"),
            (3, "3 s ahead of the source's"),
            (-90, "90 s behind the source's"),
        ] {
            let found = clock(ahead_s);
            assert!(found.what.contains(expected), "{found:?}");
            let is_warning = found.severity == Severity::Warning;
            assert_eq!(is_warning, ahead_s.abs() > 2, "{found:?}");
        }
    }
}
