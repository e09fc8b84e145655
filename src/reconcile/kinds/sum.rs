//! `sum`: the sum of a column, group by group, against a configuration value of the month or the sum of another column.

use crate::error::Result;
use crate::evidence::{Check, Operand, Proof, Severity, Side as Of, Status};
use crate::reconcile::explain::{Grounds, explain};
use crate::reconcile::rule::{Cells, Declared, HOUSE, Kind, Need, OPERANDS, Rule, Side, Template, World, keep, name_of, raw_group};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tieout_parsers::{Decimal, Month, exact_decimal};

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "sum",
    about: "the sum of a column by groups, against a configuration value or the sum of another column",
    settings: &["of", "by", "equals", "equals_by"],
    make: |declared| Ok(Box::new(Sum::new(declared)?)),
};

/// What a sum is compared with.
#[derive(Debug)]
enum Target {
    /// The value of a key in a configuration table, month by month.
    Config { table: String, key: String },
    /// The sum of a column, by columns.
    Column(Side, Vec<String>),
}

/// One side of a group: exact, and the same in any order.
#[derive(Debug, Default)]
struct Total {
    /// `None` once it has more digits than can be kept.
    sum: Option<Decimal>,
    count: usize,
    operands: Vec<Operand>,
}

impl Total {
    fn merge(&mut self, other: Total) {
        self.sum = if self.count == 0 { other.sum } else { self.sum.zip(other.sum).and_then(|(a, b)| a.checked_add(b)) };
        self.count += other.count;
        other.operands.into_iter().for_each(|operand| keep(&mut self.operands, || operand));
    }

    fn add(&mut self, amount: Decimal, operand: impl FnOnce() -> Operand) {
        self.sum = if self.count == 0 { Some(amount) } else { self.sum.and_then(|s| s.checked_add(amount)) };
        self.count += 1;
        keep(&mut self.operands, operand);
    }
}

struct Sum {
    template: Template,
    of: Side,
    by: Vec<String>,
    /// Whether the first column of `by` is the house.
    house: bool,
    target: Target,
    /// By the texts of the group's columns, then by its name: several texts can mean one group.
    raw: [HashMap<String, Total>; 2],
    actual: BTreeMap<String, Total>,
    expected: BTreeMap<String, Total>,
    /// Why a row could not be counted, the first time.
    unreadable: Option<String>,
}

impl Sum {
    fn new(declared: &Declared<'_>) -> Result<Sum> {
        let of = declared.side("of", "ElectricityBill.amount")?;
        let mut by = declared.list("by")?;
        if by.is_empty() {
            return Err(declared.at("by").stop("`by` names no column", "write the column with the month, such as by = \"billPeriod\""));
        }
        let equals = declared.required("equals", "RentConfig[el]")?;
        let mut house = false;
        let target = match equals.strip_suffix(']').and_then(|e| e.split_once('[')) {
            Some((table, key)) => {
                // A value holds for a month of a house, where there are houses.
                if declared.by_house(&[&of.table, table]) {
                    by.retain(|column| column != HOUSE);
                    by.insert(0, HOUSE.to_owned());
                    house = true;
                }
                if by.len() != 1 + usize::from(house) {
                    let hint = "name one column in `by`";
                    return Err(declared.at("by").stop("a configuration value holds for a month", hint));
                }
                Target::Config { table: table.to_owned(), key: key.to_owned() }
            }
            None => {
                let other = declared.side("equals", "RentConfig[el]")?;
                let columns = declared.list("equals_by")?;
                let mut columns = if columns.is_empty() { by.clone() } else { columns };
                if declared.by_house(&[&of.table, &other.table]) && !by.iter().chain(&columns).any(|column| column == HOUSE) {
                    by.insert(0, HOUSE.to_owned());
                    columns.insert(0, HOUSE.to_owned());
                    house = true;
                }
                if columns.len() != by.len() {
                    return Err(declared.at("equals_by").stop("`equals_by` has not as many columns as `by`", "name one for each"));
                }
                Target::Column(other, columns)
            }
        };
        Ok(Sum {
            template: declared.check(),
            of,
            by,
            house,
            target,
            raw: Default::default(),
            actual: BTreeMap::new(),
            expected: BTreeMap::new(),
            unreadable: None,
        })
    }

    /// The group, the value, and the key.
    fn config_columns(&self) -> Vec<String> {
        let house = self.house.then_some(HOUSE);
        house.into_iter().chain(["period", "value", "key"]).map(str::to_owned).collect()
    }

    fn expected_table(&self) -> &str {
        match &self.target {
            Target::Config { table, .. } => table,
            Target::Column(side, _) => &side.table,
        }
    }

    fn summed(&self) -> String {
        format!("{}.{}", self.of.table, self.of.column)
    }

    fn target_words(&self) -> String {
        match &self.target {
            Target::Config { table, key } => format!("{table}[{key}]"),
            Target::Column(side, _) => format!("{}.{}", side.table, side.column),
        }
    }
}

impl Rule for Sum {
    fn needs(&self) -> Vec<Need> {
        let actual = Need { table: self.of.table.clone(), columns: self.by.iter().chain([&self.of.column]).cloned().collect() };
        let expected = match &self.target {
            Target::Config { table, .. } => Need { table: table.clone(), columns: self.config_columns() },
            Target::Column(side, by) => Need { table: side.table.clone(), columns: by.iter().chain([&side.column]).cloned().collect() },
        };
        vec![actual, expected]
    }

    fn row(&mut self, need: usize, row: &Cells<'_>) {
        let groups = self.by.len();
        if let (1, Target::Config { key, .. }) = (need, &self.target)
            && row.get(groups + 1) != Some(key)
        {
            return;
        }
        let complete = (0..groups).all(|n| row.get(n).is_some());
        let text = row.get(groups);
        let Some(amount) = text.and_then(exact_decimal).filter(|_| complete) else {
            let table = if need == 0 { self.of.table.clone() } else { self.expected_table().to_owned() };
            let what = text.unwrap_or("empty");
            self.unreadable.get_or_insert_with(|| format!("a row of {table} has no group or no number: {what}"));
            return;
        };
        let group = raw_group(row, 0, groups);
        let (table, side) = match (need, &self.target) {
            (0, _) => (&self.of.table, Of::Actual),
            (_, Target::Config { table, .. }) => (table, Of::Expected),
            (_, Target::Column(side, _)) => (&side.table, Of::Expected),
        };
        let operand = || Operand::of_row(side, table, row.key(), amount.normalize().to_string());
        let totals = &mut self.raw[need];
        match totals.get_mut(group.as_ref()) {
            Some(total) => total.add(amount, operand),
            None => totals.entry(group.into_owned()).or_default().add(amount, operand),
        }
    }

    fn seen(&mut self) {
        for (raw, totals) in self.raw.iter_mut().zip([&mut self.actual, &mut self.expected]) {
            for (group, total) in raw.drain() {
                totals.entry(name_of(&group)).or_default().merge(total);
            }
        }
    }

    fn asks(&self) -> Vec<(String, BTreeSet<String>)> {
        let Target::Config { table, .. } = &self.target else { return Vec::new() };
        let keys = self.expected.values().flat_map(|t| &t.operands).filter_map(|o| o.row.as_ref()).map(|row| row.1.clone());
        vec![(table.clone(), keys.collect())]
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("every month", why)]
    }

    fn finish(mut self: Box<Self>, world: &World) -> Vec<Check> {
        let groups: BTreeSet<String> = self.actual.keys().chain(self.expected.keys()).cloned().collect();
        let compared = groups.iter().any(|g| self.actual.contains_key(g) && self.expected.contains_key(g));
        let mut checks: Vec<Check> = groups.iter().map(|group| self.compare(group, world)).collect();
        for (check, group) in checks.iter_mut().zip(&groups) {
            let sides = [self.actual.remove(group), self.expected.remove(group)];
            check.operands = sides.into_iter().flatten().flat_map(|t| t.operands).collect();
        }
        if !compared {
            let what = format!("no group has both {} and {}", self.summed(), self.target_words());
            checks.push(self.template.not_run("every month", &what));
        }
        if let Some(why) = &self.unreadable {
            checks.push(Check { explanation: Some(why.clone()), ..self.template.group("unreadable rows") });
        }
        checks
    }
}

impl Sum {
    fn compare(&self, group: &str, world: &World) -> Check {
        let mut check = self.template.group(group);
        check.money = true;
        let (actual, expected) = (self.actual.get(group), self.expected.get(group));
        let text = |total: &Total| total.sum.map(|s| s.normalize().to_string());
        (check.actual, check.expected) = (actual.and_then(text), expected.and_then(text));
        let (Some(one), Some(other)) = (actual, expected) else {
            let (status, table, what) = match actual {
                Some(_) => (Status::MissingExpected, self.target_words(), "says nothing of this group"),
                None => (Status::MissingActual, self.of.table.clone(), "has no row in this group"),
            };
            check.status = status;
            // A month may be configured before its bills have come.
            if matches!((&self.target, status), (Target::Config { .. }, Status::MissingActual)) {
                check.severity = check.severity.min(Severity::Warning);
            }
            check.explanation = Some(format!("{table} {what}"));
            return check;
        };
        let sides = one.sum.zip(other.sum).and_then(|(a, e)| Some((a, e, a.checked_sub(e)?)));
        let Some((a, e, difference)) = sides else {
            check.explanation = Some("not run: the sum has more digits than can be kept exactly".to_owned());
            return check;
        };
        check.difference = Some(difference.normalize().to_string());
        if self.is_derived(other, world) {
            check.status = Status::Derived;
            check.proof = Some(Proof::Derived);
            check.explanation = Some("the configured value was derived from these rows, so it proves nothing".into());
            return check;
        }
        let (proof, words) = self.explained(group, (a, one), (e, other), world);
        check.status = match proof {
            Proof::Exact => Status::Match,
            _ if difference.abs() <= self.template.tolerance => Status::WithinTolerance,
            Proof::RoundingProved => Status::Explained,
            _ => Status::Difference,
        };
        (check.proof, check.explanation) = (Some(proof), words);
        check
    }

    fn is_derived(&self, target: &Total, world: &World) -> bool {
        let from = |operand: &Operand| operand.row.as_ref().and_then(|row| world.derived.get(row));
        target.operands.iter().any(|o| from(o).is_some_and(|from| *from == self.summed()))
    }

    fn explained(&self, group: &str, (a, one): (Decimal, &Total), (e, other): (Decimal, &Total), world: &World) -> (Proof, Option<String>) {
        fn named(total: &Total) -> Vec<(String, Decimal)> {
            let amount = |o: &Operand| Some((spoken(o), exact_decimal(&o.value)?));
            if total.count > OPERANDS { Vec::new() } else { total.operands.iter().filter_map(amount).collect() }
        }
        // Behind the last comma, where there are houses.
        let month = if self.house { group.rsplit_once(", ").map_or(group, |(_, month)| month) } else { group };
        let house = &group[..group.len() - month.len()];
        let beside = |by: i64| Month::parse(month).map(|m| format!("{house}{}", m.plus(by as i32)));
        let near = [beside(-1), beside(1)].into_iter().flatten();
        let (items, mut missing, mut periods) = (named(one), Vec::new(), Vec::new());
        for month in near {
            missing.extend(self.actual.get(&month).map(named).unwrap_or_default());
            periods.extend(self.expected.get(&month).and_then(|t| t.sum).map(|sum| (month, sum)));
        }
        let versions: Vec<(Decimal, String)> = match &self.target {
            Target::Config { key, .. } => world.superseded.get(&(key.clone(), group.to_owned())).cloned().unwrap_or_default(),
            Target::Column(..) => Vec::new(),
        };
        let _ = other;
        let grounds = Grounds {
            items: items.iter().map(|(n, d)| (n.as_str(), *d)).collect(),
            beside: missing.iter().map(|(n, d)| (n.as_str(), *d)).collect(),
            versions: versions.iter().map(|(d, place)| (place.as_str(), *d)).collect(),
            periods,
        };
        explain(a, e, &grounds)
    }
}

fn spoken(operand: &Operand) -> String {
    operand.row.as_ref().map_or_else(|| operand.label.clone(), |(_, key)| crate::table::spoken_key(key))
}
