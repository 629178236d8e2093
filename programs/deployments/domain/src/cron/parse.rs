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
    /// `@reboot`: nothing boots.
    Reboot,
    /// A step that reaches past the end, so that the first value is all that is left.
    Step {
        /// The field that is not valid.
        field: Field,
        /// Its text.
        text: &'a str,
        /// The value that is left.
        first: u32,
        /// The largest step that takes another one.
        most: u32,
    },
    /// A range that runs past the end.
    Wraps {
        /// The field that is not valid.
        field: Field,
        /// Its text.
        text: &'a str,
        /// The ranges to write instead, up to the end and from the beginning.
        instead: [(&'a str, &'a str); 2],
    },
    /// Something that only other crons know; what to do about it.
    Foreign {
        /// The field that is not valid.
        field: Field,
        /// Its text.
        text: &'a str,
        /// A way out.
        way_out: &'static str,
    },
    /// Every field is valid, but no month has such a day.
    NeverFires,
}

/// Letters of other crons, and what to do without them.
const FOREIGN: [(&str, &str); 4] = [
    (
        "L",
        "nothing stands for the last day; use 28, which every month has, or list the days",
    ),
    (
        "#",
        "which week of a month cannot be said; use days of the month, such as 1-7",
    ),
    (
        "W",
        "nothing stands for the nearest weekday; use MON-FRI as days of the week",
    ),
    (
        "H",
        "nothing chooses a value for you; use one of your own, such as 17",
    ),
];

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
            ParseError::Reboot => f.write_str(
                "nothing boots here; use the strategy SIMPLE for once, or INFINITE for always",
            ),
            ParseError::Step {
                field,
                text,
                first,
                most,
            } => {
                write!(
                    f,
                    "{}: {text:?} is {first} alone, write \"{first}\"",
                    field.name()
                )?;
                match most {
                    0 => Ok(()),
                    _ => write!(f, " or a step of 1 to {most}"),
                }
            }
            ParseError::Wraps {
                field,
                text,
                instead,
            } => {
                write!(f, "{}: {text:?} runs past the end, write \"", field.name())?;
                for (position, (low, high)) in instead.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    match low.eq_ignore_ascii_case(high) {
                        true => write!(f, "{comma}{low}")?,
                        false => write!(f, "{comma}{low}-{high}")?,
                    }
                }
                f.write_str("\" instead")
            }
            ParseError::Foreign {
                field,
                text,
                way_out,
            } => write!(f, "{}: {text:?} is not valid, {way_out}", field.name()),
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
    if trimmed.eq_ignore_ascii_case("@reboot") {
        return Err(ParseError::Reboot);
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
        day_of_month_star: day.starts_with(['*', '?']),
        day_of_week_star: weekday.starts_with(['*', '?']),
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
            .ok_or_else(|| why_not(field, text))
    })
}

/// Why an item is not valid.
fn why_not(field: Field, text: &str) -> ParseError<'_> {
    let (range, step) = text.split_once('/').unwrap_or((text, ""));
    if let (Some((first, last)), Some(_)) = (bounds(field, range, true), positive(step)) {
        let most = last.saturating_sub(first);
        return ParseError::Step {
            field,
            text,
            first,
            most,
        };
    }
    if let Some((low, high)) = text.split_once('-') {
        if value(field, low) > value(field, high) && value(field, high).is_some() {
            let (first, last) = ends(field, low);
            let instead = [(low, last), (first, high)];
            return ParseError::Wraps {
                field,
                text,
                instead,
            };
        }
    }
    let is_foreign = |letter: &str| {
        text.contains('#') && letter == "#"
            || words(text).any(|word| word.eq_ignore_ascii_case(letter))
    };
    let foreign = FOREIGN.iter().find(|(letter, _)| is_foreign(letter));
    match foreign {
        Some((_, way_out)) => ParseError::Foreign {
            field,
            text,
            way_out,
        },
        None => ParseError::Item { field, text },
    }
}

/// A field's first and last value, as a name if `like` is one.
fn ends(field: Field, like: &str) -> (&'static str, &'static str) {
    let is_named = like.bytes().any(|byte| byte.is_ascii_alphabetic());
    match (field, is_named) {
        (Field::Minute, _) => ("0", "59"),
        (Field::Hour, _) => ("0", "23"),
        (Field::DayOfMonth, _) => ("1", "31"),
        (Field::Month, false) => ("1", "12"),
        (Field::Month, true) => ("JAN", "DEC"),
        // A range that ends on Sunday ends with 7, so one that begins after it begins on Monday.
        (Field::DayOfWeek, false) => ("1", "7"),
        (Field::DayOfWeek, true) => ("MON", "SUN"),
    }
}

/// What stands between digits and signs.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|one: char| !one.is_ascii_alphabetic())
}

/// The set of one item: `*`, `a`, `a-b`, each with `/step` or without.
fn item(field: Field, text: &str) -> Option<u64> {
    let (range, step) = match text.split_once('/') {
        None => (text, None),
        Some((range, step)) => (range, Some(positive(step)?)),
    };
    let (low, high) = bounds(field, range, step.is_some())?;
    if step.is_some_and(|step| step > high.saturating_sub(low)) {
        return None;
    }
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
    let is_day = matches!(field, Field::DayOfMonth | Field::DayOfWeek);
    if range == "*" || is_day && range == "?" {
        // Up to 7, which is Sunday too: so `*/7` is Sundays, with a star.
        let last = match field {
            Field::DayOfWeek => 7,
            _ => highest,
        };
        return Some((lowest, last));
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

/// A step.
fn positive(text: &str) -> Option<u32> {
    number(text).filter(|step| *step > 0)
}

/// Decimal digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}
