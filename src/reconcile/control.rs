//! `control-total`: what a table must hold after the run, stated beforehand.

use crate::evidence::{Check, Severity, Status};
use crate::job::Expect;
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Decimal, exact_decimal};

/// A table's totals as a fold over its rows: exact, and the same in any order.
#[derive(Debug, Default)]
pub struct Totals {
    rows: u64,
    /// `None` once it has more digits than can be kept.
    sum: BTreeMap<String, Option<Decimal>>,
    /// The first text of a column that is no number, which makes its sum unknown.
    unsummable: BTreeMap<String, String>,
    filled: BTreeMap<String, u64>,
    distinct: BTreeMap<String, BTreeSet<String>>,
}

impl Totals {
    /// The columns that the totals are about, each once.
    pub fn columns(expect: &Expect) -> Vec<&str> {
        let names = expect.sum.iter().map(|s| s.0.as_str());
        let names = names.chain(expect.filled.iter().chain(&expect.distinct).map(|c| c.0.as_str()));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Adds a row: its texts by column.
    pub fn add<'a>(&mut self, expect: &Expect, row: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
        self.rows += 1;
        for (column, text) in row {
            let Some(text) = text else { continue };
            *self.filled.entry(column.to_owned()).or_default() += 1;
            if expect.distinct.iter().any(|(c, _)| c == column) {
                self.distinct.entry(column.to_owned()).or_default().insert(text.to_owned());
            }
            if expect.sum.iter().any(|(c, _)| c == column) {
                match exact_decimal(text) {
                    Some(number) => {
                        let sum = self.sum.entry(column.to_owned()).or_insert(Some(Decimal::ZERO));
                        *sum = sum.and_then(|s| s.checked_add(number));
                    }
                    None => _ = self.unsummable.entry(column.to_owned()).or_insert_with(|| text.to_owned()),
                }
            }
        }
    }
}

/// One check for each stated total. Without totals (the table or a column is missing, for this reason) none has run.
pub fn control_totals(expect: &Expect, totals: Result<&Totals, &str>) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut compare = |what: String, expected: Decimal, actual: Option<Decimal>, why_not: Option<String>| {
        let mut check = Check::new("control-total", format!("{}.{what}", expect.table), Severity::Error);
        let text = |d: Decimal| d.normalize().to_string();
        check.expected = Some(text(expected));
        match actual {
            Some(actual) => {
                check.actual = Some(text(actual));
                check.difference = actual.checked_sub(expected).map(text);
                check.status = if actual == expected { Status::Match } else { Status::Difference };
            }
            None => check.explanation = why_not,
        }
        checks.push(check);
    };
    let found = totals.ok();
    let why = totals.err().map(str::to_owned);
    let count = |map: &BTreeMap<String, u64>, column: &str| Decimal::from(map.get(column).copied().unwrap_or(0));
    if let Some(rows) = expect.rows {
        compare("rows".into(), rows.into(), found.map(|t| t.rows.into()), why.clone());
    }
    for (column, sum) in &expect.sum {
        let unsummable = found.and_then(|t| t.unsummable.get(column));
        let actual = found.filter(|_| unsummable.is_none()).and_then(|t| t.sum.get(column).copied().unwrap_or(Some(Decimal::ZERO)));
        let why = unsummable
            .map(|text| format!("`{text}` is no number"))
            .or(why.clone())
            .or_else(|| Some("not run: the sum has more digits than can be kept exactly".into()));
        compare(format!("sum({column})"), *sum, actual, why);
    }
    for (column, filled) in &expect.filled {
        compare(format!("filled({column})"), (*filled).into(), found.map(|t| count(&t.filled, column)), why.clone());
    }
    for (column, distinct) in &expect.distinct {
        let actual = found.map(|t| Decimal::from(t.distinct.get(column).map_or(0, BTreeSet::len)));
        compare(format!("distinct({column})"), (*distinct).into(), actual, why.clone());
    }
    checks
}
