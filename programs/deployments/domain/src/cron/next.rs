//! The next firing, by bit operations: month by month, never minute by minute.
//!
//! The number of months looked at is bounded. If one day field is enough, every week matches. If
//! both must match, the rarest date is 29 February on one day of the week: that comes every 28
//! years, and every 40 where a century without leap day intervenes (tested over a full cycle of 400
//! years). So a search of [`HORIZON_YEARS`] finds every schedule that fires at all.

use super::{bits_from, bits_up_to, first_from, Schedule};

/// The last year with firings; enough for any clock, and dates stay far from overflow.
pub const LAST_YEAR: u32 = 9999;

/// Years searched after the year of the starting point.
const HORIZON_YEARS: u32 = 40;

const SECONDS_PER_DAY: u64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01, in the proleptic Gregorian calendar.
const EPOCH_SHIFT: u32 = 719_468;
const DAYS_PER_ERA: u32 = 146_097;
const YEARS_PER_ERA: u32 = 400;
/// The first day after [`LAST_YEAR`], in days since 1970.
const END_OF_TIME: u32 = 2_932_897;

/// A calendar date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
}

pub(super) fn next_after(schedule: &Schedule, unix_seconds: i64) -> Option<i64> {
    // The first whole minute after the given second.
    let minute = match u64::try_from(unix_seconds) {
        Ok(seconds) => seconds.checked_div(60)?.checked_add(1)?,
        Err(_) => 0,
    };
    let days = u32::try_from(minute.checked_div(SECONDS_PER_DAY / 60)?).ok()?;
    let minute_of_day = u32::try_from(minute.checked_rem(SECONDS_PER_DAY / 60)?).ok()?;
    if days >= END_OF_TIME {
        return None;
    }
    let date = date_of(days);
    // Today, if today matches and a time is left.
    if matching_days(schedule, date.year, date.month) & 1_u64.wrapping_shl(date.day) != 0 {
        let (hour, minute) = (
            minute_of_day.checked_div(60)?,
            minute_of_day.checked_rem(60)?,
        );
        if let Some(second) = time_from(schedule, hour, minute) {
            return at(days, second);
        }
    }
    let found = next_date(schedule, date)?;
    at(days_of(found), time_from(schedule, 0, 0)?)
}

fn at(days: u32, second_of_day: u64) -> Option<i64> {
    let second = u64::from(days)
        .checked_mul(SECONDS_PER_DAY)?
        .checked_add(second_of_day)?;
    i64::try_from(second).ok()
}

/// Second of the day of the first firing at `hour:minute` or later.
fn time_from(schedule: &Schedule, hour: u32, minute: u32) -> Option<u64> {
    let hours = u64::from(schedule.hour);
    let this_hour = (hours & 1_u64.wrapping_shl(hour) != 0)
        .then(|| first_from(schedule.minute, minute))
        .flatten()
        .map(|minute| (hour, minute));
    let (hour, minute) = match this_hour {
        Some(time) => time,
        None => {
            let later = first_from(hours, hour.saturating_add(1))?;
            (later, first_from(schedule.minute, 0)?)
        }
    };
    u64::from(hour)
        .checked_mul(60)?
        .checked_add(u64::from(minute))?
        .checked_mul(60)
}

/// The first matching date after `date`.
fn next_date(schedule: &Schedule, date: Date) -> Option<Date> {
    let later =
        matching_days(schedule, date.year, date.month) & bits_from(date.day.saturating_add(1));
    if let Some(day) = first_from(later, 0) {
        return Some(Date { day, ..date });
    }
    let last_year = date.year.saturating_add(HORIZON_YEARS).min(LAST_YEAR);
    let mut first_month = date.month.saturating_add(1);
    for year in date.year..=last_year {
        let mut months = u64::from(schedule.month) & bits_from(first_month);
        while let Some(month) = first_from(months, 0) {
            if let Some(day) = first_from(matching_days(schedule, year, month), 0) {
                return Some(Date { year, month, day });
            }
            months &= !bits_up_to(month);
        }
        first_month = 1;
    }
    None
}

/// The days of a month that match, as bits 1 to 31; none if the month itself does not match.
fn matching_days(schedule: &Schedule, year: u32, month: u32) -> u64 {
    if u64::from(schedule.month) & 1_u64.wrapping_shl(month) == 0 {
        return 0;
    }
    let by_date = u64::from(schedule.day_of_month);
    let by_weekday = days_on(
        schedule.day_of_week,
        weekday_of(days_of(Date {
            year,
            month,
            day: 1,
        })),
    );
    let days = if schedule.matches_both_days() {
        by_date & by_weekday
    } else {
        by_date | by_weekday
    };
    days & bits_from(1) & bits_up_to(days_in_month(year, month))
}

/// The days of a month, as bits from 1, that fall on one of `weekdays` if day 1 falls on `first`.
fn days_on(weekdays: u8, first: u32) -> u64 {
    const EVERY_SEVENTH: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28;
    // Two weeks side by side, moved so that bit 0 stands for day 1.
    let two_weeks = u64::from(weekdays & 0x7f) * (1 | 1 << 7);
    let week = two_weeks.wrapping_shr(first) & 0x7f;
    week.wrapping_mul(EVERY_SEVENTH).wrapping_shl(1)
}

/// 0 is Sunday; 1 January 1970 was a Thursday.
fn weekday_of(days: u32) -> u32 {
    days.saturating_add(4) % 7
}

/// Days of a month, 28 to 31.
pub(super) fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

// Both conversions are Howard Hinnant's (chrono-compatible low-level date algorithms), for dates
// from 1970 to `LAST_YEAR`: years begin in March there, so that a leap day is a year's last.

/// The date of a day since 1 January 1970.
#[allow(clippy::arithmetic_side_effects)] // days < END_OF_TIME: no term reaches 2^32 or goes below 0
pub(super) fn date_of(days: u32) -> Date {
    let shifted = days + EPOCH_SHIFT;
    let era = shifted / DAYS_PER_ERA;
    let day_of_era = shifted % DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    Date {
        year: year_of_era + era * YEARS_PER_ERA + u32::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
    }
}

/// The day since 1 January 1970 of a date.
#[allow(clippy::arithmetic_side_effects)] // 1970 <= year <= LAST_YEAR: as above
pub(super) fn days_of(date: Date) -> u32 {
    let year = date.year - u32::from(date.month <= 2);
    let era = year / YEARS_PER_ERA;
    let year_of_era = year % YEARS_PER_ERA;
    let month_from_march = if date.month > 2 {
        date.month - 3
    } else {
        date.month + 9
    };
    let day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - EPOCH_SHIFT
}
