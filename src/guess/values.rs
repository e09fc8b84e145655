//! What the values of a column could be: every reading is alive until a value refutes it. The readings are those of the
//! formats themselves, so that what is guessed here is read alike later.

use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::look::Cell;
use tieout_parsers::{Decimal, FieldKind, Format, OptionValue, Options, Reading, exact_decimal};

/// Ways to write numbers: decimal mark, mark between thousands. The first that fits most columns is taken.
pub(super) const STYLES: [(&str, &str); 8] = [(".", ""), (",", ""), (",", " "), (".", " "), (",", "."), (".", ","), (".", "'"), (",", "'")];

/// Ways to write days.
pub(super) const DAYS: [&str; 6] = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d-%m-%Y"];
/// The two of them that one text can have both of.
pub(super) const DAY_FIRST: usize = 2;
pub(super) const MONTH_FIRST: usize = 3;
/// Days written as eight digits.
pub(super) const DIGITS: usize = 4;

/// Texts that stand for nothing where everything else is a number, a day or the like.
const NOTHING: [&str; 9] = ["-", "--", "NULL", "null", "N/A", "n/a", "NaN", "\\N", "#N/A"];
/// Words for true and false; 1 and 0 are numbers.
const WORDS: [&str; 6] = ["true", "false", "yes", "no", "ja", "nej"];

/// The most digits that SQLite keeps exactly in a number with decimals, and a whole number at most.
const EXACT: u32 = 15;
const WHOLE: u32 = 18;

/// The readings of every style.
pub(super) struct Readings<'z> {
    numbers: Vec<Reading<'z>>,
    days: Vec<Reading<'z>>,
}

impl<'z> Readings<'z> {
    pub(super) fn new(csv: &dyn Format, timezone: &'z jiff::tz::TimeZone) -> Readings<'z> {
        let reading = |options: Vec<(&str, OptionValue)>| {
            let options: BTreeMap<String, OptionValue> = options.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            Reading::new(&Options::new(csv, options).unwrap_or_default(), timezone)
        };
        let text = |t: &str| OptionValue::Text(t.to_owned());
        let number = |(decimal, thousands): (&str, &str)| match thousands {
            "" => reading(vec![("decimal", text(decimal))]),
            _ => reading(vec![("decimal", text(decimal)), ("thousands", text(thousands))]),
        };
        let day = |pattern: &str| reading(vec![("dates", OptionValue::Words(vec![pattern.to_owned()]))]);
        Readings { numbers: STYLES.into_iter().map(number).collect(), days: DAYS.into_iter().map(day).collect() }
    }
}

/// The numbers of a column, read in one style.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    /// The most digits before the mark, and behind it.
    whole: u32,
    scale: u32,
    /// Whether a decimal mark is written anywhere.
    marked: bool,
    /// Their sum: where it differs from another style's, the styles mean different things.
    pub(super) sum: Decimal,
}

/// What a column's values can be.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    /// Values that are there, and that stand for nothing by a word.
    pub(super) filled: usize,
    pub(super) nothing: BTreeSet<String>,
    /// A cell that no column takes.
    pub(super) strange: Option<&'static str>,
    /// Times without an offset are among them.
    pub(super) wall: bool,
    numbers: Vec<Option<Numbers>>,
    pub(super) days: [bool; DAYS.len()],
    /// Days that are written as text.
    pub(super) written: bool,
    month: bool,
    time: bool,
    bools: bool,
    bool_cells: usize,
    zeros: bool,
}

impl Default for Profile {
    fn default() -> Profile {
        let numbers = Numbers { whole: 0, scale: 0, marked: false, sum: Decimal::ZERO };
        Profile {
            filled: 0,
            nothing: BTreeSet::new(),
            strange: None,
            wall: false,
            numbers: vec![Some(numbers); STYLES.len()],
            days: [true; DAYS.len()],
            written: false,
            month: true,
            time: true,
            bools: true,
            bool_cells: 0,
            zeros: false,
        }
    }
}

impl Profile {
    pub(super) fn add(&mut self, cell: &Cell<'_>, readings: &Readings<'_>) {
        match cell {
            Cell::Empty => {}
            Cell::Text(text) => self.text(text.trim(), readings),
            Cell::Other(what) => self.strange = Some(what),
            Cell::Bool => {
                self.only(|p| p.bools);
                self.bool_cells += 1;
            }
            Cell::Number(text) => {
                let kept = self.numbers.clone();
                self.only(|_| false);
                self.numbers = kept;
                let number = exact_decimal(text);
                self.numbers.iter_mut().for_each(|style| add_number(style, number, text.contains('.')));
            }
            Cell::Moment(moment) => {
                let midnight = moment.time() == jiff::civil::Time::midnight();
                let (days, time) = (self.days, self.time);
                self.only(|_| false);
                self.time = time;
                self.wall = true;
                if midnight {
                    self.days = days;
                }
            }
        }
    }

    /// Counts a value, of which nothing but perhaps truth stays possible.
    fn only(&mut self, bools: impl Fn(&Profile) -> bool) {
        self.filled += 1;
        self.bools = bools(self);
        self.numbers.iter_mut().for_each(|n| *n = None);
        self.days = [false; DAYS.len()];
        (self.month, self.time) = (false, false);
    }

    fn text(&mut self, text: &str, readings: &Readings<'_>) {
        if text.is_empty() {
            return;
        }
        if NOTHING.contains(&text) {
            self.nothing.insert(text.to_owned());
            return;
        }
        self.filled += 1;
        self.written = true;
        self.bools = self.bools && WORDS.contains(&text.to_lowercase().as_str());
        let plain = text.trim_start_matches(['-', '\u{2212}']);
        let led = plain.starts_with('+') || (plain.starts_with('0') && plain[1..].starts_with(|c: char| c.is_ascii_digit()));
        for (n, style) in self.numbers.iter_mut().enumerate().filter(|s| s.1.is_some()) {
            let marked = text.contains(STYLES[n].0);
            self.zeros |= led && !marked;
            add_number(style, readings.numbers[n].as_number(text), marked);
        }
        for (n, alive) in self.days.iter_mut().enumerate().filter(|d| *d.1) {
            *alive = readings.days[n].as_day(text).is_some() && (n != DIGITS || text.len() == 8);
        }
        self.month = self.month && text.len() == 7 && tieout_parsers::Month::parse(text).is_some();
        if self.time {
            self.time = text.contains(':') && readings.days[0].as_time(text).is_some();
            self.wall |= text.parse::<tieout_parsers::Timestamp>().is_err();
        }
    }

    /// Both columns' values as those of one.
    pub(super) fn merge(&mut self, other: &Profile) {
        self.filled += other.filled;
        self.nothing.extend(other.nothing.iter().cloned());
        self.strange = self.strange.or(other.strange);
        self.wall |= other.wall;
        for (mine, theirs) in self.numbers.iter_mut().zip(&other.numbers) {
            *mine = mine.take().zip(theirs.as_ref()).and_then(|(a, b)| {
                let sum = a.sum.checked_add(b.sum)?;
                Some(Numbers { whole: a.whole.max(b.whole), scale: a.scale.max(b.scale), marked: a.marked || b.marked, sum })
            });
        }
        self.days.iter_mut().zip(other.days).for_each(|(mine, theirs)| *mine &= theirs);
        self.written |= other.written;
        (self.month, self.time, self.bools) = (self.month && other.month, self.time && other.time, self.bools && other.bools);
        self.bool_cells += other.bool_cells;
        self.zeros |= other.zeros;
    }

    /// Its numbers in a style, if it has numbers in it and nothing that speaks against them.
    pub(super) fn numbers(&self, style: usize) -> Option<&Numbers> {
        self.numbers[style].as_ref().filter(|_| self.filled > 0 && !self.zeros)
    }

    /// The type of the column, numbers being written in this style.
    pub(super) fn kind(&self, style: usize) -> FieldKind {
        if self.filled == 0 {
            FieldKind::Text
        } else if self.bools {
            FieldKind::Bool
        } else if self.days.contains(&true) {
            FieldKind::Date
        } else if self.month {
            FieldKind::Month
        } else if self.time {
            FieldKind::Timestamp
        } else {
            self.numbers(style).and_then(Numbers::kind).unwrap_or(FieldKind::Text)
        }
    }

    /// The type whatever the style; a text if no style makes more of it.
    pub(super) fn any_kind(&self) -> FieldKind {
        (0..STYLES.len()).map(|s| self.kind(s)).find(|k| *k != FieldKind::Text).unwrap_or(FieldKind::Text)
    }

    /// Why no column can take it.
    pub(super) fn unusable(&self) -> Option<&'static str> {
        let mixed = self.bool_cells > 0 && !self.bools;
        self.strange.or(mixed.then_some("true or false beside other values"))
    }

    /// Numbers too long to be kept as such.
    pub(super) fn is_too_long(&self, style: usize) -> bool {
        self.kind(style) == FieldKind::Text && self.numbers(style).is_some()
    }
}

impl Numbers {
    /// With room: twelve digits, two of them decimals, hold most amounts.
    fn kind(&self) -> Option<FieldKind> {
        if !self.marked && self.scale == 0 {
            return (self.whole <= WHOLE).then_some(FieldKind::Integer);
        }
        let scale = self.scale.max(2);
        let precision = if self.whole + scale <= 10 { 12.max(scale + 8) } else { 18.max(self.whole + scale) };
        (self.whole + self.scale <= EXACT && precision <= 28).then_some(FieldKind::Decimal { precision, scale })
    }
}

fn add_number(style: &mut Option<Numbers>, number: Option<Decimal>, marked: bool) {
    *style = style.take().zip(number).map(|(mut numbers, number)| {
        let number = number.normalize();
        numbers.whole = numbers.whole.max(number.trunc().abs().to_string().trim_start_matches('0').len() as u32);
        numbers.scale = numbers.scale.max(number.scale());
        numbers.marked |= marked;
        // A sum that is too long says no more than that; which style it was must still show.
        numbers.sum = numbers.sum.checked_add(number).unwrap_or(numbers.sum);
        numbers
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(values: &[&str]) -> Profile {
        let registry = tieout_parsers::registry();
        let utc = jiff::tz::TimeZone::UTC;
        let readings = Readings::new(registry.find("csv").unwrap(), &utc);
        let mut profile = Profile::default();
        values.iter().for_each(|v| profile.add(&Cell::Text((*v).into()), &readings));
        profile
    }

    #[test]
    fn a_column_is_what_all_of_its_values_are() {
        let decimal = |precision, scale| FieldKind::Decimal { precision, scale };
        for (values, kind) in [
            (&["1", "-20", ""][..], FieldKind::Integer),
            (&["1", "x"], FieldKind::Text),
            (&["0101", "1930"], FieldKind::Text),
            (&["+46701234567"], FieldKind::Text),
            (&["0", "10"], FieldKind::Integer),
            (&["1632,00", "12"], decimal(12, 2)),
            (&["0.125", "-1"], decimal(12, 3)),
            (&["0.1234567"], decimal(15, 7)),
            (&["123456789012345678"], FieldKind::Integer),
            (&["1234567890123456789"], FieldKind::Text),
            (&["123456789012345.67"], FieldKind::Text),
            (&["2025-10-01", "-"], FieldKind::Date),
            (&["2025-02-30"], FieldKind::Text),
            (&["20251001", "20251002"], FieldKind::Date),
            (&["20251001", "20251399"], FieldKind::Integer),
            (&["2025-10"], FieldKind::Month),
            (&["2025-10-01T11:53:13+02:00"], FieldKind::Timestamp),
            (&["2025-10-01 11:53"], FieldKind::Timestamp),
            (&["Ja", "nej"], FieldKind::Bool),
            (&["1", "0"], FieldKind::Integer),
            (&["114 55"], FieldKind::Text),
            (&[], FieldKind::Text),
        ] {
            assert_eq!(profile(values).any_kind(), kind, "{values:?}");
        }
    }

    #[test]
    fn merged_columns_are_what_both_are() {
        let mut amounts = profile(&["1632"]);
        amounts.merge(&profile(&["", "1,50"]));
        assert_eq!(amounts.any_kind(), FieldKind::Decimal { precision: 12, scale: 2 });
        amounts.merge(&profile(&["none"]));
        assert_eq!((amounts.any_kind(), amounts.filled), (FieldKind::Text, 3));
    }
}
