//! `control-total`: what a table must hold after the run, stated beforehand: counts, sums, and hash totals (sums of columns
//! whose sum means nothing, such as account numbers, so that a swapped one shows).

use crate::error::Result;
use crate::evidence::{Check, Proof, Severity, Status};
use crate::job::Expect;
use crate::reconcile::rule::{Cells, HOUSE, Kind, Need, Rule, World};
use crate::table::of_house;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tieout_parsers::{Decimal, exact_decimal};

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "control-total",
    about: "a table's rows, sums and hash totals, stated beforehand; the same as [[expect]]",
    settings: &["of", "house", "rows", "sum"],
    make: |declared| {
        let (table, rows) = (declared.required("of", "ElectricityBill")?.to_owned(), declared.whole("rows")?);
        let number = |(column, text): (String, String)| match exact_decimal(&text) {
            Some(number) => Ok((column, number)),
            None => Err(declared.at("sum").stop(format!("`{text}` is no number"), "write it like \"92941.50\"")),
        };
        let sum: Vec<(String, Decimal)> = declared.map("sum")?.into_iter().map(number).collect::<Result<_>>()?;
        if rows.is_none() && sum.is_empty() {
            return Err(declared.at("rows").stop("this control total states nothing", "state `rows` or `sum`"));
        }
        let expect =
            Expect { table, house: declared.text("house")?.map(str::to_owned), rows, sum, filled: Vec::new(), distinct: Vec::new() };
        Ok(Box::new(Control::new(&declared.check.name, declared.check.severity, expect)))
    },
};

/// The totals of a table as a fold over its rows: exact, and the same in any order.
pub struct Control {
    name: String,
    severity: Severity,
    expect: Expect,
    columns: Vec<String>,
    rows: u64,
    /// `None` once it has more digits than can be kept.
    sum: BTreeMap<String, Option<Decimal>>,
    /// The first text of a column that is no number, which makes its sum unknown.
    unsummable: BTreeMap<String, String>,
    filled: BTreeMap<String, u64>,
    /// The digests of a column's values.
    distinct: BTreeMap<String, HashSet<u128>>,
}

impl Control {
    /// The control totals that a job expects.
    pub fn new(name: &str, severity: Severity, expect: Expect) -> Control {
        let names = expect.sum.iter().map(|s| s.0.clone());
        let names = names.chain(expect.filled.iter().chain(&expect.distinct).map(|c| c.0.clone()));
        let columns = names.collect::<BTreeSet<_>>().into_iter().collect();
        Control {
            name: name.to_owned(),
            severity,
            expect,
            columns,
            rows: 0,
            sum: BTreeMap::new(),
            unsummable: BTreeMap::new(),
            filled: BTreeMap::new(),
            distinct: BTreeMap::new(),
        }
    }

    /// One check for each stated total; `totals` says whether there are any, or why not.
    pub fn checks(&self, totals: std::result::Result<(), &str>) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut compare = |what: String, expected: Decimal, actual: Option<Decimal>, why_not: Option<String>| {
            let mut check =
                Check::new(&self.name, of_house(self.expect.house.as_deref(), &format!("{}.{what}", self.expect.table)), self.severity);
            let text = |d: Decimal| d.normalize().to_string();
            check.expected = Some(text(expected));
            match actual {
                Some(actual) => {
                    check.actual = Some(text(actual));
                    check.difference = actual.checked_sub(expected).map(text);
                    (check.status, check.proof) = if actual == expected {
                        (Status::Match, Some(Proof::Exact))
                    } else {
                        (Status::Difference, Some(Proof::Unexplained))
                    };
                }
                None => check.explanation = why_not,
            }
            checks.push(check);
        };
        let why = totals.err().map(|why| format!("not run: {why}"));
        let found = totals.ok();
        let count = |map: &BTreeMap<String, u64>, column: &str| Decimal::from(map.get(column).copied().unwrap_or(0));
        if let Some(rows) = self.expect.rows {
            compare("rows".into(), rows.into(), found.map(|()| self.rows.into()), why.clone());
        }
        for (column, sum) in &self.expect.sum {
            let unsummable = found.and_then(|()| self.unsummable.get(column));
            let sums = found.filter(|()| unsummable.is_none());
            let actual = sums.and_then(|()| self.sum.get(column).copied().unwrap_or(Some(Decimal::ZERO)));
            let why = unsummable
                .map(|text| format!("`{text}` is no number"))
                .or(why.clone())
                .or_else(|| Some("not run: the sum has more digits than can be kept exactly".into()));
            compare(format!("sum({column})"), *sum, actual, why);
        }
        for (column, filled) in &self.expect.filled {
            compare(format!("filled({column})"), (*filled).into(), found.map(|()| count(&self.filled, column)), why.clone());
        }
        for (column, distinct) in &self.expect.distinct {
            let actual = found.map(|()| Decimal::from(self.distinct.get(column).map_or(0, HashSet::len)));
            compare(format!("distinct({column})"), (*distinct).into(), actual, why.clone());
        }
        checks
    }
}

impl Rule for Control {
    fn needs(&self) -> Vec<Need> {
        let house = self.expect.house.as_ref().map(|_| HOUSE.to_owned());
        vec![Need { table: self.expect.table.clone(), columns: self.columns.iter().cloned().chain(house).collect() }]
    }

    fn row(&mut self, _need: usize, row: &Cells<'_>) {
        if self.expect.house.as_deref().is_some_and(|house| row.get(self.columns.len()) != Some(house)) {
            return;
        }
        self.rows += 1;
        for (n, column) in self.columns.iter().enumerate() {
            let Some(text) = row.get(n) else { continue };
            if self.expect.filled.iter().any(|(c, _)| c == column) {
                *self.filled.entry(column.clone()).or_default() += 1;
            }
            if self.expect.distinct.iter().any(|(c, _)| c == column) {
                self.distinct.entry(column.clone()).or_default().insert(crate::digest::short(text.as_bytes()));
            }
            if self.expect.sum.iter().any(|(c, _)| c == column) {
                match exact_decimal(text) {
                    Some(number) => {
                        let sum = self.sum.entry(column.clone()).or_insert(Some(Decimal::ZERO));
                        *sum = sum.and_then(|s| s.checked_add(number));
                    }
                    None => _ = self.unsummable.entry(column.clone()).or_insert_with(|| text.to_owned()),
                }
            }
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        self.checks(Err(why))
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        self.checks(Ok(()))
    }
}
