//! What a connector's configuration says, as SHOW REPLICA STATUS names it.

use crate::pipeline::Connector;
use crate::source::{ServerOptions, SourceOptions};

/// What a connector's configuration says, under the field names of SHOW REPLICA STATUS.
pub fn facts(connector: &Connector) -> Vec<(&'static str, String)> {
    let mut facts = match &connector.source {
        SourceOptions::Server(server) => server_facts(server),
        SourceOptions::Files(files) => {
            let named = files.index.iter().chain(&files.files);
            let named: Vec<String> = named.map(|path| path.display().to_string()).collect();
            vec![("Source_Files", named.join(","))]
        }
    };
    let filter = &connector.filter;
    for (name, rules) in [
        ("Replicate_Do_DB", &filter.replicate_do_db),
        ("Replicate_Ignore_DB", &filter.replicate_ignore_db),
        ("Replicate_Do_Table", &filter.replicate_do_table),
        ("Replicate_Ignore_Table", &filter.replicate_ignore_table),
        ("Replicate_Wild_Do_Table", &filter.replicate_wild_do_table),
        (
            "Replicate_Wild_Ignore_Table",
            &filter.replicate_wild_ignore_table,
        ),
        ("Replicate_Rewrite_DB", &filter.replicate_rewrite_db),
    ] {
        facts.push((name, rules.join(",")));
    }
    facts
}

fn server_facts(server: &ServerOptions) -> Vec<(&'static str, String)> {
    let retry = server.source_connect_retry.as_secs();
    let (host, port) = match &*server.hosts {
        // As a server says of a client that came through its socket.
        [] if server.socket.is_some() => ("localhost".to_owned(), String::new()),
        [] => (server.host.clone(), server.port.to_string()),
        // Each with its port: which of them is the source may change while it runs.
        hosts => {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            (hosts.join(","), String::new())
        }
    };
    let ids = |ids: &[u32]| {
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        texts.join(",")
    };
    vec![
        ("Source_Host", host),
        ("Source_User", server.user.clone()),
        ("Source_Port", port),
        ("Connect_Retry", retry.to_string()),
        ("Source_Retry_Count", server.source_retry_count.to_string()),
        ("SQL_Delay", server.source_delay.as_secs().to_string()),
        (
            "Replicate_Ignore_Server_Ids",
            ids(&server.ignore_server_ids),
        ),
        ("Replicate_Do_Domain_Ids", ids(&server.do_domain_ids)),
        (
            "Replicate_Ignore_Domain_Ids",
            ids(&server.ignore_domain_ids),
        ),
    ]
}
