//! Declared checks (`[[check]]`) and control totals (`[[expect]]`), read. What the settings of a kind of check mean is its
//! own business, in `reconcile`.

use super::Expect;
use super::read::Place;
use crate::error::{Result, Stop};
use crate::evidence::Severity;
use serde::Deserialize;
use std::collections::BTreeMap;
use tieout_parsers::{Decimal, exact_decimal};
use toml::Spanned;

/// A check as the job file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredCheck {
    /// Its name.
    pub name: String,
    /// Its kind, `sum`.
    pub kind: Setting,
    /// What it means when it fails.
    pub severity: Severity,
    /// The difference that is tolerated.
    pub tolerance: Decimal,
    /// Why.
    pub because: Option<String>,
    /// What the kind wants to know, by key.
    pub settings: BTreeMap<String, Setting>,
    /// Where it stands.
    pub at: At,
}

impl DeclaredCheck {
    /// A check that no job file declares: what it says can only warn.
    pub fn unbidden(name: &str, kind: &str, settings: &[(&str, &str)]) -> DeclaredCheck {
        let setting = |text: &str| Setting { value: Value::Text(text.to_owned()), at: At(String::new()) };
        DeclaredCheck {
            name: name.to_owned(),
            kind: setting(kind),
            severity: Severity::Warning,
            tolerance: Decimal::ZERO,
            because: None,
            settings: settings.iter().map(|(key, text)| ((*key).to_owned(), setting(text))).collect(),
            at: At(String::new()),
        }
    }
}

/// A value of a check, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What is said.
    pub value: Value,
    /// Where.
    pub at: At,
}

/// A place in the job file, for complaints about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At(String);

impl At {
    /// A complaint about what stands here.
    pub fn stop(&self, message: impl std::fmt::Display, hint: impl Into<String>) -> Stop {
        let (place, quote) = self.0.split_once('\n').unwrap_or((&self.0, ""));
        Stop::usage(format!("{place}: {message}\n{quote}"), hint)
    }
}

/// What a job file can say in a check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a text, a whole number, a list of texts, or texts by name")]
pub enum Value {
    /// `true`
    Flag(bool),
    /// `3`
    Whole(i64),
    /// `"text"`
    Text(String),
    /// `["one", "two"]`
    List(Vec<String>),
    /// `{ sqlite = "…", postgres = "…" }`
    Map(BTreeMap<String, String>),
}

pub(super) type RawCheck = BTreeMap<Spanned<String>, Spanned<Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpect {
    table: Spanned<String>,
    house: Option<String>,
    rows: Option<u64>,
    #[serde(default)]
    sum: BTreeMap<String, Spanned<RawNumber>>,
    #[serde(default)]
    filled: BTreeMap<String, u64>,
    #[serde(default)]
    distinct: BTreeMap<String, u64>,
}

/// An exact number: a whole one, or a text. A TOML float would not be exact.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a number in quotation marks, such as \"0.50\", or a whole number")]
enum RawNumber {
    Whole(i64),
    Text(String),
}

impl Place<'_> {
    pub(super) fn check(&self, raw: RawCheck) -> Result<DeclaredCheck> {
        let start = raw.keys().map(|k| k.span().start).min().unwrap_or(0);
        let at = self.at(start..start);
        let mut settings: BTreeMap<String, Setting> = BTreeMap::new();
        for (key, value) in raw {
            settings.insert(key.into_inner(), Setting { at: self.at(value.span()), value: value.into_inner() });
        }
        let mut text = |key: &str| match settings.remove(key) {
            None => Ok(None),
            Some(Setting { value: Value::Text(text), at }) => Ok(Some((text, at))),
            Some(other) => Err(other.at.stop(format!("`{key}` is a text"), format!("write {key} = \"…\""))),
        };
        let (name, _) = text("name")?.ok_or_else(|| at.stop("the check has no name", "write name = \"…\""))?;
        let (kind, kind_at) =
            text("kind")?.ok_or_else(|| at.stop("the check has no kind", "write kind = \"sum\", or another; see the README"))?;
        let because = text("because")?.map(|b| b.0).filter(|b| !b.trim().is_empty());
        let words = [("error", Severity::Error), ("warning", Severity::Warning), ("info", Severity::Info)];
        let severity = match text("severity")? {
            None => Severity::Error,
            Some((word, at)) => words
                .iter()
                .find(|(w, _)| *w == word)
                .map(|w| w.1)
                .ok_or_else(|| at.stop(format!("`{word}` is no severity"), "write \"error\", \"warning\" or \"info\""))?,
        };
        let tolerance = match settings.remove("tolerance") {
            None => Decimal::ZERO,
            Some(Setting { value: Value::Whole(n), .. }) if n >= 0 => n.into(),
            Some(Setting { value: Value::Text(text), at }) => exact_decimal(&text).filter(|n| !n.is_sign_negative()).ok_or_else(|| {
                at.stop(format!("`{text}` is no tolerance"), "write how far the sides may be apart, such as \"0.50\"; it is not negative")
            })?,
            Some(other) => return Err(other.at.stop("this is no tolerance", "write a number in quotation marks, such as \"0.50\"")),
        };
        if !tolerance.is_zero() && because.is_none() {
            return Err(at.stop("a tolerance needs a reason", "say `because = \"…\"`: an auditor will ask"));
        }
        let kind = Setting { value: Value::Text(kind), at: kind_at };
        Ok(DeclaredCheck { name, kind, severity, tolerance, because, settings, at })
    }

    pub(super) fn at(&self, span: std::ops::Range<usize>) -> At {
        At(self.stop(span, "", "").message.replacen(": \n", "\n", 1))
    }

    pub(super) fn expect(&self, raw: RawExpect) -> Result<Expect> {
        let sum_is_empty = raw.sum.is_empty();
        let sum = raw.sum.into_iter().map(|(column, n)| Ok((column, self.number(&n)?))).collect::<Result<_>>()?;
        if raw.rows.is_none() && sum_is_empty && raw.filled.is_empty() && raw.distinct.is_empty() {
            return Err(self.stop(raw.table.span(), "this [[expect]] expects nothing", "state `rows`, `sum`, `filled` or `distinct`"));
        }
        let pairs = |map: BTreeMap<String, u64>| map.into_iter().collect();
        let (table, house) = (raw.table.into_inner(), raw.house);
        Ok(Expect { table, house, rows: raw.rows, sum, filled: pairs(raw.filled), distinct: pairs(raw.distinct) })
    }

    fn number(&self, raw: &Spanned<RawNumber>) -> Result<Decimal> {
        let number = match raw.get_ref() {
            RawNumber::Whole(n) => Some(Decimal::from(*n)),
            RawNumber::Text(text) => exact_decimal(text),
        };
        number.ok_or_else(|| self.stop(raw.span(), "this is no number", "write it like \"0.50\""))
    }
}
