//! Mistakes in rules that their file alone tells, each with what to write instead.

use crate::commands::process::Folder;

pub const HEAD: &str =
    "state_dir = '{dir}/state'\n[source]\nhost = '127.0.0.1'\nport = 1\nuser = 'u'\n[filter]\n";
const BLACKHOLE: &str = "\n[sink]\ntype = 'blackhole'\n";

/// What `validate` says of a file with this filter and sink.
pub fn validated(filter: &str, sink: &str) -> (Option<i32>, String) {
    let folder = Folder::new(&format!("{HEAD}{filter}{sink}"));
    let ended = folder.run(&["validate", "shop.toml"]);
    (ended.code, format!("{}{}", ended.stdout, ended.stderr))
}

#[test]
fn a_mistake_is_called_by_its_key_and_told_with_its_fix() {
    let hash =
        |salt: &str| format!("columns-hash = [{{ columns = 'a\\.b\\.c', salt_file = '{salt}' }}]");
    let rows =
        |condition: &str| format!("[[filter.rows]]\ntables = 'a\\.b'\nwhere = \"{condition}\"");
    for (filter, parts) in [
        (
            hash("/tmp"),
            &["shop.toml:7:", "is no regular file, name a file"][..],
        ),
        (hash("/dev/null"), &["is no regular file"]),
        (
            hash("/none/here"),
            &["cannot be read", "name a file that this account may read"],
        ),
        (
            rows("a = "),
            &["shop.toml:9:", "where = \"a = \" is no condition"],
        ),
        (
            rows("a collate nosuch_ci = 'b'"),
            &[
                "shop.toml:9:",
                "no collation is named nosuch_ci",
                "utf8mb4_bin",
            ],
        ),
        (
            rows("n > 1 or not (a collate nosuch_ci like 'b%')"),
            &["no collation is named nosuch_ci"],
        ),
        (
            "[filter.rows]\ntables = 'a\\.b'\nwhere = 'n = 1'".to_owned(),
            &["write [[filter.rows]]"],
        ),
        (
            "tables-include = []".to_owned(),
            &[
                "shop.toml:7:",
                "tables-include",
                "is an empty list",
                "take the key out",
            ],
        ),
        (
            "columns_include = []".to_owned(),
            &["columns_include", "is an empty list"],
        ),
        (
            "replicate-do-db = []".to_owned(),
            &["replicate-do-db", "is an empty list"],
        ),
    ] {
        let (code, told) = validated(&filter, BLACKHOLE);
        assert_eq!(code, Some(78), "{filter}: {told}");
        for part in parts {
            assert!(told.contains(part), "{filter}: {part} is not in {told}");
        }
        assert!(!told.contains("rows = \"a"), "{told}");
        assert!(!told.contains("chmod"), "{told}");
    }
    for filter in ["tables-exclude = []", "columns-exclude = []"] {
        let (code, told) = validated(filter, BLACKHOLE);
        assert_eq!(code, Some(0), "{told}");
    }
    let (code, told) = validated(&rows("a collate utf8mb4_0900_ai_ci = 'b'"), BLACKHOLE);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn misspelt_keys_and_sections_are_told_with_what_to_write() {
    let hash = "columns-hash = [{ columns = 'a\\.b\\.c', salt_fil = 'x' }]";
    let (_, told) = validated(hash, BLACKHOLE);
    let keys = "expected one of columns, salt, salt_file, hmac_key, hmac_key_file; did you mean salt_file?";
    assert!(told.contains(keys), "{told}");
    let twice = HEAD.replace("[filter]", "[[filter]]") + "tables-exclude = 'a\\.b'" + BLACKHOLE;
    let ended = Folder::new(&twice).run(&["validate", "shop.toml"]);
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        told.contains("filter: is a list of tables, expected one table: write [filter]"),
        "{told}"
    );
    assert!(told.contains("1 problem,"), "{told}");
}

#[test]
fn statements_on_databases_are_explained_with_the_database_that_they_are_about() {
    let folder = Folder::new(&format!(
        "{HEAD}ddl-filter = 'as_mysqld'\nreplicate-do-db = 'shop'{BLACKHOLE}"
    ));
    for (statement, expected) in [
        ("DROP DATABASE shop", "published"),
        ("CREATE DATABASE shop", "published"),
        ("DROP DATABASE other", "filtered"),
    ] {
        let asked = ["explain", "shop.toml", "--statement", statement];
        let told = folder.succeeds(&asked).stdout;
        let expected = format!("{statement}: {expected}\n");
        assert!(told.starts_with(&expected), "{told}");
    }
    let asked = ["explain", "shop.toml", "--table", "shop.t", "--column", "c"];
    let told = folder.succeeds(&asked).stdout;
    assert!(
        told.contains("the columns of the table are not known here"),
        "{told}"
    );
}

#[test]
fn a_table_of_which_nothing_is_left_is_told_where_it_is_made() {
    let folder = Folder::new(&format!(
        "{HEAD}columns-include = ['shop\\.people\\.(id|name)', 'shop\\.(pets|cats)\\..*']{BLACKHOLE}"
    ));
    for (table, is_told) in [("folk", true), ("people", false), ("Pets", false)] {
        let statement = format!("create table {table} as select * from others");
        let asked = [
            "explain",
            "shop.toml",
            "--database",
            "shop",
            "--statement",
            &statement,
        ];
        let told = folder.succeeds(&asked).stdout;
        assert!(told.contains(": published"), "{told}");
        let expected = "the rules on columns leave nothing of shop.folk";
        assert_eq!(told.contains(expected), is_told, "{told}");
        assert_eq!(told.contains("leave nothing"), is_told, "{told}");
    }
}
