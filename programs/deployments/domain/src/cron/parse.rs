//! Expressions to bit sets.

use super::{bits_from, bits_up_to, Field, Schedule};
use core::fmt;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Shorthands of other crons, and what they mean in five fields.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Why an expression is refused; one line that says what is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError<'a> {
    /// Not five fields; how many there are.
    FieldCount(usize),
    /// A shorthand such as `@daily`; the five fields to write instead.
    Nickname(&'static str),
    /// An item of a field is not valid.
    Item {
        /// The field that is not valid.
        field: Field,
        /// Its text.
        text: &'a str,
    },
    /// Every field is valid, but no month has such a day.
    NeverFires,
}

impl core::error::Error for ParseError<'_> {}

impl fmt::Display for ParseError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::FieldCount(count) => write!(
                f,
                "use five fields (minute hour day-of-month month day-of-week), not {count}"
            ),
            ParseError::Nickname(fields) => write!(f, "write \"{fields}\" instead"),
            ParseError::Item { field, text } => {
                let (low, high) = field.bounds();
                let (high, names) = match field {
                    Field::Month => (high, ", JAN to DEC"),
                    Field::DayOfWeek => (7, ", SUN to SAT"),
                    _ => (high, ""),
                };
                write!(
                    f,
                    "{}: {text:?} is not valid, use {low} to {high}{names}, *, lists (1,2), ranges (1-5) and steps (*/15)",
                    field.name()
                )
            }
            ParseError::NeverFires => f.write_str("it never fires, no month of it has such a day"),
        }
    }
}

pub(super) fn parse(expression: &str) -> Result<Schedule, ParseError<'_>> {
    let trimmed = expression.trim();
    if let Some((_, fields)) = NICKNAMES
        .iter()
        .find(|(name, _)| trimmed.eq_ignore_ascii_case(name))
    {
        return Err(ParseError::Nickname(fields));
    }
    let mut texts = expression.split_whitespace();
    let mut next = || texts.next();
    let (Some(minute), Some(hour), Some(day), Some(month), Some(weekday), None) =
        (next(), next(), next(), next(), next(), next())
    else {
        return Err(ParseError::FieldCount(
            expression.split_whitespace().count(),
        ));
    };
    let schedule = Schedule {
        minute: set(Field::Minute, minute)?,
        hour: narrow(Field::Hour, hour)?,
        day_of_month: narrow(Field::DayOfMonth, day)?,
        month: narrow(Field::Month, month)?,
        day_of_week: narrow(Field::DayOfWeek, weekday)?,
        day_of_month_star: day.starts_with('*'),
        day_of_week_star: weekday.starts_with('*'),
    };
    if schedule.fires() {
        Ok(schedule)
    } else {
        Err(ParseError::NeverFires)
    }
}

fn narrow<T: TryFrom<u64>>(field: Field, text: &str) -> Result<T, ParseError<'_>> {
    T::try_from(set(field, text)?).map_err(|_| ParseError::Item { field, text })
}

/// The set of a whole field, a list of items.
fn set(field: Field, text: &str) -> Result<u64, ParseError<'_>> {
    text.split(',').try_fold(0, |set, text| {
        item(field, text)
            .map(|more| set | more)
            .ok_or(ParseError::Item { field, text })
    })
}

/// The set of one item: `*`, `a`, `a-b`, each with `/step` or without.
fn item(field: Field, text: &str) -> Option<u64> {
    let (range, step) = match text.split_once('/') {
        None => (text, None),
        Some((range, step)) => (range, Some(number(step).filter(|step| *step > 0)?)),
    };
    let (low, high) = bounds(field, range, step.is_some())?;
    let every = bits_from(low) & bits_up_to(high);
    let set = match step {
        None | Some(1) => every,
        Some(step) => (low..=high)
            .step_by(usize::try_from(step).ok()?)
            .fold(0, |set, value| set | 1_u64.wrapping_shl(value)),
    };
    Some(match field {
        // 7 is Sunday too.
        Field::DayOfWeek => (set | set.wrapping_shr(7)) & Field::DayOfWeek.all(),
        _ => set,
    })
}

/// First and last value of a range; a single value with a step reaches to the field's end.
fn bounds(field: Field, range: &str, stepped: bool) -> Option<(u32, u32)> {
    let (lowest, highest) = field.bounds();
    if range == "*" {
        return Some((lowest, highest));
    }
    match range.split_once('-') {
        None => {
            let value = value(field, range)?;
            Some((value, if stepped { value.max(highest) } else { value }))
        }
        Some((low, high)) => {
            let (low, high) = (value(field, low)?, value(field, high)?);
            // A range that ends on Sunday, such as FRI-SUN, ends with 7.
            let high = match (field, high) {
                (Field::DayOfWeek, 0) if low > 0 => 7,
                _ => high,
            };
            (low <= high).then_some((low, high))
        }
    }
}

/// A number within the field, or a name of a month or day. For days of the week up to 7.
fn value(field: Field, text: &str) -> Option<u32> {
    let (low, high) = match field {
        Field::DayOfWeek => (0, 7),
        _ => field.bounds(),
    };
    let named = |names: &[&str], first: u32| {
        let position = names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name))?;
        u32::try_from(position).ok()?.checked_add(first)
    };
    let value = match field {
        Field::Month => named(&MONTHS, 1),
        Field::DayOfWeek => named(&DAYS, 0),
        _ => None,
    };
    value
        .or_else(|| number(text))
        .filter(|value| (low..=high).contains(value))
}

/// Decimal digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}
