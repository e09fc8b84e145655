//! `reference`: values of a column that must stand in a column of another table.

use crate::error::Result;
use crate::evidence::{Check, Operand, Side as Of, Status};
use crate::reconcile::rule::{Cells, Declared, HOUSE, Kind, Need, Rule, Side, Template, World, keep};
use crate::table::of_house;
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
    /// Whether values are looked for within the house of the row.
    house: bool,
    there: HashSet<Value>,
    /// The values that are referred to: how often, and by whom.
    wanted: BTreeMap<Value, (u64, Vec<Operand>)>,
    rows: u64,
}

/// The house, where there are some, and the value.
type Value = (Option<String>, String);

impl Reference {
    fn new(declared: &Declared<'_>) -> Result<Reference> {
        let (of, into) = (declared.side("of", "RentLedger.tenantId")?, declared.side("in", "Tenant.id")?);
        Ok(Reference {
            template: declared.check(),
            house: declared.by_house(&[&of.table, &into.table]),
            of,
            into,
            there: HashSet::new(),
            wanted: BTreeMap::new(),
            rows: 0,
        })
    }
}

impl Rule for Reference {
    fn needs(&self) -> Vec<Need> {
        let house = self.house.then(|| HOUSE.to_owned());
        let columns = |side: &Side| [side.column.clone()].into_iter().chain(house.clone()).collect();
        let need = |side: &Side| Need { table: side.table.clone(), columns: columns(side) };
        vec![need(&self.of), need(&self.into)]
    }

    fn row(&mut self, need: usize, row: &Cells<'_>) {
        let Some(text) = row.get(0) else { return };
        let value = (if self.house { row.get(1).map(str::to_owned) } else { None }, text.to_owned());
        if need == 1 {
            self.there.insert(value);
            return;
        }
        self.rows += 1;
        let wanted = self.wanted.entry(value).or_default();
        wanted.0 += 1;
        if wanted.1.len() < 3 {
            keep(&mut wanted.1, || Operand::of_row(Of::Actual, &self.of.table, row.key(), text));
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        let Reference { template, of, into, there, wanted, rows, .. } = *self;
        if rows == 0 {
            return vec![template.not_run("all rows", &format!("{} has no rows with a {}", of.table, of.column))];
        }
        let missing: Vec<(Value, (u64, Vec<Operand>))> = wanted.into_iter().filter(|(value, _)| !there.contains(value)).collect();
        let orphans: u64 = missing.iter().map(|(_, (n, _))| n).sum();
        let mut check = template.group("all rows");
        check.expected = Some(rows.to_string());
        check.actual = Some((rows - orphans).to_string());
        check.difference = Some(if orphans == 0 { "0".into() } else { format!("-{orphans}") });
        check.status = if orphans == 0 { Status::Match } else { Status::Difference };
        let named: Vec<String> = missing.iter().take(5).map(|((house, text), _)| of_house(house.as_deref(), text)).collect();
        let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
        check.explanation = (orphans > 0).then(|| {
            format!("{orphans} rows of {} refer to what {}.{} does not have: {}{more}", of.table, into.table, into.column, named.join(", "))
        });
        missing.into_iter().flat_map(|m| m.1.1).for_each(|operand| keep(&mut check.operands, || operand));
        vec![check]
    }
}
