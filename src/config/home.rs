//! Which section a key of a connector file belongs to, by the schema of such files, which a test holds against the options.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Option<Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../schemas/connector.schema.json")).ok()
});
/// The sections with the parts of the schema that list their keys.
const SECTIONS: [(&str, &[&str]); 4] = [
    ("source", &["source", "source_files"]),
    ("snapshot", &["snapshot"]),
    ("filter", &["filter"]),
    ("sink", &["kafka", "file", "stdout", "blackhole"]),
];

/// What to add to a message about a key that the section at `at` does not have, empty for the top of the file: where it belongs.
/// Allocates.
pub fn home(key: &str, at: &str) -> Option<String> {
    let schema = SCHEMA.as_ref()?;
    // Keys of rules may be spelled in two ways.
    let plain = |key: &str| key.replace('_', "-");
    let key = plain(key);
    let is_in = |keys: &Value| {
        let keys = keys.as_object();
        keys.is_some_and(|keys| keys.keys().any(|known| plain(known) == key))
    };
    let own = at.split('.').next().unwrap_or_default();
    let sections = SECTIONS.iter().filter(|(section, parts)| {
        let defined = |part: &&'static str| schema.get("$defs")?.get(*part);
        let mut parts = parts.iter().filter_map(defined);
        *section != own && parts.any(|part| part.get("properties").is_some_and(is_in))
    });
    let sections: Vec<String> = sections
        .map(|(section, _)| format!("[{section}]"))
        .collect();
    if !sections.is_empty() {
        return Some(format!("; it belongs in {}", sections.join(" or ")));
    }
    let is_of_file = !own.is_empty() && schema.get("properties").is_some_and(is_in);
    is_of_file.then(|| "; it belongs at the top of the file, before all sections".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_where_they_belong() {
        for (key, at, expected) in [
            ("replicate-do-db", "", Some("; it belongs in [filter]")),
            (
                "replicate_do_db",
                "source",
                Some("; it belongs in [filter]"),
            ),
            (
                "bootstrap_servers",
                "source",
                Some("; it belongs in [sink]"),
            ),
            ("format", "filter", Some("; it belongs in [sink]")),
            ("host", "sink", Some("; it belongs in [source]")),
            (
                "state_dir",
                "source",
                Some("; it belongs at the top of the file, before all sections"),
            ),
            (
                "lock_wait_max",
                "source",
                Some("; it belongs in [snapshot]"),
            ),
            ("columns-mask", "filter", None),
            ("nonsense", "", None),
        ] {
            assert_eq!(home(key, at).as_deref(), expected, "{key} in {at}");
        }
    }
}
