//! The configuration table, filled in the order that decides what a value is worth as evidence: what the table or
//! `rent_config.csv` says; the constants of the latest calculation of a month; `el` from the bills' monthly sums.

use super::houses::house_of;
use super::{Archive, Calculation, tables};
use crate::evidence::Finding;
use crate::job::Job;
use crate::table::{Canonical, Kind, Origin, Row};
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{CONFIG_KEYS, Decimal, Month, Record, nearest};

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

/// A candidate for a place.
struct Stated {
    value: String,
    origin: Origin,
    place: String,
}

/// The configuration rows to load, and where the sources disagree.
pub fn config_rows(
    archive: Archive<'_>,
    calculations: &[Calculation<'_>],
    existing: &BTreeMap<ConfigAt, Existing>,
    bill_sums: &BTreeMap<(Option<String>, Month), Decimal>,
) -> (Vec<Row>, Vec<Finding>) {
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let mut settled: BTreeMap<ConfigAt, String> = BTreeMap::new();
    let row = |at: &ConfigAt, value: String, origin: Origin| row(archive.job, at, value, origin);
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
        rows.push(row(&at, entry.value.clone(), origin));
        settled.insert(at, entry.value.clone());
    }
    for (at, held) in existing.iter().filter(|(_, held)| !held.ours) {
        settled.entry(at.clone()).or_insert_with(|| held.value.clone());
    }
    let from_constants = constants(calculations, &mut findings);
    let mut electricity: BTreeSet<(Option<String>, Month)> = BTreeSet::new();
    for (at, stated) in from_constants {
        if at.key == "el" {
            electricity.insert((at.house.clone(), at.month));
        }
        match settled.get(&at) {
            None => rows.push(row(&at, stated.value, stated.origin)),
            Some(value) if Kind::NumberText.canonical(value) != Kind::NumberText.canonical(&stated.value) => {
                let ConfigAt { key, month, .. } = &at;
                let message = format!("{key} of {month} is {} here and {value} in the configuration, which stays", stated.value);
                findings.push(
                    Finding::warning("config-differs", message, "find out which is right; the configuration counts")
                        .at(&stated.place, &stated.origin.span),
                );
            }
            Some(_) => {}
        }
    }
    // A bill that stands there without a house is of none that is known.
    for (of, sum) in bill_sums.iter().filter(|(of, _)| of.0.is_some() == archive.job.houses) {
        let at = ConfigAt::new(of.0.as_deref(), "el", of.1);
        if !electricity.contains(of) && !settled.contains_key(&at) {
            let origin = Origin { derived: Some(BILLS), ..Origin::default() };
            rows.push(row(&at, sum.canonical(), origin));
        }
    }
    (rows, findings)
}

/// The constants of the latest calculations, given and not zero. Where two calculations speak of one month, the one
/// that names the month in its constants counts before one that only has it in its name, then the later calculation.
fn constants(calculations: &[Calculation<'_>], findings: &mut Vec<Finding>) -> BTreeMap<ConfigAt, Stated> {
    let mut ranked: Vec<&Calculation<'_>> = calculations.iter().filter(|c| c.latest).collect();
    ranked.sort_by_key(|c| std::cmp::Reverse((c.rent.config_month.is_some(), c.rent.calculated_at, c.rent.label)));
    let mut found: BTreeMap<ConfigAt, Stated> = BTreeMap::new();
    for calculation in ranked {
        let month = calculation.rent.config_period();
        for constant in calculation.rent.constants.iter().filter(|c| !c.value.is_zero() && CONFIG_KEYS.contains(&c.key.as_str())) {
            let value = constant.value.canonical();
            let at = ConfigAt::new(calculation.house, &constant.key, month);
            if let Some(other) = found.get(&at) {
                if other.value != value {
                    let message =
                        format!("{} of {month} is {value} here and {} in {}, which counts", constant.key, other.value, other.place);
                    let hint = "two calculations speak of the same month; look whether one of them is mislabelled";
                    findings.push(Finding::warning("config-stated-twice", message, hint).at(calculation.path, &constant.span));
                }
                continue;
            }
            let origin = Origin { file: Some(calculation.file), span: constant.span.clone(), derived: None };
            found.insert(at, Stated { value, origin, place: calculation.path.to_owned() });
        }
    }
    found
}

fn row(job: &Job, at: &ConfigAt, value: String, origin: Origin) -> Row {
    let values = vec![None, Some(at.key.clone()), Some(at.month.canonical()), Some(value), None, None];
    Row { values: tables::placed(job, at.house.as_deref(), values), origin }
}
