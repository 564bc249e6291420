//! Tests of the rules on columns.

use super::super::{FilterError, FilterOptions, Rules};
use super::{ColumnRuleError, ColumnVerdict};
use crate::mysql::Flavour;
use crate::row::{Charset, Column, ColumnTreatment, ColumnType, Replacement, Table, TableName};

fn options(text: &str) -> FilterOptions {
    toml::from_str(text).unwrap()
}

fn rules(text: &str) -> Rules {
    Rules::compile(&options(text), Flavour::MySql, 0).unwrap()
}

fn judged(rules: &Rules, column: &str) -> String {
    match rules
        .columns()
        .judge(&TableName::new("shop", "people"), column)
    {
        ColumnVerdict::Kept { .. } => "kept".to_owned(),
        ColumnVerdict::LeftOut { by: None } => "not included".to_owned(),
        ColumnVerdict::LeftOut { by: Some(rule) } | ColumnVerdict::Replaced { by: rule, .. } => {
            rule.to_string()
        }
    }
}

#[test]
fn what_hides_more_is_asked_first_and_the_first_listed_counts() {
    let rules = rules(
        r#"
        columns-exclude = 'shop\.people\.pass.*'
        columns-include = ['shop\.people\.(id|pass|mail|name|note|iban)']
        columns-truncate = [{ columns = 'shop\.people\.(note|name)', length = 3 }]
        columns-hash = [
            { columns = 'shop\.people\.(name|mail)', salt = 's' },
            { columns = 'shop\.people\.mai.', hmac_key = 'k' },
        ]
        columns-mask = [{ columns = 'shop\..*\.iban', with = '' }, { columns = '.*\.name', each = '*' }]
        "#,
    );
    for (column, expected) in [
        ("id", "kept"),
        ("ID", "kept"),
        ("password", r"columns-exclude=shop\.people\.pass.*"),
        ("PASS", r"columns-exclude=shop\.people\.pass.*"),
        ("address", "not included"),
        ("ids", "not included"),
        ("iban", r"columns-mask=shop\..*\.iban"),
        ("Name", r"columns-mask=.*\.name"),
        ("mail", r"columns-hash=shop\.people\.(name|mail)"),
        ("note", r"columns-truncate=shop\.people\.(note|name)"),
    ] {
        assert_eq!(judged(&rules, column), expected, "{column}");
    }
}

#[test]
fn a_rule_hides_more_than_those_that_leave_more_of_a_value() {
    let rules = rules(
        r#"
        columns-exclude = 'shop\.people\.out'
        columns-mask = [{ columns = 'shop\.people\.masked', with = '-' }]
        columns-hash = [{ columns = 'shop\.people\.hashed', salt = 's' }]
        columns-truncate = [
            { columns = 'shop\.people\.short', length = 3 },
            { columns = 'shop\.people\.long', length = 20 },
        ]
        "#,
    );
    let table = TableName::new("shop", "people");
    let columns = ["out", "masked", "hashed", "short", "long", "open"];
    // Those under which a value shows more; and those that may not be computed from it.
    for (column, weaker, showing) in [
        ("out", &columns[1..], &columns[3..]),
        ("masked", &columns[3..], &columns[3..]),
        ("hashed", &columns[3..], &columns[3..]),
        ("short", &columns[4..], &columns[3..]),
        ("long", &columns[5..], &columns[3..]),
        ("open", &[], &[]),
    ] {
        let verdict = rules.columns().judge(&table, column);
        let found = columns.map(|other| {
            let other = rules.columns().judge(&table, other);
            (
                verdict.hides_more_than(&other),
                verdict.hides_more_than_computed(&other),
            )
        });
        let expected = columns.map(|other| (weaker.contains(&other), showing.contains(&other)));
        assert_eq!(found, expected, "{column}");
    }
}

#[test]
fn each_mistake_is_told_with_its_fix() {
    for (text, fragments) in [
        (
            "columns-exclude = ''",
            &["columns-exclude", "empty expression"][..],
        ),
        (
            "columns-include = '('",
            &["columns-include", "unclosed group"],
        ),
        (
            r"columns-exclude = 'a\.b\.(?!c).*'",
            &["looks around", "columns-exclude"],
        ),
        (
            "columns-mask = [{ columns = 'a\\.b\\.c' }]",
            &["give with = "],
        ),
        (
            "columns-mask = [{ columns = 'a\\.b\\.c', with = 'x', each = '*' }]",
            &["both with and each"],
        ),
        (
            "columns-mask = [{ columns = 'a\\.b\\.c', each = '**' }]",
            &["not one character"],
        ),
        (
            "columns-hash = [{ columns = 'a\\.b\\.c' }]",
            &["no salt", "salt_file"],
        ),
        (
            "columns-hash = [{ columns = 'a\\.b\\.c', salt = '' }]",
            &["empty salt"],
        ),
        (
            "columns-hash = [{ columns = 'a\\.b\\.c', hmac_key = '' }]",
            &["empty hmac_key"],
        ),
        (
            "columns-hash = [{ columns = 'a\\.b\\.c', salt = 'never-shown', hmac_key = 'never-shown' }]",
            &["both salt and hmac_key"],
        ),
        (
            "columns-mask = [{ columns = 'a\\.b\\.c', with = 'x' }]\ncolumns-truncate = [{ columns = 'a\\.b\\.c', length = 1 }]",
            &["columns-truncate", "a rule of columns-mask too"],
        ),
    ] {
        let mistakes = Rules::mistakes(&options(text));
        let [mistake] = &mistakes[..] else {
            panic!("{text}: {mistakes:?}");
        };
        let told = mistake.to_string();
        for fragment in fragments {
            assert!(told.contains(fragment), "{text}: {told}");
        }
        assert!(
            !format!("{mistake:?}{told}").contains("never-shown"),
            "{told}"
        );
        let compiled = Rules::compile(&options(text), Flavour::MySql, 0);
        assert_eq!(compiled.err().as_ref(), Some(mistake));
    }
}

#[test]
fn mistakes_are_told_together_and_without_secrets() {
    let several = options("columns-hash = [{ columns = '(' }]\ncolumns-exclude = ['[', '.*a']");
    let keys: Vec<_> = Rules::mistakes(&several)
        .iter()
        .map(FilterError::key)
        .collect();
    assert_eq!(keys, ["columns-exclude", "columns-hash", "columns-hash"]);
    let hidden = options("columns-hash = [{ columns = 'a\\.b\\.c', salt = 'hidden' }]");
    assert!(!format!("{hidden:?}").contains("hidden"));
}

fn table(key: &[usize]) -> Table {
    let column = |name: &str, kind| Column {
        name: name.into(),
        kind,
        nullable: true,
        computed: None,
        declared: None,
        default: None,
        comment: None,
    };
    let number = ColumnType::Integer {
        width: 4,
        unsigned: false,
    };
    let text = ColumnType::Text {
        prefix: 1,
        charset: Charset::Ascii,
    };
    let columns = vec![
        column("id", number),
        column("name", text.clone()),
        column("secret", text),
    ];
    Table::new(TableName::new("shop", "people"), columns, key.to_vec())
}

fn treated(text: &str, table: Table) -> Result<Table, ColumnRuleError> {
    rules(text).columns().treat(table)
}

#[test]
fn a_table_gets_the_types_of_what_replaces_its_values() {
    let text = "columns-exclude = '.*secret'\ncolumns-hash = [{ columns = '.*id', salt = 's' }]\n\
                columns-truncate = [{ columns = '.*name', length = 2 }]";
    let table_of = table(&[0]);
    let spans = table_of.spans().to_vec();
    let found = treated(text, table_of.clone()).unwrap();
    assert_eq!(found.spans(), spans);
    let treatment = found.treatment().unwrap().columns();
    assert!(matches!(
        treatment,
        [
            ColumnTreatment::Replaced {
                by: Replacement::Digest(_),
                ..
            },
            ColumnTreatment::Replaced {
                by: Replacement::Start(2),
                ..
            },
            ColumnTreatment::LeftOut
        ]
    ));
    assert_eq!(
        found.columns[0].kind,
        ColumnType::Text {
            prefix: 4,
            charset: Charset::Utf8
        }
    );
    assert_eq!(found.image_kind(0), Some(&table_of.columns[0].kind));
    assert_eq!(found.columns[1].kind, table_of.columns[1].kind);
    assert!(found.publishes(0) && !found.publishes(2));
    let other = treated("columns-exclude = 'shop\\.orders\\..*'", table(&[0])).unwrap();
    assert_eq!(other.treatment(), None);
}

#[test]
fn rules_that_do_not_fit_a_table_are_refused() {
    for (text, key, fragments) in [
        (
            "columns-exclude = '.*id'",
            &[0][..],
            &["leaves out id", "part of the key of shop.people"][..],
        ),
        (
            "columns-mask = [{ columns = '.*id', with = 'x' }]",
            &[0],
            &["masks id", "columns-hash"],
        ),
        (
            "columns-truncate = [{ columns = '.*name', length = 1 }]",
            &[0, 1],
            &["truncates name"],
        ),
        ("columns-include = '.*name'", &[0], &["matches id"]),
        (
            "columns-include = 'shop\\.orders\\..*'",
            &[],
            &["leave nothing of shop.people"],
        ),
        (
            "columns-include = '.*'\ncolumns-exclude = ['shop\\.pets\\..*', 'shop\\.people\\..*']",
            &[],
            &[
                "leave nothing of shop.people, columns-exclude=shop\\.people\\..* leaves out",
                "leave one of its columns",
            ],
        ),
        (
            "columns-truncate = [{ columns = '.*id', length = 1 }]",
            &[],
            &["no CHAR, VARCHAR or TEXT"],
        ),
    ] {
        let error = treated(text, table(key)).unwrap_err();
        for fragment in fragments {
            assert!(error.to_string().contains(fragment), "{text}: {error}");
        }
        assert_eq!(error.class().exit_code(), 78);
    }
}

#[test]
fn a_rule_may_mean_columns_without_names_unless_it_begins_otherwise() {
    for (rule, may) in [
        (r"shop\.people\.mail", true),
        (r"SHOP\.People\.mail", true),
        (r"shop\..*\.mail", true),
        (r".*", true),
        (r"shop\.peoples\.mail", false),
        (r"shop\.peopl\.mail", false),
        (r"other\..*", false),
        (r"other\..*|shop\..*", true),
        (r"others?\..*", false),
        (r"sh?\..*", true),
        (r"x?shop\.people\.mail", true),
        (r"\wther\..*", true),
        (r"(?i)other\..*", true),
    ] {
        let text = format!("columns-exclude = '{rule}'");
        let mut table = table(&[]);
        table.is_undefined = true;
        for (number, column) in table.columns.iter_mut().enumerate() {
            column.name = format!("@{}", number + 1).into();
        }
        let found = treated(&text, table);
        let is_refused = matches!(found, Err(ColumnRuleError::Unnamed { .. }));
        assert_eq!(is_refused, may, "{rule}: {found:?}");
    }
}

#[test]
fn a_rule_that_has_lost_its_column_is_found() {
    let rules = rules(
        "columns-exclude = ['shop\\.people\\.mail', '.*\\.phone', 'shop\\.other\\.x', 'shop\\.pe.*\\.y']",
    );
    let rules = rules.columns();
    let table = TableName::new("shop", "people");
    let texts = |rules: Vec<&super::super::Rule>| -> Vec<String> {
        rules.iter().map(|rule| rule.text.to_string()).collect()
    };
    let before = rules.matches(&table, ["id", "MAIL", "phone"]);
    let now = rules.matches(&table, ["id", "phone"]);
    assert_eq!(
        texts(rules.lost(Some(&before), &now)),
        [r"shop\.people\.mail"]
    );
    assert!(rules.lost(Some(&now), &before).is_empty());
    assert!(rules.lost(None, &now).is_empty());
    assert_eq!(texts(rules.naming(&table, &now)), [r"shop\.people\.mail"]);
    assert!(rules.naming(&table, &before).is_empty());
}

#[test]
fn a_mask_that_shows_how_long_values_are_hides_less_than_another() {
    let rules = rules(
        "columns-mask = [{ columns = 'a\\.b\\.whole', with = '#' }, { columns = 'a\\.b\\.letters', each = '#' }]
        columns-truncate = [{ columns = 'a\\.b\\.start', length = 1 }]",
    );
    let table = TableName::new("a", "b");
    let order = ["whole", "letters", "start", "open"];
    for (place, before) in order.iter().enumerate() {
        for (other, after) in order.iter().enumerate() {
            let renamed = rules
                .columns()
                .refuse_renaming((&table, before), (&table, after));
            assert_eq!(renamed.is_err(), other > place, "{before} {after}");
        }
    }
}
