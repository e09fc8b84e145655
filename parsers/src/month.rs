//! A calendar month: the period of a rent, of a bill, of a configuration value. Not a date.

use jiff::civil::Date;
use serde::Serialize;
use std::fmt;

/// The day of a date (`2025-08-01`) or of a wall-clock time, whatever its offset: `2025-08-01 00:00:00 +0200` is 1 August.
/// `None` for a day that does not exist or lies outside 1900 to 2199.
pub(crate) fn wall_day(text: &str) -> Option<Date> {
    let day = text.split_once([' ', 'T']).map_or(text, |(day, _)| day);
    let date: Date = day.parse().ok()?;
    (day.len() == 10 && (1900..2200).contains(&date.year())).then_some(date)
}

/// A month of a year, `2025-02`. Months order and count, they have no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month `month` (1 to 12) of `year` (1900 to 2199); `None` outside.
    pub fn new(year: i64, month: i64) -> Option<Month> {
        let inside = (1900..2200).contains(&year) && (1..=12).contains(&month);
        inside.then_some(Month { year: year as i16, month: month as i8 })
    }

    /// The month that a day lies in.
    pub fn of(date: Date) -> Month {
        Month { year: date.year(), month: date.month() }
    }

    /// Reads `YYYY-MM` or `YYYY-MM-01`, and nothing else.
    pub fn parse(text: &str) -> Option<Month> {
        let text = text.strip_suffix("-01").filter(|t| t.len() == 7).unwrap_or(text);
        let (year, month) = text.split_once('-')?;
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        Month::new(year.parse().ok()?, month.parse().ok()?)
    }

    /// The period of a bill by its due date: due on day `due_day_from` or later, the due month; earlier, the month
    /// before (a bill due on 1 January is December's). Rule of the household's bill history.
    pub fn billed(due: Date, due_day_from: i8) -> Month {
        let month = Month::of(due);
        if due.day() >= due_day_from { month } else { month.plus(-1) }
    }

    /// The month `n` months later (earlier when negative), kept within the years a [`Date`] can hold.
    pub fn plus(self, n: i32) -> Month {
        let index = self.index() + n;
        let year = index.div_euclid(12).clamp(1, 9998);
        Month { year: year as i16, month: (index.rem_euclid(12) + 1) as i8 }
    }

    /// Months from `self` to `other`; negative when `other` is earlier.
    pub fn until(self, other: Month) -> i32 {
        other.index() - self.index()
    }

    fn index(self) -> i32 {
        i32::from(self.year) * 12 + i32::from(self.month) - 1
    }

    /// The first day.
    pub fn first(self) -> Date {
        jiff::civil::date(self.year, self.month, 1)
    }

    /// The last day.
    pub fn last(self) -> Date {
        self.first().last_of_month()
    }

    /// How many days the month has.
    pub fn days(self) -> i8 {
        self.last().day()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_due_on_the_first_of_january_is_decembers() {
        let due = jiff::civil::date(2025, 1, 1);
        assert_eq!(Month::billed(due, 25).to_string(), "2024-12");
        assert_eq!(Month::billed(jiff::civil::date(2025, 1, 25), 25).to_string(), "2025-01");
        assert_eq!(Month::billed(jiff::civil::date(2025, 1, 24), 25).to_string(), "2024-12");
    }

    #[test]
    fn only_months_are_months() {
        for bad in ["2025-13", "2025-00", "2025-2", "2025-02-02", "2025-02-01-01", "25-02", "", "2025", "+025-02", "1899-12"] {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
        assert_eq!(Month::parse("2025-02-01"), Month::parse("2025-02"));
        assert_eq!(Month::parse("2025-01-01").unwrap().to_string(), "2025-01");
    }

    proptest::proptest! {
        #[test]
        fn a_printed_month_reads_back(year in 1900i64..2200, month in 1i64..=12) {
            let m = Month::new(year, month).unwrap();
            proptest::prop_assert_eq!(Month::parse(&m.to_string()), Some(m));
            proptest::prop_assert_eq!(m.plus(17).plus(-17), m);
            proptest::prop_assert_eq!(m.until(m.plus(-5)), -5);
        }
    }
}
