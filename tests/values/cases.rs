//! Column types with the values that are put into them, as SQL literals.

use std::fmt::Write;

use super::shown::Shown;
use super::words;

/// A column type, how it shows, and its values.
#[derive(Clone, Debug)]
pub struct Case {
    pub definition: String,
    pub shown: Shown,
    pub values: Vec<String>,
}

/// Numbers from a fixed seed, so that a failure repeats.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    pub fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b"0123456789"[self.below(10)]))
            .collect()
    }

    pub fn bytes(&mut self, count: usize) -> String {
        let mut hex = String::from("x'");
        for _ in 0..count {
            write!(hex, "{:02x}", self.below(256)).expect("a string");
        }
        hex + "'"
    }
}

impl Case {
    /// One of its values.
    pub fn any(&self, random: &mut Random) -> String {
        self.values[random.below(self.values.len())].clone()
    }
}

/// Random values of each case.
pub const RANDOM_VALUES: usize = 20;

pub fn case(
    definition: impl Into<String>,
    shown: Shown,
    values: impl IntoIterator<Item = String>,
) -> Case {
    let mut values: Vec<String> = values.into_iter().collect();
    values.push("NULL".to_owned());
    Case {
        definition: definition.into(),
        shown,
        values,
    }
}

pub fn literals<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).to_vec()
}

/// Every case of a family.
pub fn all(mysql: bool) -> Vec<Case> {
    let random = &mut Random(0x0120_2020);
    let mut cases = integers(random);
    cases.extend(bits(random));
    cases.extend(decimals(random, mysql));
    cases.extend(floats(random));
    cases.extend(temporals(random));
    cases.extend(words::texts(random));
    cases.extend(words::binaries(random));
    cases.extend(words::labels(random));
    cases.extend(geometries(mysql));
    cases.extend(if mysql {
        only_mysql(random)
    } else {
        only_mariadb()
    });
    cases
}

fn integers(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, bits) in [
        ("TINYINT", 8),
        ("SMALLINT", 16),
        ("MEDIUMINT", 24),
        ("INT", 32),
        ("BIGINT", 64),
    ] {
        let top = 1i128 << (bits - 1);
        let mut signed = vec![-top, -top + 1, -1, 0, 1, top - 1];
        let mut unsigned = vec![0, 1, top - 1, top, 2 * top - 1];
        for _ in 0..RANDOM_VALUES {
            let value = i128::from(random.next()) & (2 * top - 1);
            signed.push(value - top);
            unsigned.push(value);
        }
        let text = |values: &[i128]| values.iter().map(i128::to_string).collect::<Vec<_>>();
        cases.push(case(name, Shown::Number, text(&signed)));
        cases.push(case(
            format!("{name} UNSIGNED"),
            Shown::Number,
            text(&unsigned),
        ));
        cases.push(case(
            format!("{name} ZEROFILL"),
            Shown::Number,
            text(&unsigned),
        ));
    }
    cases.push(case("BOOLEAN", Shown::Number, literals(["0", "1", "-128"])));
    cases.push(case(
        "YEAR",
        Shown::Number,
        literals(["'0000'", "1901", "2024", "2155", "'70'"]),
    ));
    cases
}

fn bits(random: &mut Random) -> Vec<Case> {
    let widths = [1u32, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64];
    widths
        .map(|bits| {
            let all = u64::MAX >> (64 - bits);
            let some = (0..RANDOM_VALUES).map(|_| random.next() & all);
            let values = [0, 1, all, all >> 1].into_iter().chain(some);
            case(
                format!("BIT({bits})"),
                Shown::Number,
                values.map(|value| value.to_string()).collect::<Vec<_>>(),
            )
        })
        .to_vec()
}

fn decimals(random: &mut Random, mysql: bool) -> Vec<Case> {
    let mut shapes = vec![
        (1, 0),
        (1, 1),
        (4, 4),
        (5, 2),
        (9, 0),
        (9, 9),
        (10, 0),
        (10, 1),
        (14, 4),
        (18, 9),
        (19, 10),
        (20, 6),
        (27, 18),
        (30, 30),
        (36, 9),
        (38, 28),
        (65, 0),
        (65, 30),
    ];
    if !mysql {
        shapes.push((65, 38));
    }
    let mut cases = Vec::new();
    for (precision, scale) in shapes {
        let number = |digits: &str| {
            let (whole, fraction) = digits.split_at(precision - scale);
            format!(
                "'{}{}{fraction}'",
                if whole.is_empty() { "0" } else { whole },
                if scale > 0 { "." } else { "" }
            )
        };
        let most = number(&"9".repeat(precision));
        let least = number(&format!("{}1", "0".repeat(precision - 1)));
        let minus = |text: &str| text.replacen('\'', "'-", 1);
        let mut values = vec![
            "0".to_owned(),
            "-0".to_owned(),
            minus(&most),
            minus(&least),
            most,
            least,
        ];
        for _ in 0..RANDOM_VALUES {
            let kept = 1 + random.below(precision);
            let value = number(&format!(
                "{}{}",
                "0".repeat(precision - kept),
                random.digits(kept)
            ));
            values.push(if random.below(2) == 0 {
                minus(&value)
            } else {
                value
            });
        }
        cases.push(case(
            format!("DECIMAL({precision},{scale})"),
            Shown::Text,
            values,
        ));
    }
    cases.push(case(
        "DECIMAL(12,3) UNSIGNED",
        Shown::Text,
        literals(["0", "999999999.999", "0.001"]),
    ));
    cases
}

fn floats(random: &mut Random) -> Vec<Case> {
    let mut single = literals([
        "0",
        "-0e0",
        "1",
        "-1.5",
        "0.1",
        "16777217",
        "3.4028234e38",
        "-3.4028234e38",
        "1.17549435e-38",
        "1e-40",
        "123456.7",
    ]);
    let mut double = literals([
        "0",
        "-0e0",
        "1",
        "-1.5",
        "0.1",
        "1e15",
        "1e16",
        "123456789012345678",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "2.2250738585072014e-308",
        "1e-310",
        "0.00001",
    ]);
    for _ in 0..RANDOM_VALUES {
        let bits = random.next();
        let value = f64::from_bits(bits);
        double.extend(value.is_finite().then(|| format!("{value:e}")));
        let value = f32::from_bits(u32::try_from(bits >> 32).expect("32 bits"));
        single.extend(value.is_finite().then(|| format!("{value:e}")));
    }
    vec![
        case("FLOAT", Shown::Float, single),
        case(
            "FLOAT(7,3)",
            Shown::Float,
            literals(["0", "1.125", "-9999.999", "0.001"]),
        ),
        case("DOUBLE", Shown::Double, double),
        case("DOUBLE UNSIGNED", Shown::Double, literals(["0", "1e300"])),
    ]
}

fn temporals(random: &mut Random) -> Vec<Case> {
    let mut cases = vec![case(
        "DATE",
        Shown::Text,
        literals([
            "'0000-00-00'",
            "'0001-01-01'",
            "'1000-01-01'",
            "'1969-12-31'",
            "'2015-00-21'",
            "'2020-01-00'",
            "'2023-02-31'",
            "'9999-12-31'",
        ]),
    )];
    for fsp in 0..=6 {
        cases.push(case(
            format!("TIME({fsp})"),
            Shown::Text,
            times(fsp, random),
        ));
        let datetimes = moments(
            fsp,
            [
                "0000-00-00 00:00:00",
                "2015-00-21 10:11:12",
                "1000-01-01 00:00:00",
                "9999-12-31 23:59:59",
                "1969-12-31 23:59:59",
            ],
            (0, 9999),
            random,
        );
        cases.push(case(format!("DATETIME({fsp})"), Shown::Text, datetimes));
        let timestamps = moments(
            fsp,
            [
                "0000-00-00 00:00:00",
                "1970-01-01 00:00:01",
                "2024-02-29 12:00:00",
                "2038-01-19 03:14:06",
                "2038-01-19 03:14:07",
            ],
            (1971, 2036),
            random,
        );
        cases.push(case(
            format!("TIMESTAMP({fsp})"),
            Shown::Timestamp,
            timestamps,
        ));
    }
    cases
}

/// A point and so many of the digits, if any.
fn fraction(digits: &str, fsp: usize) -> String {
    if fsp == 0 {
        String::new()
    } else {
        format!(".{}", &digits[..fsp])
    }
}

fn times(fsp: usize, random: &mut Random) -> Vec<String> {
    let all = fraction("999999", fsp);
    let least = fraction(&format!("{}1", "0".repeat(fsp.saturating_sub(1))), fsp);
    let mut values = Vec::new();
    for sign in ["", "-"] {
        values.push(format!("'{sign}838:59:59'"));
        values.push(format!("'{sign}00:00:00{least}'"));
        values.push(format!("'{sign}01:02:03{all}'"));
        values.push(format!("'{sign}255:59:59{all}'"));
        for _ in 0..RANDOM_VALUES / 2 {
            let (hour, clock) = (random.below(838), clock(fsp, random));
            values.push(format!("'{sign}{hour:02}:{clock}'"));
        }
    }
    values
}

/// Minutes, seconds and fraction.
fn clock(fsp: usize, random: &mut Random) -> String {
    let (minute, second, digits) = (random.below(60), random.below(60), random.digits(6));
    format!("{minute:02}:{second:02}{}", fraction(&digits, fsp))
}

/// The whole seconds given, with no fraction and but the last with the greatest, and random ones in a span of years.
fn moments(
    fsp: usize,
    whole: [&str; 5],
    years: (usize, usize),
    random: &mut Random,
) -> Vec<String> {
    let mut values: Vec<_> = whole.iter().map(|whole| format!("'{whole}'")).collect();
    let all = fraction("999999", fsp);
    values.extend(whole[1..4].iter().map(|whole| format!("'{whole}{all}'")));
    for _ in 0..RANDOM_VALUES {
        let year = years.0 + random.below(years.1 - years.0 + 1);
        let (month, day) = (1 + random.below(12), 1 + random.below(28));
        let (hour, clock) = (random.below(24), clock(fsp, random));
        values.push(format!("'{year:04}-{month:02}-{day:02} {hour:02}:{clock}'"));
    }
    values
}

fn geometries(mysql: bool) -> Vec<Case> {
    let shapes = [
        "POINT(1 2)",
        "LINESTRING(0 0, 1.5 -2.5, 3 4)",
        "POLYGON((0 0, 10 0, 10 10, 0 10, 0 0), (2 2, 3 2, 3 3, 2 2))",
        "MULTIPOINT(1 1, 2 2)",
        "GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))",
    ];
    let plain = shapes.map(|shape| format!("ST_GeomFromText('{shape}')"));
    let earth = shapes.map(|shape| format!("ST_GeomFromText('{shape}', 4326)"));
    let mut cases = vec![
        case(
            "GEOMETRY",
            Shown::Geometry,
            plain.iter().chain(&earth).cloned(),
        ),
        case(
            "POINT",
            Shown::Geometry,
            [plain[0].clone(), earth[0].clone()],
        ),
    ];
    if mysql {
        cases.push(case("POLYGON SRID 0", Shown::Geometry, [plain[2].clone()]));
    }
    cases
}

fn only_mysql(random: &mut Random) -> Vec<Case> {
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
    for _ in 0..RANDOM_VALUES {
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
    let vectors = ["[1,2,3]", "[0.1,-0.5,3.4028234e38]", "[1e-30,16777217,-0]"];
    vec![
        case("JSON", Shown::Json, documents),
        case(
            "VECTOR(3)",
            Shown::Vector,
            vectors.map(|vector| format!("STRING_TO_VECTOR('{vector}')")),
        ),
    ]
}

fn only_mariadb() -> Vec<Case> {
    vec![
        case(
            "JSON",
            Shown::Text,
            literals([r#"'{"b": 1,  "a": [true]}'"#, "'[]'"]),
        ),
        case(
            "UUID",
            Shown::Uuid,
            literals([
                "'123e4567-e89b-12d3-a456-426614174000'",
                "'00000000-0000-0000-0000-000000000000'",
                "'ffffffff-ffff-ffff-ffff-ffffffffff00'",
            ]),
        ),
        case(
            "INET6",
            Shown::Inet6,
            literals([
                "'::'",
                "'2001:db8::ff00:42:8329'",
                "'::ffff:192.0.2.0'",
                "'ff00::'",
            ]),
        ),
        case(
            "INET4",
            Shown::Inet6,
            literals(["'0.0.0.0'", "'192.0.2.0'", "'255.255.255.255'"]),
        ),
    ]
}
