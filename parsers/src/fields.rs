//! The columns of a declared table as a file writes them: text to typed value, by the source's reading rules.

use crate::amount::{NumberStyle, SPACES, grouped};
use crate::diagnostic::{Severity, Span};
use crate::format::{Context, OptionSpec, OptionValue, Options};
use crate::month::Month;
use crate::parsed::Parsed;
use crate::record::FieldValue;
use crate::text::Text;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// A column that a source fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in the table.
    pub name: String,
    /// Where the file has it: a header, a number, a JSON pointer, a capture, a range of columns.
    pub from: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it must not be empty.
    pub required: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// An exact number of at most so many digits, so many of them decimals.
    Decimal {
        /// Digits in all.
        precision: u32,
        /// Decimals.
        scale: u32,
    },
    /// True or false.
    Bool,
    /// A calendar day.
    Date,
    /// A calendar month.
    Month,
    /// A point in time.
    Timestamp,
}

impl FieldKind {
    /// Reads `text`, `integer`, `decimal(12,2)`, `bool`, `date`, `month`, `timestamp`.
    pub fn parse(text: &str) -> Option<FieldKind> {
        Some(match text {
            "text" => FieldKind::Text,
            "integer" => FieldKind::Integer,
            "bool" => FieldKind::Bool,
            "date" => FieldKind::Date,
            "month" => FieldKind::Month,
            "timestamp" => FieldKind::Timestamp,
            _ => {
                let (precision, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
                let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
                let kept = (1..=28).contains(&precision) && scale <= precision;
                return kept.then_some(FieldKind::Decimal { precision, scale });
            }
        })
    }
}

/// `options.decimal`
const DECIMAL: OptionSpec = OptionSpec {
    name: "decimal",
    takes: "the decimal mark, \",\" or \".\"; a point when it is not given",
    fits: |v| matches!(v, OptionValue::Text(t) if t == "," || t == "."),
};
/// `options.thousands`
const THOUSANDS: OptionSpec = OptionSpec {
    name: "thousands",
    takes: "the mark between thousands, such as \" \" (no-break spaces too), \".\" or \"'\"; none when it is not given",
    fits: |v| matches!(v, OptionValue::Text(t) if t.chars().count() == 1 && !t.starts_with(|c: char| c.is_alphanumeric())),
};
/// `options.dates`
const DATES: OptionSpec = OptionSpec {
    name: "dates",
    takes: "a list of date patterns, such as [\"%Y-%m-%d\", \"%d.%m.%Y\"]; the first of these when it is not given",
    fits: |v| matches!(v, OptionValue::Words(w) if !w.is_empty() && w.iter().all(|p| p.contains('%'))),
};
/// `options.nulls`
const NULLS: OptionSpec = OptionSpec {
    name: "nulls",
    takes: "a list of texts that stand for nothing, such as [\"\", \"-\"]; the empty text when it is not given",
    fits: |v| matches!(v, OptionValue::Words(_)),
};

/// `options.lower`
const LOWER: OptionSpec = OptionSpec {
    name: "lower",
    takes: "a list of columns whose texts are stored in lower case",
    fits: |v| matches!(v, OptionValue::Words(_)),
};
/// `options.month_from_day`
const MONTH_FROM_DAY: OptionSpec = OptionSpec {
    name: "month_from_day",
    takes: "a day from 1 to 31: a month column that reads a day takes its month from this day on, and the month before else",
    fits: |v| matches!(v, OptionValue::Integer(1..=31)),
};
/// The options of every format that fills declared tables from text.
pub(crate) const READING: [OptionSpec; 6] = [DECIMAL, THOUSANDS, DATES, NULLS, LOWER, MONTH_FROM_DAY];

/// What is wrong with a value: code, message, hint.
pub(crate) type Complaint = (&'static str, String, String);

/// How a source writes its values.
pub struct Reading<'a> {
    decimal: Vec<char>,
    thousands: Vec<char>,
    dates: Vec<String>,
    nulls: Vec<String>,
    lower: Vec<String>,
    month_from_day: Option<i8>,
    timezone: &'a TimeZone,
}

impl<'a> Reading<'a> {
    /// As a source's settings say.
    pub fn new(options: &Options, timezone: &'a TimeZone) -> Reading<'a> {
        let thousands = match options.text("thousands", "").chars().next() {
            Some(space) if SPACES.contains(&space) => SPACES.to_vec(),
            other => other.into_iter().collect(),
        };
        Reading {
            decimal: options.text("decimal", ".").chars().collect(),
            thousands,
            dates: options.words("dates", &["%Y-%m-%d"]),
            nulls: options.words("nulls", &[""]),
            lower: options.words("lower", &[]),
            month_from_day: i8::try_from(options.integer("month_from_day", 0)).ok().filter(|n| *n > 0),
            timezone,
        }
    }

    /// The number that a text stands for, if it is one here.
    pub fn as_number(&self, text: &str) -> Option<Decimal> {
        self.number(text).ok()
    }

    /// The day that a text stands for, if it is one here.
    pub fn as_day(&self, text: &str) -> Option<Date> {
        self.date(text).ok()
    }

    /// The point in time that a text stands for, if it is one here.
    pub fn as_time(&self, text: &str) -> Option<Timestamp> {
        self.time(text).ok()
    }

    /// The values of a whole row, each field's text by `given`. What is wrong is noted at its `place`, all of it; then
    /// there is no row, but perhaps what it is worth.
    pub(crate) fn row<'v>(
        &self,
        context: &Context<'_>,
        text: &Text<'_>,
        out: &mut Parsed,
        given: impl Fn(usize, &Field) -> &'v str,
        place: impl Fn(usize, &Field) -> Span,
    ) -> Result<Vec<Option<FieldValue>>, Option<Decimal>> {
        let mut values = Vec::with_capacity(context.fields.len());
        let (mut complete, mut worth) = (true, None);
        for (n, field) in context.fields.iter().enumerate() {
            match self.read(field, given(n, field)) {
                Ok(value) => {
                    worth = worth.or(context.worth_of(field, value.as_ref()));
                    values.push(value);
                }
                Err((code, message, hint)) => {
                    out.note(Severity::Error, code, text, place(n, field), message, hint);
                    complete = false;
                }
            }
        }
        if complete { Ok(values) } else { Err(worth) }
    }

    /// The value that a text stands for; `None` for nothing.
    pub(crate) fn read(&self, field: &Field, text: &str) -> Result<Option<FieldValue>, Complaint> {
        let text = text.trim();
        if text.is_empty() || self.nulls.iter().any(|n| n == text) {
            return if field.required { Err(missing(field)) } else { Ok(None) };
        }
        let value = match field.kind {
            FieldKind::Text if self.lower.contains(&field.name) => Ok(FieldValue::Text(text.to_lowercase())),
            FieldKind::Text => Ok(FieldValue::Text(text.to_owned())),
            FieldKind::Integer => self.number(text).and_then(|n| within(n, text, 18, 0)).map(FieldValue::Number),
            FieldKind::Decimal { precision, scale } => {
                self.number(text).and_then(|n| within(n, text, precision, scale)).map(FieldValue::Number)
            }
            FieldKind::Bool => match text.to_lowercase().as_str() {
                "true" | "1" | "yes" | "ja" => Ok(FieldValue::Bool(true)),
                "false" | "0" | "no" | "nej" => Ok(FieldValue::Bool(false)),
                _ => Err((
                    "unreadable-value",
                    format!("`{text}` is neither true nor false"),
                    "write true or false, 1 or 0, yes or no, ja or nej".into(),
                )),
            },
            FieldKind::Date => self.date(text).map(FieldValue::Date),
            FieldKind::Month => self.month(text).map(FieldValue::Month),
            FieldKind::Timestamp => self.time(text).map(FieldValue::Time),
        };
        value.map(Some).map_err(|(code, message, hint)| (code, format!("{}: {message}", field.name), hint))
    }

    /// A number as JSON writes it, whatever the source's own marks.
    pub(crate) fn plain(field: &Field, text: &str) -> Result<Option<FieldValue>, Complaint> {
        let wrong = || {
            (
                "unreadable-number",
                format!("{}: `{text}` has more digits than can be kept exactly", field.name),
                "write at most 28 digits".to_owned(),
            )
        };
        let number = crate::amount::exact_decimal(text).ok_or_else(wrong)?;
        let number = match field.kind {
            FieldKind::Decimal { precision, scale } => within(number, text, precision, scale),
            _ => within(number, text, 18, 0),
        };
        number.map(|n| Some(if field.kind == FieldKind::Bool { FieldValue::Bool(!n.is_zero()) } else { FieldValue::Number(n) }))
    }

    fn number(&self, text: &str) -> Result<Decimal, Complaint> {
        let negative = text.starts_with(['-', '\u{2212}']);
        let digits = text.trim_start_matches(['-', '\u{2212}', '+']).trim_start();
        let style = NumberStyle { decimal: &self.decimal, thousands: &self.thousands, fraction: usize::MAX };
        let number = grouped(digits, &style).map_err(|_| {
            let marks: String = self.thousands.first().map_or("no mark between thousands".into(), |c| format!("`{c}` between thousands"));
            let hint = format!(
                "this source writes numbers with the decimal mark `{}` and {marks}: see its `options`",
                self.decimal.iter().collect::<String>()
            );
            ("unreadable-number", format!("`{text}` is no number as this source writes them"), hint)
        })?;
        Ok(if negative { -number } else { number })
    }

    fn date(&self, text: &str) -> Result<Date, Complaint> {
        let read = self.dates.iter().find_map(|pattern| Date::strptime(pattern, text).ok());
        read.filter(|d| (1900..2200).contains(&d.year())).ok_or_else(|| {
            (
                "impossible-date",
                format!("`{text}` is no day written as {}", self.dates.join(" or ")),
                "correct the day, or see `dates` of the source's `options`".into(),
            )
        })
    }

    fn month(&self, text: &str) -> Result<Month, Complaint> {
        let of_day = |from| self.date(text).ok().map(|day| Month::billed(day, from));
        let wrong = || ("impossible-date", format!("`{text}` is no month"), "write it as `2025-02` or `2025-02-01`".into());
        match self.month_from_day {
            Some(from) => of_day(from).ok_or_else(wrong),
            None => Month::parse(text).ok_or_else(wrong),
        }
    }

    fn time(&self, text: &str) -> Result<Timestamp, Complaint> {
        // A wall-clock time that the change of summer time skips or repeats has no one meaning.
        let wall = |time: DateTime| self.timezone.to_ambiguous_timestamp(time).unambiguous().ok();
        let read = text.parse::<Timestamp>().ok().or_else(|| text.parse::<DateTime>().ok().and_then(wall));
        let read = read.or_else(|| self.dates.iter().find_map(|pattern| DateTime::strptime(pattern, text).ok()).and_then(wall));
        read.ok_or_else(|| {
            (
                "impossible-date",
                format!("`{text}` is no point in time"),
                "write it as `2025-03-10 11:53:13`, or see `dates` of the source's `options`".into(),
            )
        })
    }
}

/// An empty value where there must be one.
pub(crate) fn missing(field: &Field) -> Complaint {
    ("missing-value", format!("{} is empty", field.name), "the table wants a value in every row".into())
}

fn within(number: Decimal, text: &str, precision: u32, scale: u32) -> Result<Decimal, Complaint> {
    let number = number.normalize();
    let whole = number.trunc().abs().to_string().trim_start_matches('0').len();
    if number.scale() > scale || whole > (precision - scale) as usize {
        let message =
            format!("`{text}` does not fit: the column keeps {} digits before the decimal mark and {scale} behind", precision - scale);
        return Err(("number-too-long", message, "nothing is rounded; correct the value, or give the column more digits".into()));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn read(kind: FieldKind, text: &str, options: &[(&str, OptionValue)]) -> Result<String, &'static str> {
        let options: BTreeMap<String, OptionValue> = options.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        let options = Options::new(&crate::formats::csv::Csv, options).unwrap();
        let timezone = TimeZone::get("Europe/Stockholm").unwrap();
        let field = Field { name: "x".into(), from: "x".into(), kind, required: true };
        let value = Reading::new(&options, &timezone).read(&field, text).map_err(|c| c.0)?;
        Ok(serde_json::to_string(&value).unwrap())
    }

    #[test]
    fn values_are_read_as_the_source_writes_them_and_no_other_way() {
        let text = |t: &str| OptionValue::Text(t.into());
        let swedish = [("decimal", text(",")), ("thousands", text(" "))];
        let money = FieldKind::Decimal { precision: 12, scale: 2 };
        assert_eq!(read(money, "-1\u{a0}234,50", &swedish), Ok("\"-1234.5\"".into()));
        for wrong in ["1.234,50", "1234.50", "12 34,50", "1 234,50 kr", "abc"] {
            assert_eq!(read(money, wrong, &swedish), Err("unreadable-number"), "{wrong}");
        }
        assert_eq!(read(money, "1234,505", &swedish), Err("number-too-long"));
        assert_eq!(read(money, "12345678901", &[]), Err("number-too-long"));
        assert_eq!(read(FieldKind::Integer, "1.5", &[]), Err("number-too-long"));
        let dates = [("dates", OptionValue::Words(vec!["%d.%m.%Y".into()]))];
        assert_eq!(read(FieldKind::Date, "28.02.2025", &dates), Ok("\"2025-02-28\"".into()));
        assert_eq!(read(FieldKind::Date, "30.02.2025", &dates), Err("impossible-date"));
        assert_eq!(read(FieldKind::Date, "2025-02-28", &dates), Err("impossible-date"));
        assert_eq!(read(FieldKind::Timestamp, "2025-03-10 11:53:13", &[]), Ok("\"2025-03-10T10:53:13Z\"".into()));
        assert_eq!(read(FieldKind::Bool, "Ja", &[]), Ok("true".into()));
        assert_eq!(read(FieldKind::Text, " ", &[]), Err("missing-value"));
    }

    #[test]
    fn a_number_that_begins_with_a_group_of_zeros_is_not_taken_for_thousands() {
        let text = |t: &str| OptionValue::Text(t.into());
        let small = FieldKind::Decimal { precision: 12, scale: 6 };
        for (decimal, thousands) in [(",", "."), (".", ","), (",", " "), (".", "'")] {
            let options = [("decimal", text(decimal)), ("thousands", text(thousands))];
            for wrong in ["0.005", "0.000.001", "000.001", "-0.250", "012.345", "0.005.5"] {
                let wrong = wrong.replace('.', thousands);
                assert_eq!(read(small, &wrong, &options), Err("unreadable-number"), "{wrong}");
            }
            let whole = "0.005".replace('.', decimal);
            assert_eq!(read(small, &whole, &options), Ok("\"0.005\"".into()), "{whole}");
            assert_eq!(read(small, &"100.005".replace('.', thousands), &options), Ok("\"100005\"".into()));
            assert_eq!(read(small, "000", &options), Ok("\"0\"".into()));
        }
    }

    /// What a value is read as, with one pattern for days.
    fn dated(kind: FieldKind, text: &str, pattern: &str) -> Result<FieldValue, &'static str> {
        let given = BTreeMap::from([("dates".to_owned(), OptionValue::Words(vec![pattern.to_owned()]))]);
        let options = Options::new(&crate::formats::csv::Csv, given).unwrap();
        let timezone = TimeZone::get("Europe/Stockholm").unwrap();
        let field = Field { name: "x".into(), from: "x".into(), kind, required: true };
        Reading::new(&options, &timezone).read(&field, text).map(Option::unwrap).map_err(|c| c.0)
    }

    fn day() -> impl Strategy<Value = Date> {
        (1900i16..2200, 1i8..=12, 1i8..=31).prop_filter_map("no such day", |(y, m, d)| Date::new(y, m, d).ok())
    }

    /// From 1900 to 2199, and often about the hours that the change of summer time skips and repeats.
    fn moment() -> impl Strategy<Value = Timestamp> {
        let change =
            (1990i16..2037, prop_oneof![Just((3i8, 31i8)), Just((10, 31))], -7_200i64..7_200).prop_map(|(year, (month, last), by)| {
                let sunday = (0..7).map(|n| jiff::civil::date(year, month, last - n)).find(|d| d.weekday() == jiff::civil::Weekday::Sunday);
                sunday.unwrap().at(1, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp().as_second() + by
            });
        prop_oneof![-2_208_900_000i64..7_258_000_000, change].prop_map(|s| Timestamp::from_second(s).unwrap())
    }

    proptest! {
        #[test]
        fn a_printed_day_reads_back_by_the_pattern_it_was_printed_with(day in day()) {
            for pattern in ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%-d.%-m.%Y", "%-d %b %Y", "%d %B %Y", "%A %d %B %Y", "%Y-%j"] {
                let printed = day.strftime(pattern).to_string();
                prop_assert_eq!(dated(FieldKind::Date, &printed, pattern), Ok(FieldValue::Date(day)), "{} by {}", printed, pattern);
            }
            prop_assert_eq!(crate::month::wall_day(&day.to_string()), Some(day));
            prop_assert_eq!(crate::month::wall_day(&format!("{day} 00:00:00 +0200")), Some(day));
        }

        #[test]
        fn a_printed_month_reads_back_and_every_day_lies_in_its_own(day in day()) {
            let month = Month::of(day);
            for printed in [month.to_string(), month.first().to_string()] {
                prop_assert_eq!(dated(FieldKind::Month, &printed, "%Y-%m-%d"), Ok(FieldValue::Month(month)));
            }
            prop_assert!(month.first() <= day && day <= month.last() && day.day() <= month.days());
        }

        #[test]
        fn a_printed_moment_reads_back_and_one_of_two_meanings_is_refused(moment in moment(), nanos in 0i32..1_000_000_000) {
            let exact = Timestamp::new(moment.as_second(), nanos).unwrap();
            prop_assert_eq!(dated(FieldKind::Timestamp, &exact.to_string(), "%Y-%m-%d"), Ok(FieldValue::Time(exact)));
            let local = moment.to_zoned(TimeZone::get("Europe/Stockholm").unwrap());
            let offset = local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            // Offsets had seconds once, and are not written with them.
            if local.offset().seconds() % 60 == 0 {
                prop_assert_eq!(dated(FieldKind::Timestamp, &offset, "%Y-%m-%d"), Ok(FieldValue::Time(moment)), "{}", offset);
            }
            let twice = local.time_zone().to_ambiguous_timestamp(local.datetime()).is_ambiguous();
            let want = if twice { Err("impossible-date") } else { Ok(FieldValue::Time(moment)) };
            for (pattern, printed) in [
                ("%Y-%m-%d", local.strftime("%Y-%m-%d %H:%M:%S").to_string()),
                ("%Y-%m-%d", local.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
                ("%d.%m.%Y %H:%M:%S", local.strftime("%d.%m.%Y %H:%M:%S").to_string()),
                ("%m/%d/%Y %I:%M:%S %p", local.strftime("%m/%d/%Y %I:%M:%S %p").to_string()),
            ] {
                prop_assert_eq!(dated(FieldKind::Timestamp, &printed, pattern), want.clone(), "{} by {}", printed, pattern);
            }
        }

        #[test]
        fn a_printed_number_reads_back_by_the_marks_it_was_printed_with(units in -999_999_999_999i64..1_000_000_000_000, scale in 0u32..=2) {
            let number = Decimal::new(units, scale);
            let printed = number.to_string();
            let (whole, fraction) = printed.split_once('.').unwrap_or((&printed, ""));
            let digits = whole.trim_start_matches('-');
            let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
            let kind = FieldKind::Decimal { precision: 14, scale: 2 };
            for (decimal, thousands) in [(",", " "), (",", "."), (".", ","), (".", "'"), (",", "")] {
                let sign = if whole.starts_with('-') { "-" } else { "" };
                let mark = if fraction.is_empty() { "" } else { decimal };
                let text = format!("{sign}{}{mark}{fraction}", groups.join(thousands));
                let mut options = vec![("decimal", OptionValue::Text(decimal.into()))];
                if !thousands.is_empty() {
                    options.push(("thousands", OptionValue::Text(thousands.into())));
                }
                prop_assert_eq!(read(kind, &text, &options), Ok(format!("\"{}\"", number.normalize())), "{}", text);
            }
        }
    }
}
