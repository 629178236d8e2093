//! Five-field cron schedules as bit sets, always UTC.
//!
//! The dialect is the one that users of cron know (`man 5 crontab`): `*`, numbers, lists `1,2`,
//! ranges `1-5`, steps `*/15`, `8-18/2` and `5/15` (from 5 to the end), names of months and days
//! in any case, 0 and 7 for Sunday. A step in the day of week ends on Saturday: `1/2` is 1, 3, 5.
//! For the two day fields Vixie's rule holds: if either *begins*
//! with `*` a day must match both, else it is enough to match one.

use core::fmt;

mod display;
mod next;
mod parse;

pub use next::LAST_YEAR;
pub use parse::ParseError;

/// Five cron fields; bit n of a field stands for the value n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 23.
    pub hour: u32,
    /// 1 to 31.
    pub day_of_month: u32,
    /// 1 to 12.
    pub month: u16,
    /// 0 to 6, 0 is Sunday.
    pub day_of_week: u8,
    /// The day of month began with `*`.
    pub day_of_month_star: bool,
    /// The day of week began with `*`.
    pub day_of_week_star: bool,
}

/// One of the five fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12, or JAN to DEC.
    Month,
    /// 0 to 7, or SUN to SAT; 0 and 7 are Sunday.
    DayOfWeek,
}

impl Field {
    /// In the order of an expression.
    pub const ALL: [Field; 5] = [
        Field::Minute,
        Field::Hour,
        Field::DayOfMonth,
        Field::Month,
        Field::DayOfWeek,
    ];

    /// The name used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::DayOfMonth => "day of month",
            Field::Month => "month",
            Field::DayOfWeek => "day of week",
        }
    }

    /// Lowest and highest value of a bit set.
    const fn bounds(self) -> (u32, u32) {
        match self {
            Field::Minute => (0, 59),
            Field::Hour => (0, 23),
            Field::DayOfMonth => (1, 31),
            Field::Month => (1, 12),
            Field::DayOfWeek => (0, 6),
        }
    }

    /// The largest step that `*` may have: of the days of the week 7, which takes both Sundays.
    const fn span(self) -> u32 {
        let (low, high) = self.bounds();
        match self {
            Field::DayOfWeek => 7,
            _ => high.saturating_sub(low),
        }
    }

    /// The set of `*/step`.
    fn multiples(self, step: u32) -> u64 {
        let (low, high) = self.bounds();
        (low..=high)
            .step_by(usize::try_from(step).unwrap_or(usize::MAX))
            .fold(0, |all, value| all | 1_u64.wrapping_shl(value))
    }

    /// The smallest step whose `*/step` lies in a set: what an expression of it begins with, if it begins
    /// with `*`.
    fn densest_step(self, set: u64) -> Option<u32> {
        (1..=self.span()).find(|step| self.multiples(*step) & !set == 0)
    }

    /// The set of every value.
    const fn all(self) -> u64 {
        let (low, high) = self.bounds();
        bits_up_to(high) & bits_from(low)
    }
}

/// Why a schedule's bit sets are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// A bit outside the field's values, no bit at all, or a `*` that does not begin at the lowest.
    Field(Field),
    /// No month of the set has a day of the set.
    NeverFires,
}

impl core::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Field(field) => write!(f, "{}: no valid set of values", field.name()),
            Invalid::NeverFires => f.write_str("no month of the schedule has such a day"),
        }
    }
}

impl Schedule {
    /// Reads an expression of five fields, separated by blanks.
    ///
    /// # Errors
    /// [`ParseError`] names the field, its text and what would be valid. An expression that
    /// never fires, such as `0 0 31 2 *`, is refused.
    pub fn parse(expression: &str) -> Result<Schedule, ParseError<'_>> {
        parse::parse(expression)
    }

    /// Checks bit sets that came from somewhere else than [`Schedule::parse`].
    ///
    /// # Errors
    /// [`Invalid`] names the field, or says that the schedule never fires.
    pub fn validate(&self) -> Result<(), Invalid> {
        for field in Field::ALL {
            let (set, all) = (self.set(field), field.all());
            let no_star = self.is_star(field) && field.densest_step(set).is_none();
            if set == 0 || set & !all != 0 || no_star {
                return Err(Invalid::Field(field));
            }
        }
        if self.fires() {
            Ok(())
        } else {
            Err(Invalid::NeverFires)
        }
    }

    /// When the schedule fires first after `unix_seconds`, strictly; unix seconds, a whole minute.
    ///
    /// A time before 1970 counts as just before 1970. `None` if that would be after the year
    /// [`LAST_YEAR`], or if the schedule never fires; for bit sets that [`Schedule::validate`]
    /// refuses for another reason the answer means nothing. Never panics, and costs at most some
    /// hundred steps: see `next.rs`.
    pub fn next_after(&self, unix_seconds: i64) -> Option<i64> {
        next::next_after(self, unix_seconds)
    }

    /// Whether a day must match both day fields (Vixie's rule).
    const fn matches_both_days(&self) -> bool {
        self.day_of_month_star || self.day_of_week_star
    }

    /// Whether the schedule fires at all, given that no field is empty.
    ///
    /// If one day field is enough, every week has a day of the set. If both must match, some month
    /// must have some day of the set; every date falls on every day of the week in some year.
    fn fires(&self) -> bool {
        !self.matches_both_days()
            || (1..=12).any(|month| {
                let longest = next::days_in_month(2000, month); // a leap year
                u64::from(self.month) & 1_u64.wrapping_shl(month) != 0
                    && u64::from(self.day_of_month) & bits_up_to(longest) != 0
            })
    }

    fn set(&self, field: Field) -> u64 {
        match field {
            Field::Minute => self.minute,
            Field::Hour => u64::from(self.hour),
            Field::DayOfMonth => u64::from(self.day_of_month),
            Field::Month => u64::from(self.month),
            Field::DayOfWeek => u64::from(self.day_of_week),
        }
    }

    const fn is_star(&self, field: Field) -> bool {
        match field {
            Field::DayOfMonth => self.day_of_month_star,
            Field::DayOfWeek => self.day_of_week_star,
            _ => false,
        }
    }
}

/// Bits `low` to 63; none if `low` is above.
const fn bits_from(low: u32) -> u64 {
    match u64::MAX.checked_shl(low) {
        Some(bits) => bits,
        None => 0,
    }
}

/// Bits 0 to `high`; all if `high` is 63 or more.
const fn bits_up_to(high: u32) -> u64 {
    !bits_from(high.saturating_add(1))
}

/// The lowest value of a set that is `low` or more.
fn first_from(set: u64, low: u32) -> Option<u32> {
    let rest = set & bits_from(low);
    (rest != 0).then(|| rest.trailing_zeros())
}

#[cfg(test)]
mod tests;
