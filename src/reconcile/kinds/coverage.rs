//! `coverage`: months that something should have and does not: gaps between the first and the last month of each group, and
//! months that another table knows.

use crate::error::Result;
use crate::evidence::{Check, Status};
use crate::reconcile::rule::{Cells, Declared, HOUSE, Kind, Need, Rule, Side, Template, World, first_of, name_of, raw_group};
use crate::table::Kind as Holds;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tieout_parsers::Month;

/// The kind.
pub(super) const KIND: Kind = Kind {
    name: "coverage",
    about: "months without a row, within each group's span or where another table has some",
    settings: &["of", "by", "against", "from", "to"],
    make: |declared| Ok(Box::new(Coverage::new(declared)?)),
};

struct Coverage {
    template: Template,
    of: Side,
    by: Vec<String>,
    against: Option<Against>,
    from: Option<Month>,
    to: Option<Month>,
    /// The group and the month of the last row, as texts: rows that follow one another are often of one month.
    last: [String; 2],
    /// Whether the first column of `by` is the house, and months are known of each.
    house: bool,
    /// By the texts of a group.
    months: HashMap<String, BTreeSet<Month>>,
    /// By house; empty without houses.
    known: BTreeMap<String, BTreeSet<Month>>,
}

/// Where else months are known from: a column, or a key of a configuration table.
struct Against {
    need: Need,
    key: Option<String>,
    words: String,
}

impl Coverage {
    fn new(declared: &Declared<'_>) -> Result<Coverage> {
        let against = match declared.text("against")? {
            None => None,
            Some(text) => Some(match text.strip_suffix(']').and_then(|t| t.split_once('[')) {
                Some((table, key)) => Against {
                    need: Need { table: table.to_owned(), columns: vec!["period".into(), "key".into()] },
                    key: Some(key.to_owned()),
                    words: text.to_owned(),
                },
                None => {
                    let side = declared.side("against", "RentLedger.period")?;
                    Against { need: Need { table: side.table, columns: vec![side.column] }, key: None, words: text.to_owned() }
                }
            }),
        };
        let month = |key| match declared.text(key)? {
            None => Ok(None),
            Some(text) => match Month::parse(text) {
                Some(month) => Ok(Some(month)),
                None => Err(declared.at(key).stop(format!("`{text}` is no month"), "write it as \"2025-02\"")),
            },
        };
        let (of, mut by, mut against) = (declared.side("of", "ElectricityBill.billPeriod")?, declared.list("by")?, against);
        let other = against.as_ref().map_or(of.table.as_str(), |a| &a.need.table);
        let house = declared.by_house(&[&of.table, other]);
        if house {
            by.retain(|column| column != HOUSE);
            by.insert(0, HOUSE.to_owned());
            against.iter_mut().for_each(|a| a.need.columns.push(HOUSE.to_owned()));
        }
        Ok(Coverage {
            template: declared.check(),
            of,
            by,
            against,
            from: month("from")?,
            to: month("to")?,
            last: Default::default(),
            months: HashMap::new(),
            known: BTreeMap::new(),
            house,
        })
    }

    fn add(&mut self, row: &Cells<'_>) {
        let (raw, text) = (raw_group(row, 1, self.by.len()), row.get(0).unwrap_or_default());
        if self.last[0] == raw && self.last[1] == text {
            return;
        }
        if let Some(month) = month(row.get(0)) {
            match self.months.get_mut(raw.as_ref()) {
                Some(months) => _ = months.insert(month),
                None => _ = self.months.insert(raw.clone().into_owned(), BTreeSet::from([month])),
            }
        }
        self.last = [raw.into_owned(), text.to_owned()];
    }

    /// The months by house (empty without houses) and group, as these are called.
    fn by_group(&self) -> BTreeMap<(String, String), BTreeSet<Month>> {
        let mut named: BTreeMap<(String, String), BTreeSet<Month>> = BTreeMap::new();
        for (raw, months) in &self.months {
            let group = if self.by.is_empty() { String::new() } else { name_of(raw) };
            let house = if self.house { name_of(first_of(raw)) } else { String::new() };
            named.entry((house, group)).or_default().extend(months);
        }
        named
    }

    fn group(&self, group: &str, months: &BTreeSet<Month>, known: Option<&BTreeSet<Month>>) -> Check {
        let mut check = self.template.group(group);
        let first = self.from.or(months.first().copied());
        let last = self.to.or(months.last().copied());
        let span = first.zip(last).map(|(first, last)| (0..=first.until(last)).map(move |n| first.plus(n)));
        let mut wanted: BTreeSet<Month> = span.into_iter().flatten().collect();
        let within = |m: &&Month| self.from.is_none_or(|f| **m >= f) && self.to.is_none_or(|t| **m <= t);
        wanted.extend(known.into_iter().flatten().filter(within));
        let missing: Vec<Month> = wanted.difference(months).copied().collect();
        check.expected = Some(wanted.len().to_string());
        check.actual = Some((wanted.len() - missing.len()).to_string());
        check.difference = Some(if missing.is_empty() { "0".into() } else { format!("-{}", missing.len()) });
        check.status = if missing.is_empty() { Status::Match } else { Status::Difference };
        check.explanation = (!missing.is_empty()).then(|| format!("no row for {}", spans(&missing)));
        check
    }
}

/// Months as people say them: `2023-03 to 2024-10, 2024-12`.
fn spans(months: &[Month]) -> String {
    let mut spans: Vec<(Month, Month)> = Vec::new();
    for month in months {
        match spans.last_mut().filter(|(_, last)| last.plus(1) == *month) {
            Some((_, last)) => *last = *month,
            None => spans.push((*month, *month)),
        }
    }
    let more = if spans.len() > 12 { format!(" and {} more", spans.len() - 12) } else { String::new() };
    let one = |(first, last): &(Month, Month)| if first == last { first.to_string() } else { format!("{first} to {last}") };
    spans.iter().take(12).map(one).collect::<Vec<_>>().join(", ") + &more
}

/// The month of a text that a database gives.
fn month(text: Option<&str>) -> Option<Month> {
    Holds::Date.canonical(text?).get(..7).and_then(Month::parse)
}

impl Rule for Coverage {
    fn needs(&self) -> Vec<Need> {
        let columns = std::iter::once(&self.of.column).chain(&self.by).cloned().collect();
        let of = Need { table: self.of.table.clone(), columns };
        std::iter::once(of).chain(self.against.as_ref().map(|a| a.need.clone())).collect()
    }

    fn row(&mut self, need: usize, row: &Cells<'_>) {
        if need == 0 {
            self.add(row);
            return;
        }
        let Some(month) = month(row.get(0)) else { return };
        let key = self.against.as_ref().and_then(|a| a.key.as_deref());
        if key.is_none() || row.get(1) == key {
            let at = 1 + usize::from(key.is_some());
            let house = if self.house { name_of(&raw_group(row, at, 1)) } else { String::new() };
            self.known.entry(house).or_default().insert(month);
        }
    }

    fn missing(&self, why: &str) -> Vec<Check> {
        vec![self.template.not_run("every month", why)]
    }

    fn finish(self: Box<Self>, _world: &World) -> Vec<Check> {
        if self.months.is_empty() && self.known.is_empty() {
            return vec![self.template.not_run("every month", &format!("{} has no rows", self.of.table))];
        }
        let all = self.against.as_ref().map_or("all months".to_owned(), |a| format!("against {}", a.words));
        let mut months = self.by_group();
        // Of a house that only the other table knows, every month is missing.
        let seen: BTreeSet<String> = months.keys().map(|(house, _)| house.clone()).collect();
        months.extend(
            self.known.keys().filter(|house| !seen.contains(*house)).map(|house| ((house.clone(), house.clone()), BTreeSet::new())),
        );
        let named = |group: &str| if group.is_empty() { all.clone() } else { group.to_owned() };
        months.iter().map(|((house, group), months)| self.group(&named(group), months, self.known.get(house))).collect()
    }
}
