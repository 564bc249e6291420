//! Conditions read, refused and judged.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::mysql::Flavour;
use crate::row::{Cell, Charset, Column, ColumnType};

fn column(name: &str, kind: ColumnType) -> Column {
    Column {
        name: name.into(),
        kind,
        nullable: true,
        computed: None,
        declared: None,
        default: None,
        comment: None,
    }
}

fn columns() -> Vec<Column> {
    let text = ColumnType::Text {
        prefix: 1,
        charset: Charset::Utf8,
    };
    let labels: Box<[Box<str>]> = ["new".into(), "paid".into()].into();
    vec![
        column(
            "id",
            ColumnType::Integer {
                width: 4,
                unsigned: false,
            },
        ),
        column(
            "Total",
            ColumnType::Decimal {
                precision: 6,
                scale: 2,
            },
        ),
        column("name", text),
        column(
            "status",
            ColumnType::Enum {
                width: 1,
                labels: labels.into(),
            },
        ),
        column("at", ColumnType::Timestamp { fsp: 0 }),
        column("on", ColumnType::Json { prefix: 4 }),
        column("ratio", ColumnType::Double),
        column("y", ColumnType::Year),
    ]
}

fn compile(text: &str) -> Result<Condition, String> {
    let expression = Expression::parse(text).map_err(|mistakes| mistakes[0].to_string())?;
    let columns = columns();
    let mut collations = vec![None; columns.len()];
    collations[2] = Some(45);
    let table = TestedTable {
        columns: &columns,
        hidden: &[],
        collations: &collations,
        flavour: Flavour::MySql,
        lacks_are_null: false,
    };
    expression
        .compile(&table)
        .map_err(|error| error.to_string())
}

/// The cells of a row with the bytes of each value, `None` for NULL.
fn judge(text: &str, values: &[Option<&[u8]>]) -> Truth {
    let condition = compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut body = Vec::new();
    let columns = columns();
    let cells = columns
        .iter()
        .enumerate()
        .map(|(place, _)| match values.get(place) {
            None => Cell::Absent,
            Some(None) => Cell::Null,
            Some(Some(bytes)) => {
                let start = body.len();
                body.extend_from_slice(bytes);
                Cell::Value {
                    start,
                    end: body.len(),
                }
            }
        });
    let cells: Vec<Cell> = cells.collect();
    let row = Judging {
        body: &body,
        cells: &cells,
        base: &[],
    };
    condition
        .judge(&row, &mut String::new())
        .expect("a judgement")
}

const SEVEN: &[u8] = &[7, 0, 0, 0];
/// 10.50 as DECIMAL(6,2).
const TEN_AND_A_HALF: &[u8] = &[0x80, 10, 50];

#[test]
fn conditions_are_judged_as_sql_has_it() {
    let row = [
        Some(SEVEN),
        Some(TEN_AND_A_HALF),
        Some(&b"Straub"[..]),
        Some(&[2u8][..]),
        None,
    ];
    for (text, expected) in [
        ("id = 7", Truth::TRUE),
        ("ID=7 and `total` >= 10.50", Truth::TRUE),
        ("total = 10.5", Truth::TRUE),
        ("total = 10.505", Truth::FALSE),
        ("total < 10.505 and total > 10.495", Truth::TRUE),
        ("total > -0.001", Truth::TRUE),
        ("total < 100000", Truth::TRUE),
        ("id < 7.5 and 6.5 < id", Truth::TRUE),
        (
            "id < 99999999999999999999999999999999999999999999",
            Truth::TRUE,
        ),
        ("name = 'STRAUB  '", Truth::TRUE),
        ("name collate utf8mb4_bin = 'STRAUB'", Truth::FALSE),
        ("name like '%ra_b'", Truth::TRUE),
        ("status = 'paid'", Truth::TRUE),
        ("status in ('new')", Truth::FALSE),
        ("at is null", Truth::TRUE),
        ("at > '2024-01-01 00:00:00'", Truth::NULL),
        ("not at > '2024-01-01 00:00:00'", Truth::NULL),
        ("at > '2024-01-01' or id = 7", Truth::TRUE),
        ("at > '2024-01-01' and id = 8", Truth::FALSE),
        ("id in (1, null)", Truth::NULL),
        ("id in (7, null)", Truth::TRUE),
        ("id not in (1, null)", Truth::NULL),
        ("id between 5 and 9", Truth::TRUE),
        ("id not between 5 and 9", Truth::FALSE),
        ("id = 1 or id = 2 and id = 7 or id = 7", Truth::TRUE),
        ("not id = 1 and id = 7", Truth::TRUE),
        ("not (id = 7 or id = 8)", Truth::FALSE),
        ("7 = id", Truth::TRUE),
    ] {
        assert_eq!(judge(text, &row), expected, "{text}");
    }
}

#[test]
fn what_is_not_in_the_image_leaves_open_what_depends_on_it() {
    let row = [Some(SEVEN)];
    for (text, keeps) in [
        ("id = 7", Some(true)),
        ("name = 'a'", None),
        ("id = 8 and name = 'a'", Some(false)),
        ("id = 7 or name = 'a'", Some(true)),
        ("id = 7 and name = 'a'", None),
        ("name is null", None),
        ("not (id = 7 or name = 'a')", Some(false)),
    ] {
        assert_eq!(judge(text, &row).keeps(), keeps, "{text}");
    }
}

fn check_refused(text: &str, parts: &[&str]) {
    let shown: String = text.chars().take(40).collect();
    let error = compile(text).err();
    let error = error.unwrap_or_else(|| panic!("{shown} was taken"));
    for part in parts {
        assert!(error.contains(part), "{shown}: {error}");
    }
}

#[test]
fn mistakes_in_the_text_are_told_with_their_place_and_fix() {
    let long = format!("id = {}", "1".repeat(1 << 20));
    let deep = format!("{}id = 1{}", "(".repeat(5000), ")".repeat(5000));
    let nots = format!("{}id = 1", "not ".repeat(5000));
    for (text, parts) in [
        (
            "",
            &["at character 1", "found the end, expected a column"][..],
        ),
        ("id", &["at character 3", "expected a comparison"]),
        ("id = ", &["at character 6", "expected a literal"]),
        (
            "id = 1 id = 2",
            &["at character 8", "expected and, or, or the end"],
        ),
        (
            "id = total",
            &["at character 6", "found total", "a literal"],
        ),
        ("id = null", &["write is null"]),
        ("id == 1", &["at character 5"]),
        ("id <=> 1", &["<=>"]),
        ("id = \"1\"", &["at character 6", "single quotes"]),
        ("id = '1", &["at character 6", "not closed"]),
        ("id = 1x", &["1x is no number"]),
        ("id = 1..2", &["no number"]),
        ("(id = 1", &["found the end, expected )"]),
        ("id in ()", &["expected a literal"]),
        ("id = x'1'", &["at character 6", "pairs of hexadecimal"]),
        ("name like 'a\\'", &["ends in a backslash"]),
        ("id = 1; drop table t", &["at character 7", "found ;"]),
        (&long, &["1048581 bytes of at most 65536"]),
        (&deep, &["more than 100 brackets"]),
        (&nots, &["more than 100 brackets"]),
    ] {
        check_refused(text, parts);
    }
}

#[test]
fn what_does_not_fit_the_table_is_told_with_its_type_and_fix() {
    for (text, parts) in [
        (
            "nix = 1",
            &["names column nix, which the table does not have"][..],
        ),
        (
            "id = '7'",
            &[
                "wrong type for column id, which is an integer",
                "found text in quotes, write a number",
            ],
        ),
        (
            "name = 7",
            &[
                "wrong type for column name, which is text",
                "found a number",
            ],
        ),
        ("id like '7'", &["like takes text"]),
        ("id = 1e3", &["exponent"]),
        ("total = 'a'", &["DECIMAL(6,2)"]),
        ("status = 'lost'", &["no label", "'new', 'paid'"]),
        ("status < 'paid'", &["only =, !=, in and is null"]),
        ("status = 1", &["ENUM"]),
        ("at > 'yesterday'", &["TIMESTAMP", "in UTC"]),
        ("at > '2024-02-30 00:00:00'", &["TIMESTAMP"]),
        ("`on` = 'a'", &["JSON", "only is null"]),
        ("y = 24", &["four digits"]),
        (
            "id collate utf8mb4_bin = 7",
            &["collate goes with text only"],
        ),
        (
            "name collate klingon = 'a'",
            &["no collation is named klingon"],
        ),
        (
            "name collate latin1_bin = 'a'",
            &["latin1_bin is of the character set latin1"],
        ),
        (
            "name collate utf8mb4_german2_ci = 'a'",
            &["does not order text by utf8mb4_german2_ci"],
        ),
    ] {
        check_refused(text, parts);
    }
    assert!(compile("`on` is not null").is_ok());
}

#[test]
fn timestamps_may_have_an_offset() {
    // 2024-03-31 01:30:00 UTC.
    let at = 1_711_848_600u32.to_be_bytes();
    let row = [None, None, None, None, Some(&at[..])];
    for text in [
        "at = '2024-03-31 01:30:00'",
        "at = '2024-03-31T01:30:00Z'",
        "at = '2024-03-31 03:30:00+02:00'",
        "at = '2024-03-30 20:00:00-05:30'",
        "at > '2024-03-31'",
        "at < '2024-03-31 01:30:00.000001'",
    ] {
        assert_eq!(judge(text, &row), Truth::TRUE, "{text}");
    }
}

/// What a truth may be, one by one.
fn singles(truth: Truth) -> Vec<Truth> {
    let all = [Truth::TRUE, Truth::FALSE, Truth::NULL];
    all.into_iter().filter(|one| truth.may_be(*one)).collect()
}

fn truths() -> impl Strategy<Value = Truth> {
    prop_oneof![
        Just(Truth::TRUE),
        Just(Truth::FALSE),
        Just(Truth::NULL),
        Just(Truth::OPEN),
        Just(Truth::OPEN_NOT_NULL)
    ]
}

proptest! {
    #[test]
    fn open_truths_are_all_that_their_parts_may_be(one in truths(), other in truths()) {
        let (mut and, mut or) = (Vec::new(), Vec::new());
        for a in singles(one) {
            for b in singles(other) {
                // The tables of SQL for what is known.
                let expected = if a == Truth::FALSE || b == Truth::FALSE {
                    Truth::FALSE
                } else if a == Truth::TRUE && b == Truth::TRUE {
                    Truth::TRUE
                } else {
                    Truth::NULL
                };
                prop_assert_eq!(a & b, expected);
                prop_assert_eq!(!(a & b), !a | !b);
                and.push(a & b);
                or.push(a | b);
            }
        }
        for known in [Truth::TRUE, Truth::FALSE, Truth::NULL] {
            prop_assert_eq!((one & other).may_be(known), and.contains(&known));
            prop_assert_eq!((one | other).may_be(known), or.contains(&known));
        }
        prop_assert_eq!(!!one, one);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = compile(&text);
    }

    #[test]
    fn words_in_any_order_are_read_or_refused(words in prop::collection::vec(prop_oneof![
        Just("id"), Just("name"), Just("total"), Just("="), Just("<"), Just("("), Just(")"), Just("and"), Just("or"),
        Just("not"), Just("in"), Just("is"), Just("null"), Just("like"), Just("between"), Just("1"), Just("-"),
        Just("'a'"), Just(","), Just("collate"), Just("utf8mb4_bin"), Just("x'00'")
    ], 0..30)) {
        let _ = compile(&words.join(" "));
    }

    #[test]
    fn integers_and_decimals_compare_as_numbers(value in -999_999i32..1_000_000, literal in -1_100_000i32..1_100_000, more in 0u8..10) {
        // value / 100 against literal / 100 with one more digit.
        let text = |hundredths: i32, more: &str| {
            let sign = if hundredths < 0 { "-" } else { "" };
            let all = hundredths.unsigned_abs();
            format!("{sign}{}.{:02}{more}", all / 100, all % 100)
        };
        let exact = i64::from(literal) * 10 + if literal < 0 { -i64::from(more) } else { i64::from(more) };
        let literal = text(literal, &more.to_string());
        let all = value.unsigned_abs();
        let mut bytes = [u8::try_from((all / 100) >> 8).unwrap(), ((all / 100) & 0xff) as u8, (all % 100) as u8];
        if value < 0 {
            bytes = bytes.map(|byte| !byte);
        }
        bytes[0] ^= 0x80;
        let row = [None, Some(&bytes[..])];
        for (sign, ordering) in [("<", std::cmp::Ordering::Less), ("=", std::cmp::Ordering::Equal), (">", std::cmp::Ordering::Greater)] {
            let found = judge(&format!("total {sign} {literal}"), &row);
            let holds = (i64::from(value) * 10).cmp(&exact) == ordering;
            prop_assert_eq!(found, Truth::of(holds), "{} {} {}", text(value, ""), sign, literal);
        }
    }
}
