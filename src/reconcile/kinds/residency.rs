//! `residency`: rows of a month about somebody, who must have been there in it by another table's two days.

use crate::error::Result;
use crate::evidence::{Check, Operand, Side as Of, Status};
use crate::reconcile::rule::{Cells, Declared, HOUSE, Kind, Need, OPERANDS, Rule, Side, Template, World, keep};
use crate::table::{Kind as Holds, of_house};
use std::collections::HashMap;
use tieout_parsers::{Date, Month};

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "residency",
    about: "rows of a month about somebody who was not there in it",
    settings: &["of", "period", "in", "from", "to"],
    make: |declared| Ok(Box::new(Validity::new(declared)?)),
};

struct Validity {
    template: Template,
    of: Side,
    period: String,
    into: Side,
    from: String,
    to: String,
    /// Whether people are told apart by their house, too.
    house: bool,
    /// First and last day, by who it is.
    there: HashMap<Who, (Option<Date>, Option<Date>)>,
    /// Who and when, with the row's key: rows may come before those of the other table.
    rows: HashMap<(Who, Month), (u64, String)>,
}

/// The house, where there are some, and who it is.
type Who = (Option<String>, String);

impl Validity {
    fn new(declared: &Declared<'_>) -> Result<Validity> {
        let (of, into) = (declared.side("of", "RentLedger.tenantId")?, declared.side("in", "Tenant.id")?);
        Ok(Validity {
            template: declared.check(),
            house: declared.by_house(&[&of.table, &into.table]),
            of,
            period: declared.required("period", "period")?.to_owned(),
            into,
            from: declared.required("from", "startDate")?.to_owned(),
            to: declared.required("to", "departureDate")?.to_owned(),
            there: HashMap::new(),
            rows: HashMap::new(),
        })
    }
}

fn day(text: Option<&str>) -> Option<Date> {
    Holds::Date.canonical(text?).get(..10)?.parse().ok()
}

impl Rule for Validity {
    fn needs(&self) -> Vec<Need> {
        let need = |side: &Side, others: &[&String]| {
            let columns = [&side.column].into_iter().chain(others.iter().copied()).cloned();
            Need { table: side.table.clone(), columns: columns.chain(self.house.then(|| HOUSE.to_owned())).collect() }
        };
        vec![need(&self.of, &[&self.period]), need(&self.into, &[&self.from, &self.to])]
    }

    fn row(&mut self, need: usize, row: &Cells<'_>) {
        let Some(who) = row.get(0) else { return };
        let house = if self.house { row.get(2 + need).map(str::to_owned) } else { None };
        let who = (house, who.to_owned());
        if need == 1 {
            self.there.insert(who, (day(row.get(1)), day(row.get(2))));
        } else if let Some(date) = day(row.get(1)) {
            self.rows.entry((who, Month::of(date))).or_insert_with(|| (0, row.key())).0 += 1;
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        let rows: u64 = self.rows.values().map(|r| r.0).sum();
        if rows == 0 {
            return vec![self.template.not_run("all rows", &format!("{} has no rows with a month", self.of.table))];
        }
        let outside = |who: &Who, month: &Month| match self.there.get(who) {
            None => true,
            Some((from, to)) => from.is_some_and(|f| f > month.last()) || to.is_some_and(|t| t < month.first()),
        };
        let mut wrong: Vec<_> = self.rows.iter().filter(|((who, month), _)| outside(who, month)).collect();
        wrong.sort();
        let count: u64 = wrong.iter().map(|w| w.1.0).sum();
        let mut check = self.template.group("all rows");
        check.expected = Some(rows.to_string());
        check.actual = Some((rows - count).to_string());
        check.difference = Some(if count == 0 { "0".into() } else { format!("-{count}") });
        check.status = if count == 0 { Status::Match } else { Status::Difference };
        let named: Vec<String> =
            wrong.iter().take(3).map(|(((house, who), month), _)| format!("{} in {month}", of_house(house.as_deref(), who))).collect();
        check.explanation = (count > 0)
            .then(|| format!("{count} rows are about a month in which nobody of that {} was there: {}", self.of.column, named.join(", ")));
        for ((_, month), (_, key)) in wrong.into_iter().take(OPERANDS) {
            keep(&mut check.operands, || Operand::of_row(Of::Actual, &self.of.table, key.clone(), month.to_string()));
        }
        vec![check]
    }
}
