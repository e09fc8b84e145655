//! What each check computes, in words: those that a job declares from their settings, the others from this list.

use super::account::Formula;
use crate::evidence::Check;
use crate::job::{DeclaredCheck, Job, Value};
use std::collections::BTreeSet;

/// The checks that no job declares, and what they compute.
const UNBIDDEN: [(&str, &str); 13] = [
    ("residency", "the people in a calculation are those who lived there in its month"),
    ("overlap", "the days that people who follow each other pay for add up to the days of the month"),
    ("shares-vs-total", "the shares of a calculation add up to its total, within what rounding each of them can do"),
    ("recompute", "each share follows from the total, the days and the adjustments of its own file, under one rounding rule"),
    ("adjustment", "a room adjustment is charged for the days that the person was there"),
    ("supersession", "the total of the version that counts, against that of the version before it"),
    ("read-back", "every row that counts is read back from the database, and each of its values is compared with the file's"),
    ("provider-coverage", "every provider has a bill in every month that has bills"),
    ("rent-coverage", "every month with bills has a calculation of the rent"),
    ("control-total", "figures stated beforehand in the job file ([[expect]]), against those that the database gives"),
    ("quarantine", "the refused records, in number and in worth, against the budget of their source"),
    ("materiality", "the differences that are let stand, in sum and without sign, against the most that the job allows"),
    ("verify", "what a schema step says must hold (verify.sql) holds"),
];

/// What every check of a run computes, declared ones first.
pub(super) fn all(job: &Job, checks: &[Check]) -> Vec<Formula> {
    let declared = job.checks.iter().map(|c| Formula { check: c.name.clone(), formula: spoken(c), declared: true });
    let mut all: Vec<Formula> = declared.collect();
    let names: BTreeSet<&str> = checks.iter().map(|c| c.name.as_str()).collect();
    for (name, words) in UNBIDDEN {
        if names.contains(name) && all.iter().all(|f| f.check != name) {
            all.push(Formula { check: name.to_owned(), formula: words.to_owned(), declared: name == "control-total" });
        }
    }
    all
}

/// `sum of ElectricityBill.amount, by billPeriod, equals RentConfig[el]`.
fn spoken(check: &DeclaredCheck) -> String {
    let word = |value: &Value| match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Whole(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(list) => list.join(" and "),
        Value::Map(map) => map.iter().map(|(k, v)| format!("{k}: {v}")).collect::<Vec<_>>().join("; "),
    };
    let order = |key: &str| ["of", "by", "equals", "equals_by"].iter().position(|k| *k == key).unwrap_or(9);
    let mut settings: Vec<_> = check.settings.iter().collect();
    settings.sort_by_key(|(key, _)| (order(key), key.as_str()));
    let parts: Vec<String> = settings.iter().map(|(key, setting)| format!("{} {}", key.replace('_', " "), word(&setting.value))).collect();
    format!("{} {}", word(&check.kind.value), parts.join(", "))
}
