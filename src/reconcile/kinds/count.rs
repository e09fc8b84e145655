//! `count`: how many rows there are, group by group, against a number.

use crate::error::Result;
use crate::evidence::{Check, Proof, Status};
use crate::reconcile::rule::{Cells, Declared, Kind, Need, Rule, Template, World, name_of, raw_group};
use std::collections::{BTreeMap, HashMap};
use tieout_parsers::Decimal;

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "count",
    about: "how many rows each group has, against a number",
    settings: &["of", "by", "equals", "at_least", "at_most"],
    make: |declared| Ok(Box::new(Count::new(declared)?)),
};

struct Count {
    template: Template,
    of: String,
    by: Vec<String>,
    least: u64,
    most: u64,
    /// By the texts of the group's columns, then by its name.
    raw: HashMap<String, u64>,
    counts: BTreeMap<String, u64>,
}

impl Count {
    fn new(declared: &Declared<'_>) -> Result<Count> {
        let of = declared.required("of", "ElectricityBill")?.to_owned();
        let (equals, least, most) = (declared.whole("equals")?, declared.whole("at_least")?, declared.whole("at_most")?);
        let (least, most) = match (equals, least, most) {
            (Some(n), None, None) => (n, n),
            (None, least, most) if least.is_some() || most.is_some() => (least.unwrap_or(0), most.unwrap_or(u64::MAX)),
            _ => {
                return Err(declared
                    .at("equals")
                    .stop("it is not said how many rows there must be", "write equals = 2, or at_least and at_most"));
            }
        };
        Ok(Count { template: declared.check(), of, by: declared.list("by")?, least, most, raw: HashMap::new(), counts: BTreeMap::new() })
    }
}

impl Rule for Count {
    fn needs(&self) -> Vec<Need> {
        vec![Need { table: self.of.clone(), columns: self.by.clone() }]
    }

    fn row(&mut self, _need: usize, row: &Cells<'_>) {
        let group = raw_group(row, 0, self.by.len());
        match self.raw.get_mut(group.as_ref()) {
            Some(count) => *count += 1,
            None => _ = self.raw.insert(group.into_owned(), 1),
        }
    }

    fn seen(&mut self) {
        for (group, count) in self.raw.drain() {
            *self.counts.entry(name_of(&group)).or_default() += count;
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("every group", why)]
    }

    fn finish(mut self: Box<Self>, _world: &World) -> Vec<Check> {
        if self.counts.is_empty() && !self.by.is_empty() {
            return vec![self.template.not_run("every group", &format!("{} has no rows", self.of))];
        }
        if self.by.is_empty() {
            let all = self.counts.values().sum();
            self.counts = BTreeMap::from([("all rows".to_owned(), all)]);
        }
        let one = |(group, count): (&String, &u64)| {
            let mut check = self.template.group(group);
            let nearest = (*count).clamp(self.least, self.most);
            check.expected = Some(nearest.to_string());
            check.actual = Some(count.to_string());
            let difference = Decimal::from(*count) - Decimal::from(nearest);
            check.difference = Some(difference.to_string());
            check.status = match difference {
                d if d.is_zero() => Status::Match,
                d if d.abs() <= self.template.tolerance => Status::WithinTolerance,
                _ => Status::Difference,
            };
            check.proof = Some(if difference.is_zero() { Proof::Exact } else { Proof::Unexplained });
            check.explanation = (!difference.is_zero()).then(|| format!("{count} rows of {}", self.of));
            check
        };
        self.counts.iter().map(one).collect()
    }
}
