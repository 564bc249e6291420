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
    ];
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
        let scaled = format!("{}e-{}", random.below(1_000_000_000), random.below(20));
        documents.push(format!("JSON_ARRAY({scaled}, '{}')", random.digits(9)));
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
        case("UUID", Shown::Uuid, uuids),
        case("INET6", Shown::Inet6, sixes),
        case("INET4", Shown::Inet4, fours),
    ];
    if flavour == Flavour::MariaDb118 {
        cases.extend(vectors(random, "VEC_FromText", Shown::Binary));
    }
    cases
}
