//! `recompute`: a column that must be what a formula over the other columns of its row gives.

use crate::error::Result;
use crate::evidence::{Check, Operand, Side as Of, Status};
use crate::reconcile::formula::Formula;
use crate::reconcile::rule::{Cells, Declared, Kind, Need, Rule, Side, Template, World, keep};
use crate::table::Kind as Holds;
use tieout_parsers::exact_decimal;

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "recompute",
    about: "a column that must be what a formula over its row gives, such as \"round(quantity * price, 2)\"",
    settings: &["of", "formula"],
    make: |declared| Ok(Box::new(Recompute::new(declared)?)),
};

struct Recompute {
    template: Template,
    of: Side,
    words: String,
    formula: Formula,
    columns: Vec<String>,
    rows: u64,
    wrong: u64,
    within: u64,
    operands: Vec<Operand>,
    first: Option<String>,
}

impl Recompute {
    fn new(declared: &Declared<'_>) -> Result<Recompute> {
        let words = declared.required("formula", "round(quantity * price, 2)")?.to_owned();
        let (formula, columns) = Formula::read(&words).map_err(|why| {
            declared.at("formula").stop(format!("this is no formula: {why}"), "write it like \"round(quantity * price, 2)\"")
        })?;
        let of = declared.side("of", "invoice.total")?;
        let (rows, wrong, within) = (0, 0, 0);
        Ok(Recompute { template: declared.check(), of, words, formula, columns, rows, wrong, within, operands: Vec::new(), first: None })
    }
}

impl Rule for Recompute {
    fn needs(&self) -> Vec<Need> {
        let columns = self.columns.iter().chain([&self.of.column]).cloned().collect();
        vec![Need { table: self.of.table.clone(), columns }]
    }

    fn row(&mut self, _need: usize, row: &Cells<'_>) {
        self.rows += 1;
        let computed = self.formula.value(&|n| row.get(n));
        let held = row.get(self.columns.len());
        let difference = computed.as_ref().ok().zip(held.and_then(exact_decimal)).and_then(|(c, h)| h.checked_sub(*c));
        match difference {
            Some(d) if d.is_zero() => return,
            Some(d) if d.abs() <= self.template.tolerance => {
                self.within += 1;
                return;
            }
            _ => self.wrong += 1,
        }
        let (words, sentence) = match &computed {
            Ok(value) => {
                let held = held.map_or("nothing".to_owned(), |h| Holds::Number.canonical(h));
                let words = format!("{held} where the formula gives {}", value.normalize());
                (words.clone(), format!("the first has {words}"))
            }
            Err(why) => (why.clone(), format!("of the first it cannot be computed: {why}")),
        };
        self.first.get_or_insert(sentence);
        keep(&mut self.operands, || Operand::of_row(Of::Actual, &self.of.table, row.key(), words));
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("all rows", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        if self.rows == 0 {
            return vec![self.template.not_run("every row", &format!("{} has no rows", self.of.table))];
        }
        let mut check = self.template.group("every row");
        check.expected = Some(self.rows.to_string());
        check.actual = Some((self.rows - self.wrong).to_string());
        check.difference = Some(if self.wrong == 0 { "0".into() } else { format!("-{}", self.wrong) });
        check.status = match (self.wrong, self.within) {
            (0, 0) => Status::Match,
            (0, _) => Status::WithinTolerance,
            _ => Status::Difference,
        };
        let formula = format!("{} = {}", self.of.column, self.words);
        check.explanation = Some(match self.first {
            Some(first) => format!("{} rows are not {formula}; {first}", self.wrong),
            None if self.within > 0 => format!("{formula}; {} rows only within the tolerance", self.within),
            None => formula,
        });
        check.operands = self.operands;
        vec![check]
    }
}
