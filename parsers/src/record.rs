//! The typed records of the domain. A format yields these, whatever its files look like. No table, no column names.

use crate::amount::Money;
use crate::diagnostic::{Span, pointer};
use crate::month::Month;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use std::borrow::Cow;

/// The keys of the configuration, each of which the rent formula takes as a number of kronor.
pub const CONFIG_KEYS: [&str; 10] =
    ["kallhyra", "el", "bredband", "vattenavgift", "va", "larm", "drift_rakning", "saldo_innan", "extra_in", "gas"];

/// A value with the place it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// What was read.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// What a format can yield.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
pub enum Record {
    /// One calculation of a month's rent: a whole rent-history file.
    RentCalculation(RentCalculation),
    /// One bill of a provider.
    Bill(Bill),
    /// One configuration value of a month.
    Config(ConfigEntry),
    /// One tenant with the residency.
    Tenant(Tenant),
    /// One row of a declared table.
    Row {
        /// A value for each field that the source fills, in their order.
        values: Vec<Option<FieldValue>>,
    },
}

/// A typed value of a declared table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// A text.
    Text(String),
    /// An exact number.
    Number(Decimal),
    /// True or false.
    Bool(bool),
    /// A calendar day.
    Date(Date),
    /// A calendar month.
    Month(Month),
    /// A point in time.
    Time(Timestamp),
}

impl Record {
    /// How many rows a reader would count in it: the shares of a calculation, else one.
    pub fn rows(&self) -> usize {
        match self {
            Record::RentCalculation(calculation) => calculation.shares.len(),
            Record::Bill(_) | Record::Config(_) | Record::Tenant(_) | Record::Row { .. } => 1,
        }
    }
}

/// A bill: what a provider wants paid by when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// The provider in lower case, `vattenfall`.
    pub provider: String,
    /// Due date.
    pub due: Date,
    /// The month whose use it bills.
    pub period: Month,
    /// Kronor; negative is a credit.
    pub amount: Money,
}

/// A configuration value: `el` of 2025-02 is `5945`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigEntry {
    /// Key, such as `kallhyra`.
    pub key: String,
    /// The configuration month.
    pub period: Month,
    /// The value; numbers without trailing zeros.
    pub value: String,
    /// The house, where the record says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub house: Option<String>,
}

/// A person who lives or lived in the house, both ends of the residency included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tenant {
    /// The app's id, where the file has one.
    pub id: Option<String>,
    /// Name, unique within a house.
    pub name: String,
    /// E-mail address.
    pub email: Option<String>,
    /// First day; `None` = since ever.
    pub start: Option<Date>,
    /// Last day; `None` = still there.
    pub departure: Option<Date>,
    /// Kronor a month on top of (or off) an equal share.
    pub room_adjustment: Option<Money>,
    /// The house, where the record says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub house: Option<String>,
}

impl Tenant {
    /// Whether the person lived there on at least one day of `month`.
    pub fn resident_in(&self, month: Month) -> bool {
        self.start.is_none_or(|s| s <= month.last()) && self.departure.is_none_or(|d| d >= month.first())
    }
}

/// One calculation of the rent of a month: a file `YYYY_MM_vN.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RentCalculation {
    /// The month in the file's name. What it means (configuration or rent month) is not said anywhere.
    pub label: Month,
    /// The version in the file's name.
    pub version: u32,
    /// When it was calculated.
    pub calculated_at: Option<Timestamp>,
    /// Title, where given.
    pub title: Option<String>,
    /// `constants.year` and `constants.month`, where given: the configuration month.
    pub config_month: Option<Month>,
    /// The constants given as numbers, in the file's order; null ones are left out.
    pub constants: Vec<Constant>,
    /// The people and how long they stayed.
    pub roommates: Vec<Roommate>,
    /// What each person owes.
    pub shares: Vec<Share>,
}

impl RentCalculation {
    /// The month whose costs are shared: `constants.year`/`month`, else the name's month.
    pub fn config_period(&self) -> Month {
        self.config_month.unwrap_or(self.label)
    }

    /// A constant's value as given; `None` when absent or null.
    pub fn constant(&self, key: &str) -> Option<Decimal> {
        self.constants.iter().find(|c| c.key == key).map(|c| c.value)
    }

    /// A constant's value when given and not zero.
    pub fn nonzero(&self, key: &str) -> Option<Decimal> {
        self.constant(key).filter(|v| !v.is_zero())
    }

    /// The roommate of that name.
    pub fn roommate(&self, name: &str) -> Option<&Roommate> {
        self.roommates.iter().find(|r| r.name == name)
    }
}

/// A number of `constants`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Constant {
    /// Key, such as `el`.
    pub key: Cow<'static, str>,
    /// Kronor.
    pub value: Decimal,
    /// Where it stands.
    #[serde(skip)]
    pub at: At,
}

/// A person in `roommates`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roommate {
    /// Name.
    pub name: String,
    /// Days stayed, halves allowed; `None` = the whole month.
    pub days: Option<Decimal>,
    /// Kronor a month on top of (or off) an equal share.
    pub room_adjustment: Option<Money>,
    /// Where it stands.
    #[serde(skip)]
    pub at: At,
}

/// A person's part in `final_results`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// Name.
    pub name: String,
    /// Kronor due, as given.
    pub amount: Money,
    /// Where it stands.
    #[serde(skip)]
    pub at: At,
}

/// A place in the file of a calculation, of which very many are kept at once: the JSON pointer is made when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At {
    line: u32,
    column: u32,
}

impl At {
    /// The place of a member of the calculation.
    pub fn of(span: &Span) -> At {
        let [line, column] = [span.line, span.column].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        At { line, column }
    }

    fn span(self, parent: &str, name: &str) -> Span {
        Span { line: self.line as usize, column: self.column as usize, pointer: Some(pointer(parent, name)) }
    }
}

impl Constant {
    /// Where it stands.
    pub fn span(&self) -> Span {
        self.at.span("/constants", &self.key)
    }
}

impl Roommate {
    /// Where it stands.
    pub fn span(&self) -> Span {
        self.at.span("/roommates", &self.name)
    }
}

impl Share {
    /// Where it stands.
    pub fn span(&self) -> Span {
        self.at.span("/final_results", &self.name)
    }
}
