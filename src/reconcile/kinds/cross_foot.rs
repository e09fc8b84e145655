//! `cross-foot`: in each row some columns must come to another, and their totals to its total.

use crate::error::Result;
use crate::evidence::{Check, Operand, Proof, Side, Status};
use crate::reconcile::rule::{Cells, Declared, Kind, Need, Rule, Template, World, keep};
use tieout_parsers::{Decimal, exact_decimal};

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "cross-foot",
    about: "columns of each row that must come to another column, and so must their totals",
    settings: &["of", "columns", "equals"],
    make: |declared| Ok(Box::new(CrossFoot::new(declared)?)),
};

struct CrossFoot {
    template: Template,
    of: String,
    columns: Vec<String>,
    equals: String,
    rows: u64,
    wrong: u64,
    operands: Vec<Operand>,
    /// What the columns come to, and the other; `None` once it cannot be kept.
    totals: Option<(Decimal, Decimal)>,
}

impl CrossFoot {
    fn new(declared: &Declared<'_>) -> Result<CrossFoot> {
        let columns = declared.list("columns")?;
        if columns.is_empty() {
            return Err(declared.at("columns").stop("`columns` names none", "name those that are added"));
        }
        let (of, equals) = (declared.required("of", "invoice")?.to_owned(), declared.required("equals", "total")?.to_owned());
        let totals = Some((Decimal::ZERO, Decimal::ZERO));
        Ok(CrossFoot { template: declared.check(), of, columns, equals, rows: 0, wrong: 0, operands: Vec::new(), totals })
    }
}

impl Rule for CrossFoot {
    fn needs(&self) -> Vec<Need> {
        vec![Need { table: self.of.clone(), columns: self.columns.iter().chain([&self.equals]).cloned().collect() }]
    }

    fn row(&mut self, _need: usize, row: &Cells<'_>) {
        self.rows += 1;
        let number = |n: usize| row.get(n).map_or(Some(Decimal::ZERO), exact_decimal);
        let sum = (0..self.columns.len()).try_fold(Decimal::ZERO, |sum, n| sum.checked_add(number(n)?));
        let sides = sum.zip(number(self.columns.len()));
        self.totals = self.totals.zip(sides).and_then(|((a, b), (sum, total))| Some((a.checked_add(sum)?, b.checked_add(total)?)));
        let holds = sides.and_then(|(sum, total)| sum.checked_sub(total)).is_some_and(|d| d.abs() <= self.template.tolerance);
        if !holds {
            self.wrong += 1;
            let words = sides.map_or("no number".to_owned(), |(sum, total)| format!("{} against {}", sum.normalize(), total.normalize()));
            keep(&mut self.operands, || Operand::of_row(Side::Actual, &self.of, row.key(), words));
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        if self.rows == 0 {
            return vec![self.template.not_run("all rows", &format!("{} has no rows", self.of))];
        }
        let mut rows = self.template.group("every row");
        rows.expected = Some(self.rows.to_string());
        rows.actual = Some((self.rows - self.wrong).to_string());
        rows.difference = Some(if self.wrong == 0 { "0".into() } else { format!("-{}", self.wrong) });
        rows.status = if self.wrong == 0 { Status::Match } else { Status::Difference };
        let first = self.operands.first().map(|o| o.value.clone()).unwrap_or_default();
        rows.explanation = (self.wrong > 0).then(|| {
            format!("in {} rows {} does not come to {}; the first has {first}", self.wrong, self.columns.join(" + "), self.equals)
        });
        rows.operands = self.operands;
        let mut foot = self.template.group("totals");
        if let Some((sum, total)) = self.totals {
            let difference = sum - total;
            foot.actual = Some(sum.normalize().to_string());
            foot.expected = Some(total.normalize().to_string());
            foot.difference = Some(difference.normalize().to_string());
            (foot.status, foot.proof) = match difference {
                d if d.is_zero() => (Status::Match, Some(Proof::Exact)),
                d if d.abs() <= self.template.tolerance * Decimal::from(self.rows) => (Status::WithinTolerance, Some(Proof::Unexplained)),
                _ => (Status::Difference, Some(Proof::Unexplained)),
            };
        } else {
            foot.explanation = Some("not run: a row has no number, or the totals have more digits than can be kept".into());
        }
        vec![rows, foot]
    }
}
