//! The tables that gh-ost and pt-online-schema-change work with while they change another table.
//!
//! | tool | table | what it is |
//! |---|---|---|
//! | gh-ost | `_t_gho` | the copy that takes the place of `t` |
//! | gh-ost | `_t_ghc` | its changelog |
//! | gh-ost | `_t_del` | `t` as it was, and the sentry of the cut-over |
//! | pt-online-schema-change | `_t_new` | the copy that takes the place of `t` |
//! | pt-online-schema-change | `_t_old` | `t` as it was |
//!
//! pt-online-schema-change puts more underscores before a name that is taken, and gh-ost a time before `del` where it is
//! asked to (`_t_20261121064000_del`). See "Shadow tables" in gh-ost's documentation and `--new-table-name` in Percona's.

const PREFIX: char = '_';
const SUFFIXES: [&str; 5] = ["_gho", "_ghc", "_del", "_new", "_old"];

/// Whether a table's name is one that these tools give to a table beside another one: an underscore, the other's name and
/// one of their endings. Case counts, as in their names.
pub fn is_shadow_table(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    SUFFIXES
        .iter()
        .filter_map(|suffix| rest.strip_suffix(suffix))
        .any(|base| base.contains(|letter| letter != PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_around_another_name_are_shadow_tables() {
        for (name, expected) in [
            ("_t_gho", true),
            ("_t_ghc", true),
            ("_t_del", true),
            ("_t_new", true),
            ("_t_old", true),
            ("__t_old", true),
            ("__________t_new", true),
            ("_t_20261121064000_del", true),
            ("_über_gho", true),
            ("_a_b_new", true),
            ("_old", false),
            ("__old", false),
            ("___old", false),
            ("_new", false),
            ("t_old", false),
            ("t_gho", false),
            ("_t_OLD", false),
            ("_told", false),
            ("_t_old2", false),
            ("_t", false),
            ("_", false),
            ("", false),
        ] {
            assert_eq!(is_shadow_table(name), expected, "{name:?}");
        }
    }
}
