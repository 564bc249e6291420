//! JSON, geometries, vectors and MariaDB's addresses, for the cases.

use super::cases::{Case, Random, case, literals, random_values};
use super::shown::Shown;
use crate::support::Flavour;

pub fn geometries(random: &mut Random, flavour: Flavour) -> Vec<Case> {
    let shapes = [
        "POINT(1 2)",
        "LINESTRING(0 0, 1.5 -2.5, 3 4)",
        "POLYGON((0 0, 10 0, 10 10, 0 10, 0 0), (2 2, 3 2, 3 3, 2 2))",
        "MULTIPOINT(1 1, 2 2)",
        "GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))",
    ];
    let plain = shapes.map(|shape| format!("ST_GeomFromText('{shape}')"));
    let earth = shapes.map(|shape| format!("ST_GeomFromText('{shape}', 4326)"));
    let some: Vec<_> = (0..random_values())
        .map(|_| {
            let mut number = || f64::from(u32::try_from(random.next() >> 33).expect("31 bits"));
            let (x, y, z) = (number() / 1e7, number() / 1e9, -number() / 1e5);
            format!("ST_GeomFromText('LINESTRING({x} {y}, {z} {x})')")
        })
        .collect();
    let mut cases = vec![
        case(
            "GEOMETRY",
            Shown::Geometry,
            plain.iter().chain(&earth).chain(&some).cloned(),
        ),
        case(
            "POINT",
            Shown::Geometry,
            [plain[0].clone(), earth[0].clone()],
        ),
        case("LINESTRING", Shown::Geometry, some.iter().cloned()),
        case("MULTIPOINT", Shown::Geometry, [plain[3].clone()]),
        case("GEOMETRYCOLLECTION", Shown::Geometry, [plain[4].clone()]),
    ];
    for (kind, shape) in [
        ("MULTILINESTRING", "((0 0, 1 1), (2 2, 3 3, 4 5))"),
        (
            "MULTIPOLYGON",
            "(((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))",
        ),
    ] {
        let value = format!("ST_GeomFromText('{kind}{shape}')");
        cases.push(case(kind, Shown::Geometry, [value]));
    }
    if matches!(flavour, Flavour::MySql80 | Flavour::MySql97) {
        cases.push(case("POLYGON SRID 0", Shown::Geometry, [plain[2].clone()]));
    }
    cases
}

pub fn only_mysql(random: &mut Random, flavour: Flavour) -> Vec<Case> {
    let mut documents = literals([
        "'null'",
        "'true'",
        "'[]'",
        "'{}'",
        "'\"\"'",
        "'0'",
        "'-1'",
        "'32767'",
        "'32768'",
        "'65535'",
        "'65536'",
        "'-2147483648'",
        "'4294967295'",
        "'9223372036854775807'",
        "'18446744073709551615'",
        "'1.5'",
        "'1e300'",
        r#"'{"b": 1, "a": 2, "aa": [1, [2, {"c": null}]], "": "empty"}'"#,
        r#"'["\\u0000\\u001f\\"\\\\ / é 中 😀"]'"#,
        "JSON_ARRAY(1e0, 1e14, 1e15, 123456789012345678e0, 1e-5, 1e-14, 15e-16, 1e-16, -0e0, 0.1e0, 5e-324, 1.7976931348623157e308)",
        "JSON_ARRAY(CAST(1.10 AS DECIMAL(5,2)), CAST(-0.5 AS DECIMAL(5,2)), CAST(0 AS DECIMAL(65,30)), 99999999999999999999)",
        "JSON_OBJECT('d', DATE'2015-01-15', 't', CAST('-838:59:59' AS TIME), 'u', CAST('-00:00:00.000001' AS TIME(6)), 'dt', CAST('2015-01-15 23:24:25.12' AS DATETIME(3)), 'ts', TIMESTAMP'2020-01-01 00:00:00.5')",
        "JSON_ARRAY(CAST(x'cafe' AS BINARY), CAST(x'' AS BINARY), b'101', CAST(REPEAT('a', 57) AS BINARY), CAST(REPEAT('b', 58) AS BINARY), CAST(REPEAT('c', 300) AS BINARY))",
        "JSON_OBJECT('g', ST_GeomFromText('POINT(1 2)'))",
        "JSON_ARRAY(REPEAT('a', 127), REPEAT('b', 128), REPEAT('c', 16383), REPEAT('d', 16384))",
        "JSON_OBJECT('big', REPEAT('x', 70000), 'i', 1, 'j', 70000, 'k', 4294967295, 'l', TRUE, 'm', JSON_ARRAY(1, 2))",
    ]);
    documents.push(format!("'{}{}'", "[".repeat(100), "]".repeat(100)));
    for _ in 0..random_values() / 2 {
        let double = f64::from_bits(random.next());
        let double = if double.is_finite() { double } else { 0.5 };
        let whole = random.next();
        documents.push(format!(
            "JSON_OBJECT('k{}', {double:e}, 'n', {whole}, 'm', -{})",
            random.below(9),
            whole >> 1
        ));
        documents.push(format!("JSON_ARRAY({})", document(random, 3)));
    }
    let shown = match flavour {
        Flavour::MySql57 => Shown::OldJson,
        _ => Shown::Json,
    };
    let mut cases = vec![case("JSON", shown, documents)];
    if flavour == Flavour::MySql97 {
        cases.extend(vectors(random, "STRING_TO_VECTOR", Shown::Vector));
    }
    cases
}

/// An expression that gives a value inside a document, with others inside it down to a depth.
fn document(random: &mut Random, depth: usize) -> String {
    let mut string = || {
        const CHARACTERS: [&str; 9] = [
            "a",
            "Z",
            " ",
            "\"",
            r"\\",
            r"\n",
            "\u{e9}",
            "\u{4e2d}",
            "\u{1f600}",
        ];
        let letters = (0..random.below(12)).map(|_| CHARACTERS[random.below(9)]);
        format!("'{}'", letters.collect::<String>())
    };
    let (first, second) = (string(), string());
    match random.below(if depth == 0 { 10 } else { 13 }) {
        0 => "NULL".to_owned(),
        1 => "TRUE".to_owned(),
        2 => "FALSE".to_owned(),
        3 => (random.next() >> random.below(64)).to_string(),
        4 => format!("-{}", random.next() >> (1 + random.below(63))),
        5 => format!("{}e-{}", random.below(1_000_000_000), random.below(20)),
        6 => {
            let (whole, digits) = (random.below(20), random.below(20));
            format!("{}.{}", random.digits(1 + whole), random.digits(1 + digits))
        }
        7 => format!("CAST({} AS BINARY)", random.bytes(9)),
        8 => {
            let (hour, second) = (random.below(24), random.below(60));
            format!(
                "TIMESTAMP'2021-03-04 {hour:02}:05:{second:02}.{}'",
                random.digits(6)
            )
        }
        9 => first,
        10 => format!("JSON_ARRAY({}, {first})", document(random, depth - 1)),
        _ => format!(
            "JSON_OBJECT({first}, {}, {second}, {})",
            document(random, depth - 1),
            document(random, depth - 1)
        ),
    }
}

/// Vectors as the function that is named makes them of text.
fn vectors(random: &mut Random, function: &str, shown: Shown) -> Vec<Case> {
    let vector = |numbers: &[String]| format!("{function}('[{}]')", numbers.join(","));
    let mut short = ["[1,2,3]", "[0.1,-0.5,3.4028234e38]", "[1e-30,16777217,-0]"]
        .map(|text| format!("{function}('{text}')"))
        .to_vec();
    let mut long = Vec::new();
    for _ in 0..random_values() {
        let mut numbers = || {
            let bits = u32::try_from(random.next() >> 32).expect("32 bits");
            let value = f32::from_bits(bits);
            format!("{:e}", if value.is_normal() { value } else { 0.5 })
        };
        let numbers: Vec<_> = (0..20).map(|_| numbers()).collect();
        short.push(vector(&numbers[..3]));
        long.push(vector(&numbers));
    }
    vec![
        case("VECTOR(3)", shown, short),
        case("VECTOR(20)", shown, long),
    ]
}

pub fn only_mariadb(random: &mut Random, flavour: Flavour) -> Vec<Case> {
    let mut uuids = literals([
        "'123e4567-e89b-12d3-a456-426614174000'",
        "'00000000-0000-0000-0000-000000000000'",
        "'ffffffff-ffff-ffff-ffff-ffffffffff00'",
        "'018f3c8a-7b1c-7def-8abc-0123456789ab'",
    ]);
    let mut sixes = literals([
        "'::'",
        "'::1'",
        "'2001:db8::ff00:42:8329'",
        "'::ffff:192.0.2.0'",
        "'::192.0.2.1'",
        "'ff00::'",
        "'1:0:0:2:0:0:0:3'",
        "'0:1::'",
    ]);
    let mut fours = literals(["'0.0.0.0'", "'192.0.2.0'", "'255.255.255.255'"]);
    for _ in 0..random_values() {
        let (high, low) = (random.next(), random.next());
        let hex = format!("{high:016x}{low:016x}");
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        uuids.push(format!("'{}'", parts.join("-")));
        // Runs of zeros of every length, which are written short.
        let group = |index: usize| match low >> index & 1 {
            0 => "0",
            _ => &hex[index * 4..index * 4 + 4],
        };
        let groups: Vec<_> = (0..8).map(group).collect();
        sixes.push(format!("'{}'", groups.join(":")));
        let bytes = high.to_le_bytes().map(|byte| byte.to_string());
        fours.push(format!("'{}'", bytes[..4].join(".")));
    }
    let mut cases = vec![
        case(
            "JSON",
            Shown::Text,
            literals([r#"'{"b": 1,  "a": [true]}'"#, "'[]'"]),
        ),
        case("UUID", Shown::Address, uuids),
        case("INET6", Shown::Address, sixes),
        case("INET4", Shown::Address, fours),
    ];
    if flavour == Flavour::MariaDb118 {
        cases.extend(vectors(random, "VEC_FromText", Shown::Binary));
    }
    cases
}
