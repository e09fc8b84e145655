//! `reference`: values of a column that must stand in a column of another table.

use crate::error::Result;
use crate::evidence::{Check, Operand, Side as Of, Status};
use crate::reconcile::rule::{Cells, Declared, Kind, Need, Rule, Side, Template, World, keep};
use std::collections::{BTreeMap, HashSet};

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "reference",
    about: "values of a column that must stand in another table",
    settings: &["of", "in"],
    make: |declared| Ok(Box::new(Reference::new(declared)?)),
};

struct Reference {
    template: Template,
    of: Side,
    into: Side,
    there: HashSet<String>,
    /// The values that are referred to: how often, and by whom.
    wanted: BTreeMap<String, (u64, Vec<Operand>)>,
    rows: u64,
}

impl Reference {
    fn new(declared: &Declared<'_>) -> Result<Reference> {
        Ok(Reference {
            template: declared.check(),
            of: declared.side("of", "RentLedger.tenantId")?,
            into: declared.side("in", "Tenant.id")?,
            there: HashSet::new(),
            wanted: BTreeMap::new(),
            rows: 0,
        })
    }
}

impl Rule for Reference {
    fn needs(&self) -> Vec<Need> {
        let need = |side: &Side| Need { table: side.table.clone(), columns: vec![side.column.clone()] };
        vec![need(&self.of), need(&self.into)]
    }

    fn row(&mut self, need: usize, row: &Cells<'_>) {
        let Some(text) = row.get(0) else { return };
        if need == 1 {
            self.there.insert(text.to_owned());
            return;
        }
        self.rows += 1;
        let wanted = self.wanted.entry(text.to_owned()).or_default();
        wanted.0 += 1;
        if wanted.1.len() < 3 {
            keep(&mut wanted.1, || Operand::of_row(Of::Actual, &self.of.table, row.key(), text));
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        let Reference { template, of, into, there, wanted, rows } = *self;
        if rows == 0 {
            return vec![template.not_run("all rows", &format!("{} has no rows with a {}", of.table, of.column))];
        }
        let missing: Vec<(String, (u64, Vec<Operand>))> = wanted.into_iter().filter(|(value, _)| !there.contains(value)).collect();
        let orphans: u64 = missing.iter().map(|(_, (n, _))| n).sum();
        let mut check = template.group("all rows");
        check.expected = Some(rows.to_string());
        check.actual = Some((rows - orphans).to_string());
        check.difference = Some(if orphans == 0 { "0".into() } else { format!("-{orphans}") });
        check.status = if orphans == 0 { Status::Match } else { Status::Difference };
        let named: Vec<&str> = missing.iter().take(5).map(|m| m.0.as_str()).collect();
        let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
        check.explanation = (orphans > 0).then(|| {
            format!("{orphans} rows of {} refer to what {}.{} does not have: {}{more}", of.table, into.table, into.column, named.join(", "))
        });
        missing.into_iter().flat_map(|m| m.1.1).for_each(|operand| keep(&mut check.operands, || operand));
        vec![check]
    }
}
