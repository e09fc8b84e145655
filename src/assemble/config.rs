//! The configuration table, filled in the order that decides what a value is worth as evidence: what the table or
//! `rent_config.csv` says; the constants of the latest calculation of a month; `el` from the bills' monthly sums.

use super::{Archive, Calculation};
use crate::evidence::Finding;
use crate::table::{Canonical, Kind, Origin, Row};
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{CONFIG_KEYS, Decimal, Month, Record, nearest};

/// What a derived `el` is derived from.
const BILLS: &str = "ElectricityBill.amount";

/// A value that the table already holds.
#[derive(Debug, Clone)]
pub struct Existing {
    /// As stored.
    pub value: String,
    /// Whether an import of ours put it there; another tool's value stands.
    pub ours: bool,
}

/// A candidate for a key and month.
struct Stated {
    value: String,
    origin: Origin,
    place: String,
}

/// The configuration rows to load, and where the sources disagree.
pub fn config_rows(
    archive: Archive<'_>,
    calculations: &[Calculation<'_>],
    existing: &BTreeMap<(String, Month), Existing>,
    bill_sums: &BTreeMap<Month, Decimal>,
) -> (Vec<Row>, Vec<Finding>) {
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let mut settled: BTreeMap<(String, Month), String> = BTreeMap::new();
    for (file, located) in archive.records() {
        let Record::Config(entry) = &located.value else { continue };
        if !CONFIG_KEYS.contains(&entry.key.as_str()) {
            let message = format!("the key `{}` is none that the rent formula knows; it is loaded as it is", entry.key);
            let hint = nearest(&entry.key, CONFIG_KEYS)
                .map_or("check that it is no misspelling".to_owned(), |near| format!("did you mean `{near}`?"));
            findings.push(Finding::warning("unknown-key", message, hint).at(&archive.files[file].path, &located.span));
        }
        settled.insert((entry.key.clone(), entry.period), entry.value.clone());
        let origin = Origin { file: Some(file), span: located.span.clone(), derived: None };
        rows.push(row(&entry.key, entry.period, entry.value.clone(), origin));
    }
    for (at, held) in existing.iter().filter(|(_, held)| !held.ours) {
        settled.entry(at.clone()).or_insert_with(|| held.value.clone());
    }
    let from_constants = constants(calculations, &mut findings);
    let mut by_month: BTreeSet<Month> = BTreeSet::new();
    for ((key, month), stated) in from_constants {
        if key == "el" {
            by_month.insert(month);
        }
        match settled.get(&(key.clone(), month)) {
            None => rows.push(row(&key, month, stated.value, stated.origin)),
            Some(value) if Kind::NumberText.canonical(value) != Kind::NumberText.canonical(&stated.value) => {
                let message = format!("{key} of {month} is {} here and {value} in the configuration, which stays", stated.value);
                findings.push(
                    Finding::warning("config-differs", message, "find out which is right; the configuration counts")
                        .at(&stated.place, &stated.origin.span),
                );
            }
            Some(_) => {}
        }
    }
    for (month, sum) in bill_sums {
        if !by_month.contains(month) && !settled.contains_key(&("el".to_owned(), *month)) {
            let origin = Origin { derived: Some(BILLS), ..Origin::default() };
            rows.push(row("el", *month, sum.canonical(), origin));
        }
    }
    (rows, findings)
}

/// The constants of the latest calculations, given and not zero. Where two calculations speak of one month, the one
/// that names the month in its constants counts before one that only has it in its name, then the later calculation.
fn constants(calculations: &[Calculation<'_>], findings: &mut Vec<Finding>) -> BTreeMap<(String, Month), Stated> {
    let mut ranked: Vec<&Calculation<'_>> = calculations.iter().filter(|c| c.latest).collect();
    ranked.sort_by_key(|c| std::cmp::Reverse((c.rent.config_month.is_some(), c.rent.calculated_at, c.rent.label)));
    let mut found: BTreeMap<(String, Month), Stated> = BTreeMap::new();
    for calculation in ranked {
        let month = calculation.rent.config_period();
        for constant in calculation.rent.constants.iter().filter(|c| !c.value.is_zero() && CONFIG_KEYS.contains(&c.key.as_str())) {
            let value = constant.value.canonical();
            if let Some(other) = found.get(&(constant.key.clone(), month)) {
                if other.value != value {
                    let message =
                        format!("{} of {month} is {value} here and {} in {}, which counts", constant.key, other.value, other.place);
                    let hint = "two calculations speak of the same month; look whether one of them is mislabelled";
                    findings.push(Finding::warning("config-stated-twice", message, hint).at(calculation.path, &constant.span));
                }
                continue;
            }
            let origin = Origin { file: Some(calculation.file), span: constant.span.clone(), derived: None };
            found.insert((constant.key.clone(), month), Stated { value, origin, place: calculation.path.to_owned() });
        }
    }
    found
}

fn row(key: &str, month: Month, value: String, origin: Origin) -> Row {
    Row { values: vec![None, Some(key.to_owned()), Some(month.canonical()), Some(value), None, None], origin }
}
