//! Tables to load: their columns, what each column means to a merge, and rows on their way. No SQL, no connection.
//!
//! Between the parsers and the database a value is its canonical text: decimals without trailing zeros, dates
//! `2025-02-01`, points in time `2025-03-10 10:53:13` in UTC. Two values are equal when their canonical texts are.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::LazyLock;
use tieout_parsers::{Date, Decimal, Money, Month, Span, Timestamp, exact_decimal};
use uuid::Uuid;

/// What a column holds, and so how its texts compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Any text, to the letter.
    Text,
    /// A text, to the letter; but people mean the same by it in capitals.
    Name,
    /// An exact number.
    Number,
    /// A text that compares as a number where both sides are one (`24530.0` is `24530`).
    NumberText,
    /// True or false.
    Bool,
    /// A calendar day.
    Date,
    /// A point in time, in UTC.
    Time,
}

/// What a column is to a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Part of the natural key.
    Key,
    /// Compared, inserted and updated.
    Data,
    /// Written with a new row, then the app's own.
    InsertOnly,
    /// A new row's id, derived from job, table and key.
    Id,
    /// Set to the run's time with a new row.
    CreatedAt,
    /// Set to the run's time whenever the row is written.
    UpdatedAt,
}

/// A column of a table to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the database.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: Kind,
    /// What it is to a merge.
    pub role: Role,
}

/// A table to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name in the database.
    pub name: Cow<'static, str>,
    /// What one row is called in messages: `bill`.
    pub noun: &'static str,
    /// The columns; rows have their values in this order.
    pub columns: Vec<Column>,
    /// The key column that counts the rows of a file that are equal in the rest of the key, if there is one.
    pub occurrence: Option<usize>,
}

impl Table {
    /// A table of columns given as (name, kind, role).
    pub fn new(name: &'static str, noun: &'static str, columns: &[(&'static str, Kind, Role)]) -> Table {
        let columns = columns.iter().map(|&(name, kind, role)| Column { name: name.into(), kind, role }).collect();
        Table { name: name.into(), noun, columns, occurrence: None }
    }

    /// The columns with one of these roles, with their index.
    pub fn with<'t>(&'t self, roles: &'t [Role]) -> impl Iterator<Item = (usize, &'t Column)> + 't {
        self.columns.iter().enumerate().filter(|(_, c)| roles.contains(&c.role))
    }

    /// The natural key of a row, as it is recorded: a JSON list of canonical texts.
    pub fn key_of(&self, values: &[Option<String>]) -> String {
        let key: Vec<&Option<String>> = self.with(&[Role::Key]).map(|(i, _)| &values[i]).collect();
        serde_json::to_string(&key).unwrap_or_default()
    }

    /// What is compared of a row, as it is recorded: a JSON object of key and data columns.
    pub fn content_of(&self, values: &[Option<String>]) -> String {
        let members = self.with(&[Role::Key, Role::Data]).map(|(i, c)| (c.name.to_string(), values[i].clone().into()));
        serde_json::Value::Object(members.collect()).to_string()
    }
}

/// A recorded key as people read it: `vattenfall, 2025-10-01`.
pub fn spoken_key(key: &str) -> String {
    let parts: Vec<Option<String>> = serde_json::from_str(key).unwrap_or_default();
    parts.into_iter().map(|p| p.unwrap_or_else(|| "none".into())).collect::<Vec<_>>().join(", ")
}

/// A value that groups are named by: of a first of a month the month, of a day the day. In quotation marks where the bare text
/// would say something else, `alone` or beside others.
pub fn spoken_value(text: &str, alone: bool) -> String {
    let day = Kind::Date.canonical(text);
    let name = match day.strip_suffix("-01").filter(|m| Month::parse(m).is_some()) {
        Some(month) => month.to_owned(),
        None => day,
    };
    let misleading = name.is_empty() || name == "none" || name.starts_with('"') || (!alone && name.contains(", "));
    if misleading { serde_json::to_string(&name).unwrap_or(name) } else { name }
}

/// What something is called among those of all houses: `house_001, 2025-02`; without a house as it is.
pub fn of_house(house: Option<&str>, what: &str) -> String {
    house.map_or_else(|| what.to_owned(), |house| format!("{}, {what}", spoken_value(house, false)))
}

/// The id of a new row: the same for the same job, table and key, in either database and at every repetition.
pub fn row_id(job: &str, table: &str, key: &str) -> String {
    static SPACE: LazyLock<Uuid> = LazyLock::new(|| Uuid::new_v5(&Uuid::NAMESPACE_URL, b"urn:tieout:row"));
    Uuid::new_v5(&SPACE, format!("{job}\n{table}\n{key}").as_bytes()).to_string()
}

/// Where a row came from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// Index of the file in the run's list; `None` for a row that no single file states.
    pub file: Option<usize>,
    /// Where in the file.
    pub span: Span,
    /// What it was derived from, such as `ElectricityBill.amount`.
    pub derived: Option<&'static str>,
}

/// A row on its way: a canonical text per column of its table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Canonical texts, in the table's order; ids and times of writing are left to the load.
    pub values: Vec<Option<String>>,
    /// Where it came from.
    pub origin: Origin,
}

/// The texts of one row as a database gives them, in one buffer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    text: String,
    /// Where each column ends in `text`, and whether it is not NULL.
    ends: Vec<(usize, bool)>,
}

impl Line {
    /// Without columns, with room for so many.
    pub fn of(columns: usize) -> Line {
        Line { text: String::with_capacity(16 * columns), ends: Vec::with_capacity(columns) }
    }

    /// How many bytes its texts have.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The text of a column; `None` for NULL.
    pub fn get(&self, column: usize) -> Option<&str> {
        let (end, there) = *self.ends.get(column)?;
        let from = column.checked_sub(1).map_or(0, |before| self.ends[before].0);
        if there { self.text.get(from..end) } else { None }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.ends.len()).map(|column| self.get(column))
    }

    /// Appends a column; `write` appends its text, unless it is NULL and gives `false`.
    pub fn push<E>(&mut self, write: impl FnOnce(&mut String) -> Result<bool, E>) -> Result<(), E> {
        let there = write(&mut self.text)?;
        self.ends.push((self.text.len(), there));
        Ok(())
    }
}

/// The canonical text of a typed value.
pub trait Canonical {
    /// The text.
    fn canonical(&self) -> String;
}

impl Canonical for Decimal {
    fn canonical(&self) -> String {
        self.normalize().to_string()
    }
}

impl Canonical for Money {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl Canonical for Date {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl Canonical for Month {
    fn canonical(&self) -> String {
        self.first().to_string()
    }
}

impl Canonical for Timestamp {
    fn canonical(&self) -> String {
        Kind::Time.canonical(&self.to_string())
    }
}

impl Canonical for str {
    fn canonical(&self) -> String {
        self.to_owned()
    }
}

impl Kind {
    /// The canonical text of what a database or a file says.
    pub fn canonical(self, text: &str) -> String {
        match self {
            Kind::Text | Kind::Name => text.to_owned(),
            Kind::Number | Kind::NumberText => exact_decimal(text).map_or_else(|| text.to_owned(), |n| n.canonical()),
            Kind::Bool => matches!(text, "true" | "t" | "1").to_string(),
            Kind::Date => match text.split_at_checked(10) {
                Some((day, rest)) if rest.bytes().all(|b| b" T0:.+Z".contains(&b)) => day.to_owned(),
                _ => text.to_owned(),
            },
            Kind::Time => {
                let text = text.replacen('T', " ", 1);
                let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00")).unwrap_or(&text);
                match text.len() {
                    10 => format!("{text} 00:00:00"),
                    _ if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    _ => text.to_owned(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_value_has_one_text_wherever_it_comes_from() {
        for (kind, text, want) in [
            (Kind::Number, "4526.00", "4526"),
            (Kind::Number, "4526.0", "4526"),
            (Kind::Number, "1.0e+15", "1000000000000000"),
            (Kind::NumberText, "24530.0", "24530"),
            (Kind::NumberText, "n/a", "n/a"),
            (Kind::Date, "2025-02-01 00:00:00", "2025-02-01"),
            (Kind::Date, "2025-02-01T00:00:00.000Z", "2025-02-01"),
            (Kind::Date, "2025-02-01 22:00:00", "2025-02-01 22:00:00"),
            (Kind::Time, "2025-03-10T10:53:13Z", "2025-03-10 10:53:13"),
            (Kind::Time, "2025-03-10 10:53:13.000", "2025-03-10 10:53:13"),
            (Kind::Time, "2025-03-10 10:53:13.250", "2025-03-10 10:53:13.25"),
            (Kind::Time, "2025-03-10", "2025-03-10 00:00:00"),
            (Kind::Text, "1.0", "1.0"),
        ] {
            assert_eq!(kind.canonical(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_text_says_the_whole_value_and_is_its_own(seconds in -2_208_900_000i64..7_258_000_000, nanos in 0i32..1_000_000_000, units: i64, scale in 0u32..10) {
            for nanos in [nanos, nanos / 1_000_000 * 1_000_000, 0] {
                let time = Timestamp::new(seconds, nanos).unwrap();
                let text = time.canonical();
                prop_assert_eq!(format!("{text}Z").parse::<Timestamp>().ok(), Some(time));
                prop_assert_eq!(Kind::Time.canonical(&text), text);
            }
            let number = Decimal::new(units, scale);
            let text = number.canonical();
            prop_assert_eq!(exact_decimal(&text), Some(number));
            prop_assert_eq!(Kind::Number.canonical(&number.to_string()), text);
        }
    }
}
