//! A connector that stops for want of a definition, and the command that it prints against it.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::checker::{Connector, Ended};
use crate::support::{Flavour, Server};

const OUTPUT: &str = "output";
const ONCE_MAX: Duration = Duration::from_secs(300);

/// What a server writes into its binlog by default.
pub fn default_metadata(flavour: Flavour) -> &'static [&'static str] {
    match flavour {
        Flavour::MySql57 => &[],
        Flavour::MySql80 | Flavour::MySql97 => &["--binlog-row-metadata=MINIMAL"],
        Flavour::MariaDb1011 | Flavour::MariaDb118 => &["--binlog-row-metadata=NO_LOG"],
    }
}

/// A connector to files; `start` as in its file.
#[track_caller]
pub fn connector(server: &Server, user: &str, start: &str) -> Connector {
    connector_with(server, user, start, "")
}

/// The same with more in front of its sections.
#[track_caller]
pub fn connector_with(server: &Server, user: &str, start: &str, top: &str) -> Connector {
    connector_of(server, user, start, (top, "", ""))
}

/// The same with more keys of the source, and more sections.
#[track_caller]
pub fn connector_with_source(
    server: &Server,
    user: &str,
    start: &str,
    keys: &str,
    sections: &str,
) -> Connector {
    connector_of(server, user, start, ("", keys, sections))
}

#[track_caller]
fn connector_of(
    server: &Server,
    user: &str,
    start: &str,
    (top, keys, sections): (&str, &str, &str),
) -> Connector {
    let port = server.port();
    // This build knows no key exchange that is still spoken.
    let tls = match server.flavour() {
        Flavour::MySql80 => "tls = { mode = 'disabled' }\n",
        Flavour::MySql57 | Flavour::MySql97 | Flavour::MariaDb1011 | Flavour::MariaDb118 => "",
    };
    Connector::new(|folder: &Path| {
        format!(
            "checkpoint_interval = '100ms'\n{top}\n\
             [source]\nhost = '127.0.0.1'\nport = {port}\nuser = '{user}'\nstart = {start}\n\
             source_retry_count = 0\nsource_connect_retry = '1s'\n{tls}{keys}\
             {sections}\
             [sink]\ntype = 'file'\nfolder = '{}'\nrotate_bytes = '2MB'\n",
            folder.join(OUTPUT).display()
        )
    })
}

/// A start at the place that the server writes to next.
#[track_caller]
pub fn from_here(server: &Server) -> String {
    let (file, position) = server.coordinates();
    format!("{{ file = '{file}', position = {position} }}")
}

/// A start at the place that the server writes to next, on a server that keeps no file from before it.
#[track_caller]
pub fn from_here_on(server: &Server) -> String {
    server.execute("FLUSH BINARY LOGS");
    server.purge_to(&server.coordinates().0);
    from_here(server)
}

/// Runs to the source's end.
#[track_caller]
pub fn once(connector: &Connector) -> Ended {
    connector.run_once(ONCE_MAX)
}

/// The same, and fails at once if the source has died.
#[track_caller]
pub fn once_beside(connector: &Connector, server: &Server) -> Ended {
    connector.run_once_beside(server, ONCE_MAX)
}

/// Runs to the source's end, which has to be reached.
#[track_caller]
pub fn succeeds(connector: &Connector) {
    let ended = once(connector);
    assert!(ended.status.success(), "{}", ended.log);
}

/// Runs, which has to fail for want of trust in its data, with a last word that holds all of these.
#[track_caller]
pub fn fails(connector: &Connector, fragments: &[&str]) -> Ended {
    let ended = once(connector);
    assert_eq!(ended.status.code(), Some(65), "{}", ended.log);
    let word = ended.log.lines().last().unwrap_or_default();
    for fragment in fragments {
        assert!(word.contains(fragment), "'{fragment}' is not in: {word}");
    }
    ended
}

/// The row images behind each change of a table, as JSON.
#[track_caller]
pub fn rows(connector: &Connector, table: &str) -> Vec<String> {
    let changes = super::changes::lines(&connector.folder().join(OUTPUT), "changes-");
    let of_table = changes
        .iter()
        .filter(|change| change["source"]["table"] == table);
    of_table.map(|change| change["after"].to_string()).collect()
}

/// The tables and the places that a stopped connector wants definitions for, from the commands that it prints; the first is
/// what it stopped at.
pub fn wanted_all(log: &str) -> Vec<(String, String)> {
    let word = log.lines().last().unwrap_or_default();
    let commands = word
        .split("`rowtap definitions checked.toml --table ")
        .skip(1);
    let wanted = commands.filter_map(|command| {
        let (table, rest) = command.split_once(" --at ")?;
        let (at, _) = rest.split_once(" --define ")?;
        Some((table.to_owned(), at.to_owned()))
    });
    wanted.collect()
}

/// The tables and the places that a stopped connector wants engines for, from the commands that it prints.
pub fn wanted_engines(log: &str) -> Vec<(String, String)> {
    let word = log.lines().last().unwrap_or_default();
    let commands = word
        .split("`rowtap definitions checked.toml --table ")
        .skip(1);
    let wanted = commands.filter_map(|command| {
        let (table, rest) = command.split_once(" --at ")?;
        let (at, _) = rest.split_once(" --engine ")?;
        Some((table.to_owned(), at.to_owned()))
    });
    wanted.collect()
}

/// The table and the place that a stopped connector wants a definition for first.
pub fn wanted(log: &str) -> Option<(String, String)> {
    wanted_all(log).into_iter().next()
}

/// What becomes of the printed command with a definition in its place.
pub fn tell(connector: &Connector, table: &str, at: &str, definition: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(["definitions", "checked.toml", "--table", table])
        .args(["--at", at, "--define", definition])
        .current_dir(connector.folder())
        .output()
        .expect("the binary starts")
}

/// Runs the printed command with a definition in its place.
#[track_caller]
pub fn define(connector: &Connector, table: &str, at: &str, definition: &str) {
    let output = tell(connector, table, at, definition);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains(&format!("the group that ends at {at}:")) && told.contains("compares"),
        "{told}"
    );
}
