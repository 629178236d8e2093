//! Bit sets back to an expression that parses to the same schedule.

use super::{bits_up_to, first_from, Field, Schedule};
use core::fmt;

impl fmt::Display for Schedule {
    /// The canonical expression, e.g. `0 0 * * 1-5`. For a schedule that [`Schedule::validate`]
    /// refuses the text means nothing, but it is printed without a panic.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for field in Field::ALL {
            if field != Field::Minute {
                f.write_str(" ")?;
            }
            let set = self.set(field);
            let has_flag = matches!(field, Field::DayOfMonth | Field::DayOfWeek);
            if self.is_star(field) || (!has_flag && set == field.all()) {
                write_star(f, field, set)?;
            } else {
                write_list(f, set)?;
            }
        }
        Ok(())
    }
}

/// A field that begins with `*`: the densest `*/step` that the set holds, then what is left.
fn write_star(f: &mut fmt::Formatter<'_>, field: Field, set: u64) -> fmt::Result {
    let step = field.densest_step(set).unwrap_or(field.span());
    match step {
        1 => return f.write_str("*"),
        _ => write!(f, "*/{step}")?,
    }
    let rest = set & !field.multiples(step);
    if rest == 0 {
        return Ok(());
    }
    f.write_str(",")?;
    write_list(f, rest)
}

/// Values and ranges, separated by commas.
fn write_list(f: &mut fmt::Formatter<'_>, set: u64) -> fmt::Result {
    let mut rest = set;
    while let Some(low) = first_from(rest, 0) {
        if rest != set {
            f.write_str(",")?;
        }
        // The first value after `low` that is not in the set ends the run.
        let end = first_from(!rest, low).unwrap_or(64);
        let high = end.saturating_sub(1);
        match high {
            _ if high == low => write!(f, "{low}")?,
            _ => write!(f, "{low}-{high}")?,
        }
        rest &= !bits_up_to(high);
    }
    Ok(())
}
