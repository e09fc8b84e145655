//! `duplicate`: rows that say the same in some columns, though nothing forbids it.

use crate::error::Result;
use crate::evidence::{Check, Operand, Side, Status};
use crate::reconcile::rule::{Cells, Declared, Kind, Need, OPERANDS, Rule, Template, World};
use std::collections::HashMap;

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
    /// The rows by a digest of their columns: how many, and the key of the first.
    seen: HashMap<u128, (u32, String)>,
    rows: u64,
    repeated: Vec<(u128, Operand)>,
    more: u64,
}

impl Duplicate {
    fn new(declared: &Declared<'_>) -> Result<Duplicate> {
        let columns = declared.list("columns")?;
        if columns.is_empty() {
            return Err(declared.at("columns").stop("`columns` names none", "name those in which two rows must differ"));
        }
        let of = declared.required("of", "ElectricityBill")?.to_owned();
        Ok(Duplicate { template: declared.check(), of, columns, seen: HashMap::new(), rows: 0, repeated: Vec::new(), more: 0 })
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
        let known = self.seen.entry(digest).or_insert_with(|| (0, row.key()));
        known.0 += 1;
        if known.0 == 1 {
            return;
        }
        if self.repeated.len() >= OPERANDS {
            self.more += 1;
            return;
        }
        let words = texts.iter().map(|t| t.unwrap_or("none")).collect::<Vec<_>>().join(", ");
        if known.0 == 2 {
            let first = Operand::of_row(Side::Expected, &self.of, known.1.clone(), words.clone());
            self.repeated.push((digest, first));
        }
        self.repeated.push((digest, Operand::of_row(Side::Actual, &self.of, row.key(), words)));
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
        let first = self.repeated.first().map(|(_, o)| o.value.clone()).unwrap_or_default();
        let more = if self.more > 0 { format!("; the first {OPERANDS} are listed") } else { String::new() };
        check.explanation = (repeats > 0).then(|| format!("{repeats} rows repeat another in {}: {first}{more}", self.columns.join(", ")));
        check.operands = self.repeated.into_iter().map(|(_, o)| o).collect();
        vec![check]
    }
}
