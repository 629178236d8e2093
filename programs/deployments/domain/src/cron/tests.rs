use super::{next::*, *};
use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

fn schedule(expression: &str) -> Schedule {
    Schedule::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
}

fn days(year: u32, month: u32, day: u32) -> i64 {
    i64::from(days_of(Date { year, month, day }))
}

fn midnight(year: u32, month: u32, day: u32) -> i64 {
    days(year, month, day) * 86_400
}

fn bits(values: &[u32]) -> u64 {
    values.iter().fold(0, |set, value| set | 1 << value)
}

#[test]
fn a_set_that_no_expression_makes_says_what_is_wrong_with_it() {
    let field = Invalid::Field(Field::DayOfMonth).to_string();
    assert_eq!(field, "day of month: no valid set of values");
    let never = Invalid::NeverFires.to_string();
    assert_eq!(never, "no month of the schedule has such a day");
}

#[test]
fn fields_are_read_as_users_of_cron_know_them() {
    let cases: [(&str, Field, &[u32]); 21] = [
        ("5 * * * *", Field::Minute, &[5]),
        ("05 * * * *", Field::Minute, &[5]),
        ("1,2,40 * * * *", Field::Minute, &[1, 2, 40]),
        ("*/20 * * * *", Field::Minute, &[0, 20, 40]),
        ("50/4 * * * *", Field::Minute, &[50, 54, 58]),
        ("10-20/5,3 * * * *", Field::Minute, &[3, 10, 15, 20]),
        ("*/59 * * * *", Field::Minute, &[0, 59]),
        ("0 22-23 * * *", Field::Hour, &[22, 23]),
        ("0 0 31 * *", Field::DayOfMonth, &[31]),
        ("0 0 * JAN,dec *", Field::Month, &[1, 12]),
        ("0 0 * Mar-May *", Field::Month, &[3, 4, 5]),
        ("0 0 * * 7", Field::DayOfWeek, &[0]),
        ("0 0 * * 5-7", Field::DayOfWeek, &[0, 5, 6]),
        ("0 0 * * FRI-sun", Field::DayOfWeek, &[0, 5, 6]),
        ("0 0 * * SUN-SUN", Field::DayOfWeek, &[0]),
        ("0 0 * * 0-0", Field::DayOfWeek, &[0]),
        ("0 0 * * 0-7", Field::DayOfWeek, &[0, 1, 2, 3, 4, 5, 6]),
        ("0 0 * * 1/2", Field::DayOfWeek, &[1, 3, 5]),
        ("\t0  0 * *\tmon ", Field::DayOfWeek, &[1]),
        ("0 0 1 * */7", Field::DayOfWeek, &[0]),
        ("0 0 ? * SAT", Field::DayOfWeek, &[6]),
    ];
    for (expression, field, values) in cases {
        assert_eq!(
            schedule(expression).set(field),
            bits(values),
            "{expression}"
        );
    }
    let all = schedule("* * * * *");
    assert!(Field::ALL
        .iter()
        .all(|field| all.set(*field) == field.all()));
    assert!(all.day_of_month_star && all.day_of_week_star);
    assert_eq!(schedule("* * ? * ?"), all, "as in Quartz");
    let stepped = schedule("0 0 */2 * 1-5");
    assert!(stepped.day_of_month_star && !stepped.day_of_week_star);
}

#[test]
fn refusals_name_the_field_the_text_and_what_is_valid() {
    let values = "*, lists (1,2), ranges (1-5) and steps (*/15)";
    let cases: Vec<(&str, String)> = std::vec![
        (
            "60 * * * *",
            format!("minute: \"60\" is not valid, use 0 to 59, {values}")
        ),
        (
            "* 24 * * *",
            format!("hour: \"24\" is not valid, use 0 to 23, {values}")
        ),
        (
            "* * 0 * *",
            format!("day of month: \"0\" is not valid, use 1 to 31, {values}")
        ),
        (
            "* * * 13 *",
            format!("month: \"13\" is not valid, use 1 to 12, JAN to DEC, {values}")
        ),
        (
            "* * * * 8",
            format!("day of week: \"8\" is not valid, use 0 to 7, SUN to SAT, {values}")
        ),
        (
            "1,,2 * * * *",
            format!("minute: \"\" is not valid, use 0 to 59, {values}")
        ),
        (
            "",
            "use five fields (minute hour day-of-month month day-of-week), not 0".into()
        ),
        (
            "* * * *",
            "use five fields (minute hour day-of-month month day-of-week), not 4".into()
        ),
        (
            "0 * * * * *",
            "use five fields (minute hour day-of-month month day-of-week), not 6".into()
        ),
        ("@Reboot", "nothing boots here; use the strategy SIMPLE for once, or INFINITE for always".into()),
        ("? * * * *", format!("minute: \"?\" is not valid, use 0 to 59, {values}")),
        ("*/0 * * * *", format!("minute: \"*/0\" is not valid, use 0 to 59, {values}")),
        ("*/90 * * * *", "minute: \"*/90\" is 0 alone, write \"0\" or a step of 1 to 59".into()),
        ("*/60 * * * *", "minute: \"*/60\" is 0 alone, write \"0\" or a step of 1 to 59".into()),
        ("* */25 * * *", "hour: \"*/25\" is 0 alone, write \"0\" or a step of 1 to 23".into()),
        ("5,50/10 * * * *", "minute: \"50/10\" is 50 alone, write \"50\" or a step of 1 to 9".into()),
        ("1-5/5 * * * *", "minute: \"1-5/5\" is 1 alone, write \"1\" or a step of 1 to 4".into()),
        ("0 0 * * */8", "day of week: \"*/8\" is 0 alone, write \"0\" or a step of 1 to 7".into()),
        ("59/1 * * * *", "minute: \"59/1\" is 59 alone, write \"59\"".into()),
        ("0 0 * * FRI-MON", "day of week: \"FRI-MON\" runs past the end, write \"FRI-SUN,MON\" instead".into()),
        ("0 0 * * sat-tue", "day of week: \"sat-tue\" runs past the end, write \"sat-SUN,MON-tue\" instead".into()),
        ("0 0 * * 5-1", "day of week: \"5-1\" runs past the end, write \"5-7,1\" instead".into()),
        ("0 0 * NOV-FEB *", "month: \"NOV-FEB\" runs past the end, write \"NOV-DEC,JAN-FEB\" instead".into()),
        ("50-10 * * * *", "minute: \"50-10\" runs past the end, write \"50-59,0-10\" instead".into()),
        ("0 22-3 * * *", "hour: \"22-3\" runs past the end, write \"22-23,0-3\" instead".into()),
        ("0 0 L * *", "day of month: \"L\" is not valid, nothing stands for the last day; use 28, which every month has, or list the days".into()),
        ("0 0 * * 5L", "day of week: \"5L\" is not valid, nothing stands for the last day; use 28, which every month has, or list the days".into()),
        ("0 0 15W * *", "day of month: \"15W\" is not valid, nothing stands for the nearest weekday; use MON-FRI as days of the week".into()),
        ("0 0 * * MON#2", "day of week: \"MON#2\" is not valid, which week of a month cannot be said; use days of the month, such as 1-7".into()),
        ("H H(0-7) * * *", "minute: \"H\" is not valid, nothing chooses a value for you; use one of your own, such as 17".into()),
        ("@Daily", "write \"0 0 * * *\" instead".into()),
        (
            "0 0 31 2 *",
            "it never fires, no month of it has such a day".into()
        ),
        (
            "0 0 30,31 FEB *",
            "it never fires, no month of it has such a day".into()
        ),
        (
            "0 0 31 4,6,9,11 *",
            "it never fires, no month of it has such a day".into()
        ),
    ];
    for (expression, message) in cases {
        assert_eq!(
            Schedule::parse(expression).unwrap_err().to_string(),
            message,
            "{expression}"
        );
    }
    for item in [
        "-1",
        "+1",
        "1-",
        "-",
        "5-1",
        "*/0",
        "*/",
        "/2",
        "1/",
        "1//2",
        "**",
        "*-3",
        "a",
        "jan",
        "1.5",
        "4294967296",
    ] {
        let expression = format!("{item} * * * *");
        assert!(Schedule::parse(&expression).is_err(), "{expression}");
    }
}

#[test]
fn firings_by_hand() {
    let new_year_2026 = midnight(2026, 1, 1); // a Thursday
    let cases = [
        ("0 0 * * *", new_year_2026, new_year_2026 + 86_400),
        ("0 0 * * *", new_year_2026 - 1, new_year_2026),
        ("* * * * *", new_year_2026, new_year_2026 + 60),
        ("* * * * *", new_year_2026 + 59, new_year_2026 + 60),
        (
            "30 9 * * 1-5",
            midnight(2026, 1, 2) + 34_200,
            midnight(2026, 1, 5) + 34_200,
        ),
        ("0 0 31 * *", midnight(2026, 1, 31), midnight(2026, 3, 31)),
        ("0 0 1 1 *", midnight(2026, 1, 1), midnight(2027, 1, 1)),
        ("0 0 29 2 *", midnight(2026, 1, 1), midnight(2028, 2, 29)),
        ("0 0 29 2 *", midnight(2096, 2, 29), midnight(2104, 2, 29)),
        // Vixie's rule: either day field is enough if both are restricted ...
        ("0 0 13 * 5", midnight(2026, 1, 2), midnight(2026, 1, 9)),
        ("0 0 13 * 5", midnight(2026, 1, 9), midnight(2026, 1, 13)),
        // ... and both must match if one begins with a star: an odd day that is a Monday.
        ("0 0 */2 * 1", midnight(2026, 1, 1), midnight(2026, 1, 5)),
        ("0 0 */2 * 1", midnight(2026, 1, 5), midnight(2026, 1, 19)),
    ];
    for (expression, after, expected) in cases {
        assert_eq!(
            schedule(expression).next_after(after),
            Some(expected),
            "{expression} {after}"
        );
    }
}

#[test]
fn days_and_dates_convert_both_ways_over_the_whole_range() {
    let mut expected = Date {
        year: 1970,
        month: 1,
        day: 1,
    };
    for day in 0..days_of(Date {
        year: LAST_YEAR,
        month: 12,
        day: 31,
    }) {
        assert_eq!(date_of(day), expected);
        assert_eq!(days_of(expected), day);
        expected.day += 1;
        if expected.day > days_in_month(expected.year, expected.month) {
            expected = Date {
                day: 1,
                month: expected.month + 1,
                ..expected
            };
        }
        if expected.month > 12 {
            expected = Date {
                year: expected.year + 1,
                month: 1,
                day: 1,
            };
        }
    }
}

/// The slow truth: does a minute match?
fn matches(schedule: &Schedule, minute: i64) -> bool {
    let days = u32::try_from(minute / 1440).unwrap();
    let date = date_of(days);
    let has = |set: u64, value: u32| set >> value & 1 == 1;
    let by_date = has(u64::from(schedule.day_of_month), date.day);
    let by_weekday = has(u64::from(schedule.day_of_week), (days + 4) % 7);
    let day = if schedule.day_of_month_star || schedule.day_of_week_star {
        by_date && by_weekday
    } else {
        by_date || by_weekday
    };
    day && has(u64::from(schedule.month), date.month)
        && has(
            u64::from(schedule.hour),
            u32::try_from(minute % 1440 / 60).unwrap(),
        )
        && has(schedule.minute, u32::try_from(minute % 60).unwrap())
}

#[test]
fn nothing_is_skipped_and_nothing_invented() {
    // Every minute of 70 days across a leap day, for schedules with stepped stars too.
    let start = midnight(2028, 2, 1);
    for expression in [
        "*/7 3-5 * * *",
        "0 0 */3 * 2",
        "15 12 1-7 * */2",
        "59 23 28-31 2,3 0",
        "5/25 */6 * * 6,0",
    ] {
        let schedule = schedule(expression);
        let mut next = schedule.next_after(start - 1).unwrap();
        for minute in start / 60..start / 60 + 70 * 1440 {
            assert_eq!(
                next == minute * 60,
                matches(&schedule, minute),
                "{expression} {minute}"
            );
            if next == minute * 60 {
                next = schedule.next_after(next).unwrap();
            }
        }
    }
}

#[test]
fn the_horizon_covers_the_rarest_schedules_over_a_full_cycle() {
    // 29 February on each day of the week, for 400 years.
    let mut longest = 0;
    for weekday in 0..7_u8 {
        let rare = Schedule {
            day_of_week: 1 << weekday,
            day_of_month_star: true,
            ..schedule("0 0 29 2 *")
        };
        let mut at = midnight(2000, 1, 1);
        while at < midnight(2400, 12, 31) {
            let next = rare.next_after(at).unwrap();
            longest = longest.max((next - at) / 86_400 / 365);
            at = next;
        }
    }
    assert_eq!(longest, 40);
}

#[test]
fn extremes_of_time_neither_panic_nor_repeat() {
    let end = midnight(LAST_YEAR, 12, 31);
    for expression in ["* * * * *", "0 0 29 2 *", "0 0 1 1 *", "59 23 31 12 *"] {
        let schedule = schedule(expression);
        let first = schedule.next_after(i64::MIN).unwrap();
        assert!(first >= 0);
        assert_eq!(schedule.next_after(-1), Some(first));
        for now in [i64::MAX, i64::MAX - 1, end + 86_400, end + 86_340] {
            assert_eq!(schedule.next_after(now), None, "{expression} {now}");
        }
    }
    assert_eq!(
        schedule("59 23 31 12 *").next_after(end),
        Some(end + 86_340)
    );
}

#[test]
fn bit_sets_that_no_expression_has_are_refused() {
    let good = schedule("0 0 1 1 1");
    assert_eq!(good.validate(), Ok(()));
    let bad = [
        (Schedule { minute: 0, ..good }, Field::Minute),
        (
            Schedule {
                minute: 1 << 60,
                ..good
            },
            Field::Minute,
        ),
        (
            Schedule {
                hour: 1 << 24,
                ..good
            },
            Field::Hour,
        ),
        (
            Schedule {
                day_of_month: 1,
                ..good
            },
            Field::DayOfMonth,
        ),
        (Schedule { month: 1, ..good }, Field::Month),
        (
            Schedule {
                month: 1 << 13,
                ..good
            },
            Field::Month,
        ),
        (
            Schedule {
                day_of_week: 1 << 7,
                ..good
            },
            Field::DayOfWeek,
        ),
        (
            Schedule {
                day_of_week_star: true,
                ..good
            },
            Field::DayOfWeek,
        ),
        // No step of `*/step` takes the first day alone.
        (
            Schedule {
                day_of_month_star: true,
                ..good
            },
            Field::DayOfMonth,
        ),
    ];
    for (schedule, field) in bad {
        assert_eq!(
            schedule.validate(),
            Err(Invalid::Field(field)),
            "{schedule:?}"
        );
        let _ = (schedule.next_after(0), schedule.to_string()); // meaningless, but no panic
    }
    let never = Schedule {
        day_of_month: 1 << 31,
        month: 1 << 2,
        ..schedule("0 0 1 1 *")
    };
    assert_eq!(never.validate(), Err(Invalid::NeverFires));
    assert_eq!(never.next_after(0), None);
}

#[test]
fn every_schedule_prints_an_expression_that_reads_back() {
    let cases = [
        ("0 0 * * *", "0 0 * * *"),
        ("*/15 9-17 * * MON-FRI", "0,15,30,45 9-17 * * 1-5"),
        ("0-59 0-23 1-31 1-12 0-6", "* * 1-31 * 0-6"),
        ("0 0 */2,2 * 7", "0 0 */2,2 * 0"),
        ("0 0 */30 2 */7", "0 0 */30 2 */7"),
        ("1,2,3,5 0 1 1 *", "1-3,5 0 1 1 *"),
    ];
    for (expression, printed) in cases {
        assert_eq!(schedule(expression).to_string(), printed);
        assert_eq!(schedule(printed), schedule(expression));
    }
}
