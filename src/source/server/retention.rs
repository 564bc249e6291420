//! How long a source keeps its binlogs, against how long a connector may need them. Pure.

use std::collections::HashMap;

use super::remedy::SettingStyle;
use crate::finding::Finding;

const CHECK: &str = "retention";
const DAY_S: u64 = 86_400;
/// What a fix sets at least: a long weekend and the time to mend something.
const WANTED_S: u64 = 7 * DAY_S;
/// How fast another tool copies tables, guessed low.
const COPY_BYTES_S: u64 = 20_000_000;

/// What a connector needs of the binlogs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needs {
    /// For how many seconds the file of the checkpoint has been complete; 0 where the source still writes to it.
    pub(super) behind_s: u64,
    /// Bytes of the tables that are published, as the source guesses them.
    pub(super) table_bytes: u64,
}

/// How a source throws binlogs away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expiry {
    /// `None` for never.
    seconds: Option<u64>,
    is_in_days: bool,
}

/// Judges what a source keeps.
pub(super) fn findings(
    variables: &HashMap<String, String>,
    needs: Needs,
    style: SettingStyle,
) -> Vec<Finding> {
    let expiry = expiry(variables);
    let mut findings = vec![by_age(expiry, needs, style)];
    let size = variables.get("max_binlog_total_size");
    let size = size.and_then(|text| text.parse::<u64>().ok());
    if let Some(size) = size.filter(|size| *size > 0) {
        let what = format!(
            "max_binlog_total_size is {size}: the source removes its oldest binlogs beyond that size, whatever the connector has \
             read by then"
        );
        let finding = Finding::warning("max_binlog_total_size", what);
        findings.push(style.set(finding, "max_binlog_total_size", "0"));
    }
    findings
}

fn by_age(expiry: Expiry, needs: Needs, style: SettingStyle) -> Finding {
    let Some(kept_s) = expiry.seconds else {
        return Finding::ok(CHECK, "the source keeps its binlogs until they are purged");
    };
    let copy_s = needs.table_bytes / COPY_BYTES_S;
    let reasons = [
        (
            DAY_S,
            "an outage of the connector of a day loses changes".to_owned(),
        ),
        (
            2 * needs.behind_s,
            format!(
                "the connector is {} behind and may lose its place",
                span(needs.behind_s)
            ),
        ),
        (
            2 * copy_s,
            format!(
                "a first copy of its tables takes about {} and may end after the place where it began is gone",
                span(copy_s)
            ),
        ),
    ];
    let needed_s = reasons.iter().map(|(needed, _)| *needed).max();
    let needed_s = needed_s.unwrap_or(DAY_S);
    let short: Vec<String> = reasons
        .into_iter()
        .filter(|(needed, _)| kept_s < *needed)
        .map(|(_, reason)| reason)
        .collect();
    let kept = span(kept_s);
    if short.is_empty() {
        return Finding::ok(CHECK, format!("the source keeps its binlogs for {kept}"));
    }
    let what = format!(
        "the source keeps its binlogs for {kept}: {}",
        short.join("; ")
    );
    let finding = Finding::warning(CHECK, what);
    let wanted_s = needed_s.max(WANTED_S);
    match expiry.is_in_days {
        true => style.set(
            finding,
            "expire_logs_days",
            &wanted_s.div_ceil(DAY_S).to_string(),
        ),
        false => style.set(finding, "binlog_expire_logs_seconds", &wanted_s.to_string()),
    }
}

fn expiry(variables: &HashMap<String, String>) -> Expiry {
    let is_off = |text: &String| text.eq_ignore_ascii_case("OFF") || text == "0";
    let purges = !variables
        .get("binlog_expire_logs_auto_purge")
        .is_some_and(is_off);
    let number = |name: &str| {
        variables
            .get(name)
            .and_then(|text| text.parse::<f64>().ok())
    };
    let seconds = number("binlog_expire_logs_seconds");
    let days = number("expire_logs_days");
    let is_in_days = seconds.is_none();
    let by_days = days.map(|days| std::time::Duration::try_from_secs_f64(days * 86_400.0));
    let by_days = by_days.and_then(Result::ok).map(|kept| kept.as_secs());
    let by_seconds = variables.get("binlog_expire_logs_seconds");
    let by_seconds = by_seconds.and_then(|text| text.parse::<u64>().ok());
    let kept = by_seconds.filter(|kept| *kept > 0).or(by_days);
    Expiry {
        seconds: kept.filter(|kept| purges && *kept > 0),
        is_in_days,
    }
}

/// A time as people say it.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _days => format!("{} days", seconds / DAY_S),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::mysql::Flavour;

    fn judged(pairs: &[(&str, &str)], needs: Needs) -> (Severity, String) {
        let variables = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let style = SettingStyle {
            persists: true,
            flavour: Flavour::MySql,
        };
        let found = findings(&variables, needs, style);
        let fix = found[0].fix.first().map(|fix| format!("{fix:?}"));
        (found[0].severity, fix.unwrap_or_default())
    }

    #[test]
    fn binlogs_must_outlast_an_outage_the_lag_and_a_copy() {
        let seconds = |kept| [("binlog_expire_logs_seconds", kept)];
        let none = Needs::default();
        for (pairs, needs, severity, fix) in [
            (&seconds("2592000")[..], none, Severity::Ok, ""),
            (&seconds("0"), none, Severity::Ok, ""),
            (&seconds("86399"), none, Severity::Warning, "= 604800"),
            (
                &seconds("2592000"),
                Needs {
                    behind_s: 20 * DAY_S,
                    ..none
                },
                Severity::Warning,
                "= 3456000",
            ),
            (
                &seconds("172800"),
                Needs {
                    table_bytes: COPY_BYTES_S * 2 * DAY_S,
                    ..none
                },
                Severity::Warning,
                "= 604800",
            ),
            (&[("expire_logs_days", "0")], none, Severity::Ok, ""),
            (&[("expire_logs_days", "3")], none, Severity::Ok, ""),
            (
                &[("expire_logs_days", "0.5")],
                none,
                Severity::Warning,
                "expire_logs_days = 7",
            ),
            (
                &[
                    ("binlog_expire_logs_seconds", "5"),
                    ("binlog_expire_logs_auto_purge", "OFF"),
                ],
                none,
                Severity::Ok,
                "",
            ),
        ] {
            let found = judged(pairs, needs);
            assert_eq!(found.0, severity, "{pairs:?}");
            assert!(found.1.contains(fix), "{pairs:?}: {}", found.1);
        }
    }
}
