//! `duplicate`: rows that say the same in some columns, though nothing forbids it.

use crate::error::Result;
use crate::evidence::{Check, Operand, Side, Status};
use crate::reconcile::rule::{Cells, Declared, Kind, Need, OPERANDS, Rule, Template, World, keep};
use std::collections::HashSet;

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "duplicate",
    about: "rows that are equal in some columns",
    settings: &["of", "columns"],
    make: |declared| Ok(Box::new(Duplicate::new(declared)?)),
};

struct Duplicate {
    template: Template,
    of: String,
    columns: Vec<String>,
    /// The digests of the rows' columns.
    seen: HashSet<u128>,
    rows: u64,
    repeated: Vec<Operand>,
}

impl Duplicate {
    fn new(declared: &Declared<'_>) -> Result<Duplicate> {
        let columns = declared.list("columns")?;
        if columns.is_empty() {
            return Err(declared.at("columns").stop("`columns` names none", "name those in which two rows must differ"));
        }
        let of = declared.required("of", "ElectricityBill")?.to_owned();
        Ok(Duplicate { template: declared.check(), of, columns, seen: HashSet::new(), rows: 0, repeated: Vec::new() })
    }
}

impl Rule for Duplicate {
    fn needs(&self) -> Vec<Need> {
        vec![Need { table: self.of.clone(), columns: self.columns.clone() }]
    }

    fn row(&mut self, _need: usize, row: &Cells<'_>) {
        self.rows += 1;
        let texts: Vec<Option<&str>> = (0..self.columns.len()).map(|n| row.get(n)).collect();
        let digest = crate::digest::short(&serde_json::to_vec(&texts).unwrap_or_default());
        if self.seen.insert(digest) {
            return;
        }
        let words = || texts.iter().map(|t| t.unwrap_or("none")).collect::<Vec<_>>().join(", ");
        keep(&mut self.repeated, || Operand::of_row(Side::Actual, &self.of, row.key(), words()));
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        if self.rows == 0 {
            return vec![self.template.not_run("all rows", &format!("{} has no rows", self.of))];
        }
        let repeats = self.rows - self.seen.len() as u64;
        let mut check = self.template.group("all rows");
        check.expected = Some("0".into());
        check.actual = Some(repeats.to_string());
        check.difference = Some(repeats.to_string());
        check.status = if repeats == 0 { Status::Match } else { Status::Difference };
        let first = self.repeated.first().map(|o| o.value.clone()).unwrap_or_default();
        let more = if repeats > OPERANDS as u64 { format!("; the first {OPERANDS} are listed") } else { String::new() };
        check.explanation = (repeats > 0).then(|| format!("{repeats} rows repeat another in {}: {first}{more}", self.columns.join(", ")));
        check.operands = self.repeated;
        vec![check]
    }
}
