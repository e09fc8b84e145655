//! The configuration table, filled in the order that decides what a value is worth as evidence: what the table or
//! `rent_config.csv` says; the constants of the latest calculation of a month; `el` from the bills' monthly sums.

use super::houses::house_of;
use super::{Archive, Calculation, tables};
use crate::evidence::Finding;
use crate::job::Job;
use crate::table::{Canonical, Kind, Origin, Row};
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{CONFIG_KEYS, Constant, Decimal, Month, Record, nearest};

/// What a derived `el` is derived from.
const BILLS: &str = "ElectricityBill.amount";

/// Where a value belongs: the house, in a job with houses, the key, and the month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigAt {
    /// The house.
    pub house: Option<String>,
    /// The key.
    pub key: String,
    /// The configuration month.
    pub month: Month,
}

impl ConfigAt {
    fn new(house: Option<&str>, key: &str, month: Month) -> ConfigAt {
        ConfigAt { house: house.map(str::to_owned), key: key.to_owned(), month }
    }
}

/// A value that the table already holds.
#[derive(Debug, Clone)]
pub struct Existing {
    /// As stored.
    pub value: String,
    /// Whether an import of ours put it there; another tool's value stands.
    pub ours: bool,
}

/// Where constants of a calculation belong, and the one that counts there.
type Stated<'c> = BTreeMap<(Option<&'c str>, &'c str, Month), (&'c Calculation<'c>, &'c Constant)>;

/// The configuration rows to load, made one by one, and where the sources disagree.
pub fn config_rows<'c>(
    archive: Archive<'c>,
    calculations: &'c [Calculation<'c>],
    existing: &BTreeMap<ConfigAt, Existing>,
    bill_sums: &BTreeMap<(Option<String>, Month), Decimal>,
) -> (ConfigRows<'c>, Vec<Finding>) {
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let mut settled: BTreeMap<ConfigAt, String> = BTreeMap::new();
    let job = archive.job;
    for (file, located) in archive.records() {
        let Record::Config(entry) = &located.value else { continue };
        let Some(house) = house_of(archive, file, entry.house.as_deref()) else { continue };
        if !CONFIG_KEYS.contains(&entry.key.as_str()) {
            let message = format!("the key `{}` is none that the rent formula knows; it is loaded as it is", entry.key);
            let hint = nearest(&entry.key, CONFIG_KEYS)
                .map_or("check that it is no misspelling".to_owned(), |near| format!("did you mean `{near}`?"));
            findings.push(Finding::warning("unknown-key", message, hint).at(&archive.files[file].path, &located.span));
        }
        let at = ConfigAt::new(house, &entry.key, entry.period);
        let origin = Origin { file: Some(file), span: located.span.clone(), derived: None };
        rows.push(row(job, &at, entry.value.clone(), origin));
        settled.insert(at, entry.value.clone());
    }
    for (at, held) in existing.iter().filter(|(_, held)| !held.ours) {
        settled.entry(at.clone()).or_insert_with(|| held.value.clone());
    }
    let mut stated = constants(calculations, &mut findings);
    let electricity: BTreeSet<(Option<String>, Month)> =
        stated.keys().filter(|at| at.1 == "el" && !bill_sums.is_empty()).map(|at| (at.0.map(str::to_owned), at.2)).collect();
    stated.retain(|(house, key, month), (calculation, constant)| {
        let Some(value) = settled.get(&ConfigAt::new(*house, key, *month)) else { return true };
        let here = constant.value.canonical();
        if Kind::NumberText.canonical(value) != Kind::NumberText.canonical(&here) {
            let message = format!("{key} of {month} is {here} here and {value} in the configuration, which stays");
            let hint = "find out which is right; the configuration counts";
            findings.push(Finding::warning("config-differs", message, hint).at(calculation.path, &constant.span()));
        }
        false
    });
    let mut derived = Vec::new();
    // A bill that stands there without a house is of none that is known.
    for (of, sum) in bill_sums.iter().filter(|(of, _)| of.0.is_some() == job.houses) {
        let at = ConfigAt::new(of.0.as_deref(), "el", of.1);
        if !electricity.contains(of) && !settled.contains_key(&at) {
            let origin = Origin { derived: Some(BILLS), ..Origin::default() };
            derived.push(row(job, &at, sum.canonical(), origin));
        }
    }
    (ConfigRows { job, rows, stated, derived }, findings)
}

/// The configuration as rows, made one by one as often as they are asked for.
pub struct ConfigRows<'c> {
    job: &'c Job,
    rows: Vec<Row>,
    stated: Stated<'c>,
    derived: Vec<Row>,
}

impl ConfigRows<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len() + self.stated.len() + self.derived.len()
    }

    /// All of them: of the table, of the calculations, derived.
    pub fn each(&self) -> impl Iterator<Item = Row> {
        let stated = self.stated.iter().map(|((house, key, month), (calculation, constant))| {
            let origin = Origin { file: Some(calculation.file), span: constant.span(), derived: None };
            row(self.job, &ConfigAt::new(*house, key, *month), constant.value.canonical(), origin)
        });
        self.rows.iter().cloned().chain(stated).chain(self.derived.iter().cloned())
    }
}

/// The constants of the latest calculations, given and not zero. Where two calculations speak of one month, the one
/// that names the month in its constants counts before one that only has it in its name, then the later calculation.
fn constants<'c>(calculations: &'c [Calculation<'c>], findings: &mut Vec<Finding>) -> Stated<'c> {
    let mut ranked: Vec<&Calculation<'_>> = calculations.iter().filter(|c| c.latest).collect();
    ranked.sort_by_key(|c| std::cmp::Reverse((c.rent.config_month.is_some(), c.rent.calculated_at, c.rent.label)));
    let mut found = Stated::new();
    for calculation in ranked {
        let month = calculation.rent.config_period();
        for constant in calculation.rent.constants.iter().filter(|c| !c.value.is_zero() && CONFIG_KEYS.contains(&&*c.key)) {
            let (other, counts) = found.entry((calculation.house, &*constant.key, month)).or_insert((calculation, constant));
            if counts.value != constant.value {
                let [value, of_other] = [constant.value, counts.value].map(|value| value.canonical());
                let message = format!("{} of {month} is {value} here and {of_other} in {}, which counts", constant.key, other.path);
                let hint = "two calculations speak of the same month; look whether one of them is mislabelled";
                findings.push(Finding::warning("config-stated-twice", message, hint).at(calculation.path, &constant.span()));
            }
        }
    }
    found
}

fn row(job: &Job, at: &ConfigAt, value: String, origin: Origin) -> Row {
    let values = vec![None, Some(at.key.clone()), Some(at.month.canonical()), Some(value), None, None];
    Row { values: tables::placed(job, at.house.as_deref(), values), origin }
}
