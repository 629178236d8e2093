//! Amounts, times and numbers as people read and write them.

use chrono::DateTime;
use nosana_deploy_client::domain::lifecycle::Market;
use nosana_deploy_client::jobs_program::NOS_DECIMALS;

/// Decimals of SOL.
pub(crate) const SOL_DECIMALS: u32 = 9;

/// Base units with a decimal point, e.g. `0.360000`.
pub(crate) fn decimal(base_units: i128, decimals: u32) -> String {
    let one = 10_u128.saturating_pow(decimals);
    let amount = base_units.unsigned_abs();
    let whole = amount.checked_div(one).unwrap_or_default();
    let fraction = amount.checked_rem(one).unwrap_or_default();
    let sign = if base_units < 0 { "-" } else { "" };
    let width = usize::try_from(decimals).unwrap_or_default();
    format!("{sign}{whole}.{fraction:0width$}")
}

/// As [`decimal`], with the sign of what is added.
pub(crate) fn signed(base_units: i128, decimals: u32) -> String {
    let sign = if base_units > 0 { "+" } else { "" };
    format!("{sign}{}", decimal(base_units, decimals))
}

/// Without the zeros that say nothing: `0.36`, `12`.
fn short(base_units: i128, decimals: u32) -> String {
    let text = decimal(base_units, decimals);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// NOS base units: `0.36 NOS`.
pub(crate) fn nos(base_units: impl Into<i128>) -> String {
    format!("{} NOS", short(base_units.into(), NOS_DECIMALS.into()))
}

/// As [`nos`], of a sum that might not fit.
pub(crate) fn nos_sum(base_units: u128) -> String {
    nos(i128::try_from(base_units).unwrap_or(i128::MAX))
}

/// Basis points as a percentage: `10`, `0.25`.
pub(crate) fn percent(bps: u16) -> String {
    short(bps.into(), 2)
}

/// Lamports: `0.00256128 SOL`.
pub(crate) fn sol(lamports: u64) -> String {
    format!("{} SOL", short(lamports.into(), SOL_DECIMALS))
}

/// NOS per hour at a price in base units per second.
pub(crate) fn price(per_second: u64) -> String {
    let hour = u128::from(per_second).saturating_mul(3_600);
    format!(
        "{} an hour ({} units a second)",
        nos_sum(hour),
        grouped(per_second)
    )
}

/// A market's price, or that it takes no jobs.
pub(crate) fn market(market: &Market) -> String {
    match market {
        Market::Open {
            price_per_second, ..
        } => price(*price_per_second),
        Market::Unusable => "takes no jobs".into(),
    }
}

/// Reads an amount with at most `decimals` decimals: `1.5`. What is not valid comes back as what
/// would be.
pub(crate) fn parse_amount(text: &str, decimals: u32) -> Result<u64, String> {
    let valid = || format!("use a number with at most {decimals} decimals, for example 1.5");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let width = usize::try_from(decimals).unwrap_or(usize::MAX);
    if !digits(whole)
        || !digits(fraction)
        || fraction.len() > width
        || text.len() < 2 && whole.is_empty()
    {
        return Err(valid());
    }
    format!("{whole}{fraction:0<width$}")
        .parse()
        .map_err(|_| valid())
}

/// Reads NOS into base units.
pub(crate) fn parse_nos(text: &str) -> Result<u64, String> {
    parse_amount(text, NOS_DECIMALS.into())
}

/// Reads SOL into lamports.
pub(crate) fn parse_sol(text: &str) -> Result<u64, String> {
    parse_amount(text, SOL_DECIMALS)
}

/// Unix seconds in UTC: `2026-01-01 01:00:00`.
pub(crate) fn time(at: i64) -> String {
    match DateTime::from_timestamp(at, 0) {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => at.to_string(),
    }
}

/// A time and how far away it is: `2026-01-01 01:00:00 UTC (in 3 h 20 min)`.
pub(crate) fn when(at: i64, now: i64) -> String {
    let distance = at.saturating_sub(now);
    let away = duration(distance.unsigned_abs());
    match distance {
        0 => format!("{} UTC (now)", time(at)),
        1.. => format!("{} UTC (in {away})", time(at)),
        _ => format!("{} UTC ({away} ago)", time(at)),
    }
}

/// Seconds in their two largest units: `3 h 20 min`.
pub(crate) fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (size, name) in UNITS {
        let count = left.checked_div(size).unwrap_or(0);
        left = left.checked_rem(size).unwrap_or(0);
        if count > 0 {
            parts.push(format!("{count} {name}"));
        } else if !parts.is_empty() {
            break;
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        return "0 s".into();
    }
    parts.join(" ")
}

/// A number in groups of three digits.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && digits.len().saturating_sub(position) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 job`, `2 jobs`.
pub(crate) fn counted(count: impl Into<u64>, what: &str) -> String {
    let count = count.into();
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// The first and last letters of an address, enough to recognise it.
pub(crate) fn brief(key: &solana_program::pubkey::Pubkey) -> String {
    let text = key.to_string();
    match (text.get(..4), text.get(text.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) => format!("{first}..{last}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(decimal(0, 6), "0.000000");
        assert_eq!(decimal(360_000, 6), "0.360000");
        assert_eq!(decimal(u64::MAX.into(), 9), "18446744073.709551615");
        assert_eq!(signed(-1, 9), "-0.000000001");
        assert_eq!(signed(1_500_000, 6), "+1.500000");
        assert_eq!(
            (nos(360_000), nos(12_000_000), nos(0)),
            ("0.36 NOS".into(), "12 NOS".into(), "0 NOS".into())
        );
        assert_eq!(sol(2_561_280), "0.00256128 SOL");
        assert_eq!(price(100), "0.36 NOS an hour (100 units a second)");
    }

    #[test]
    fn amounts_are_read_to_the_last_unit_or_refused() {
        let cases = [
            ("1.5", 1_500_000),
            ("0.000001", 1),
            ("7", 7_000_000),
            (".5", 500_000),
            ("1.", 1_000_000),
        ];
        for (text, units) in cases {
            assert_eq!(parse_nos(text), Ok(units), "{text}");
        }
        for text in [
            "",
            ".",
            "-1",
            "1e3",
            "0.0000001",
            "1,5",
            "all",
            "99999999999999999999",
            " 1",
            "+1",
        ] {
            assert!(parse_nos(text).is_err(), "{text}");
        }
        assert_eq!(parse_sol("18446744073.709551615"), Ok(u64::MAX));
        assert!(parse_sol("18446744073.709551616").is_err());
    }

    #[test]
    fn numbers_are_grouped_and_times_are_utc() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (value, text) in cases {
            assert_eq!(grouped(value), text);
        }
        assert_eq!(time(1_767_229_200), "2026-01-01 01:00:00");
        assert_eq!(when(100, 100), "1970-01-01 00:01:40 UTC (now)");
        assert_eq!(when(100, 40), "1970-01-01 00:01:40 UTC (in 1 min)");
        assert_eq!(when(100, 160), "1970-01-01 00:01:40 UTC (1 min ago)");
        assert_eq!(
            (counted(1_u32, "job"), counted(2_u32, "job")),
            ("1 job".into(), "2 jobs".into())
        );
    }

    #[test]
    fn durations_have_their_two_largest_units() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (12_000, "3 h 20 min"),
            (3_605, "1 h"),
            (90_061, "1 d 1 h"),
            (u64::MAX, "213503982334601 d 7 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }
}
