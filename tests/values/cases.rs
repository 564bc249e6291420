//! Column types with the values that are put into them, as SQL literals.

use std::fmt::Write;

use rowtap::mysql::Flavour as Family;

use super::shown::Shown;
use super::{documents, is_full, words};
use crate::support::Flavour;

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
pub fn random_values() -> usize {
    if is_full() { 200 } else { 20 }
}

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

/// Every type of a server.
pub fn all(flavour: Flavour) -> Vec<Case> {
    let random = &mut Random(0x0120_2020);
    let mut cases = integers(random);
    cases.extend(bits(random));
    cases.extend(decimals(random, flavour));
    cases.extend(floats(random));
    cases.extend(temporals(random, flavour));
    cases.extend(words::texts(random));
    cases.extend(words::binaries(random));
    cases.extend(words::labels(random, flavour));
    cases.extend(documents::geometries(random, flavour));
    cases.extend(match flavour.family() {
        Family::MySql => documents::only_mysql(random, flavour),
        Family::MariaDb => documents::only_mariadb(random, flavour),
    });
    cases
}

/// Values that a page does not hold.
pub fn large() -> Vec<Case> {
    let ascii = literals(["REPEAT('a', 65535)", "REPEAT('b', 65536)", "''"]);
    vec![
        case("LONGTEXT CHARACTER SET ascii", Shown::Text, ascii),
        case(
            "VARCHAR(16000) CHARACTER SET utf8mb4",
            Shown::Text,
            literals(["REPEAT('x', 16000)", "REPEAT('\u{1f600}', 16000)", "'x'"]),
        ),
        case(
            "BLOB",
            Shown::Binary,
            literals(["REPEAT(x'c3', 65535)", "x''"]),
        ),
        case(
            "LONGBLOB",
            Shown::Binary,
            literals(["REPEAT(x'c3', 300000)", "REPEAT(x'00', 70000)"]),
        ),
    ]
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
        for _ in 0..random_values() {
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
    let years = (1901..=2155).filter(|year| is_full() || year % 23 == 1);
    let mut years: Vec<_> = years.map(|year: u16| year.to_string()).collect();
    years.extend(literals(["'0000'", "2155", "'70'"]));
    cases.push(case("YEAR", Shown::Number, years));
    cases
}

fn bits(random: &mut Random) -> Vec<Case> {
    let sampled = [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64];
    (1u32..=64)
        .filter(|bits| is_full() || sampled.contains(bits))
        .map(|bits| {
            let all = u64::MAX >> (64 - bits);
            let some = (0..random_values()).map(|_| random.next() & all);
            let values = [0, 1, all, all >> 1].into_iter().chain(some);
            case(
                format!("BIT({bits})"),
                Shown::Number,
                values.map(|value| value.to_string()),
            )
        })
        .collect()
}

fn decimals(random: &mut Random, flavour: Flavour) -> Vec<Case> {
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
    if flavour.family() == Family::MariaDb {
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
        for _ in 0..random_values() {
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
    for _ in 0..random_values() {
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
        case(
            "DOUBLE(20,4)",
            Shown::Double,
            literals(["0", "-9999999999999999.5", "0.0001", "12345.6789"]),
        ),
        case(
            "FLOAT UNSIGNED",
            Shown::Float,
            literals(["0", "3.4028234e38"]),
        ),
    ]
}

fn temporals(random: &mut Random, flavour: Flavour) -> Vec<Case> {
    // The last that a TIMESTAMP holds: 32 bits with a sign, or without.
    let (last_but_one, last, years) = match flavour {
        Flavour::MariaDb118 => ("2106-02-07 06:28:14", "2106-02-07 06:28:15", (1971, 2105)),
        _ => ("2038-01-19 03:14:06", "2038-01-19 03:14:07", (1971, 2036)),
    };
    let mut dates = literals([
        "'0000-00-00'",
        "'0001-01-01'",
        "'1000-01-01'",
        "'1969-12-31'",
        "'2015-00-21'",
        "'2020-01-00'",
        "'2023-02-31'",
        "'9999-12-31'",
    ]);
    for _ in 0..random_values() {
        let (year, month, day) = (random.below(10_000), random.below(13), random.below(29));
        dates.push(format!("'{year:04}-{month:02}-{day:02}'"));
    }
    let mut cases = vec![case("DATE", Shown::Text, dates)];
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
                last_but_one,
                last,
            ],
            years,
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
        for _ in 0..random_values() / 2 {
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
    for _ in 0..random_values() {
        let year = years.0 + random.below(years.1 - years.0 + 1);
        let (month, day) = (1 + random.below(12), 1 + random.below(28));
        let (hour, clock) = (random.below(24), clock(fsp, random));
        values.push(format!("'{year:04}-{month:02}-{day:02} {hour:02}:{clock}'"));
    }
    values
}
