//! `supersession`: what the versions of a month said that no longer count, and what the change was worth; and which
//! version numbers are missing.

use super::{Said, figure, listed, signed};
use crate::assemble::{Calculation, Standing};
use crate::evidence::{Check, Finding, Operand, Severity, Side, Status, Subject};
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Decimal, Money, RentCalculation};

/// How many differences of a kind a message names.
const NAMED: usize = 8;

/// The version numbers of the files of each month, by the name before the number.
type Numbers<'a> = BTreeMap<&'a str, BTreeSet<u32>>;

/// A check for each month with superseded versions, a note for each of them, a warning where numbers are missing. A version
/// that was refused or excluded is not missing; and while one is refused that would count, nothing is compared.
pub(super) fn supersession(calculations: &[Calculation<'_>], paths: &[&str], refused: &[&str]) -> Said {
    let (paths, refused) = (numbers(paths), numbers(refused));
    let mut families: BTreeMap<usize, Vec<&Calculation<'_>>> = BTreeMap::new();
    for calculation in calculations.iter().filter(|c| c.standing != Standing::Duplicate) {
        families.entry(calculation.family).or_default().push(calculation);
    }
    let mut families: Vec<Vec<&Calculation<'_>>> = families.into_values().collect();
    families.sort_by_key(|versions| (versions[0].source, versions[0].house, versions[0].rent.label));
    let (mut checks, mut findings) = (Vec::new(), Vec::new());
    for mut versions in families {
        versions.sort_by_key(|c| std::cmp::Reverse(c.rent.version));
        findings.extend(missing(&versions, &paths));
        let Some((counts, before)) = versions.split_first() else { continue };
        if let Some(unread) = highest_of_month(counts, &refused).filter(|v| *v > counts.rent.version) {
            let why = format!("not run: version {unread} could not be read, so it is unknown what counts");
            let check = Check::new("supersession", counts.month(), Severity::Info);
            checks.push(Check { explanation: Some(why), ..check });
            continue;
        }
        let superseded: Vec<&Calculation<'_>> = before.iter().filter(|c| c.standing == Standing::Superseded).copied().collect();
        if let Some(last) = superseded.first() {
            checks.push(compared(counts, last));
            findings.extend(superseded.iter().map(|c| said(c, counts)));
        }
    }
    (checks, findings)
}

fn sum(rent: &RentCalculation) -> Decimal {
    rent.shares.iter().fold(Decimal::ZERO, |sum, share| sum.saturating_add(share.amount.0))
}

/// The total that counts against the total of the version before it. A difference is no fault: that the highest version
/// counts is a rule, and it is the rule that explains it.
fn compared(counts: &Calculation<'_>, before: &Calculation<'_>) -> Check {
    let mut check = Check::new("supersession", counts.month(), Severity::Info);
    let (expected, actual) = (sum(counts.rent), sum(before.rent));
    check.expected = Some(figure(expected));
    check.actual = Some(figure(actual));
    check.difference = Some(figure(actual.saturating_sub(expected)));
    check.status = if expected == actual { Status::Match } else { Status::Explained };
    check.explanation = Some(format!("version {} counts; {} was the one before it", counts.rent.version, before.rent.version));
    for (side, calculation) in [(Side::Expected, counts), (Side::Actual, before)] {
        let shares = calculation.rent.shares.iter();
        check.operands.extend(shares.map(|s| Operand::new(side, &s.name, s.amount.to_string()).at(calculation.path, &s.span())));
    }
    check
}

/// What a superseded version said, and what counts instead.
fn said(old: &Calculation<'_>, new: &Calculation<'_>) -> Finding {
    let (before, after) = (sum(old.rent), sum(new.rent));
    let money = if before == after {
        format!("{} kr in all, as version {}", figure(before), new.rent.version)
    } else {
        let change = signed(after.saturating_sub(before));
        format!("{} kr in all; version {} says {} ({change})", figure(before), new.rent.version, figure(after))
    };
    let mut differing = Vec::new();
    for part in [shares(old.rent, new.rent), constants(old.rent, new.rent), stays(old.rent, new.rent)] {
        if !part.is_empty() {
            differing.push(listed(&part, NAMED));
        }
    }
    if old.rent.title != new.rent.title {
        let title = |rent: &RentCalculation| rent.title.as_ref().map_or("no title".to_owned(), |t| format!("“{t}”"));
        differing.push(format!("{} → {}", title(old.rent), title(new.rent)));
    }
    let differing = if differing.is_empty() { "nothing else differs".to_owned() } else { differing.join("; ") };
    let message = format!("version {} of {} said {money}: {differing}", old.rent.version, old.rent.label);
    let hint = "nothing to do where the highest version is the right one";
    Finding::new(Severity::Info, Subject::Check, "superseded-version", message, hint).about(old.path)
}

/// Changes with the names they are of: people with the same change are named together.
fn together(changes: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for (name, change) in changes {
        match found.iter_mut().find(|(known, _)| *known == change) {
            Some((_, names)) => names.push(name),
            None => found.push((change, vec![name])),
        }
    }
    found.iter().map(|(change, names)| format!("{} {change}", listed(names, NAMED))).collect()
}

/// The names that either has, in the order of the first, then of the second.
fn either<'a>(old: impl Iterator<Item = &'a str>, new: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    old.chain(new).filter(|name| seen.insert(*name)).collect()
}

fn shares(old: &RentCalculation, new: &RentCalculation) -> Vec<String> {
    let share = |rent: &RentCalculation, name: &str| rent.shares.iter().find(|s| s.name == name).map(|s| s.amount.0);
    let names = either(old.shares.iter().map(|s| s.name.as_str()), new.shares.iter().map(|s| s.name.as_str()));
    let differing = names.into_iter().map(|name| (name, share(old, name), share(new, name))).filter(|(_, a, b)| a != b);
    let text = |share: Option<Decimal>| share.map_or("nothing".to_owned(), figure);
    together(differing.map(|(name, a, b)| {
        let change = b.unwrap_or_default().saturating_sub(a.unwrap_or_default());
        (name.to_owned(), format!("{} → {} ({})", text(a), text(b), signed(change)))
    }))
}

fn constants(old: &RentCalculation, new: &RentCalculation) -> Vec<String> {
    let keys = either(old.constants.iter().map(|c| &*c.key), new.constants.iter().map(|c| &*c.key));
    let text = |value: Option<Decimal>| value.map_or("none".to_owned(), figure);
    let differing = keys.into_iter().map(|key| (key, old.constant(key), new.constant(key))).filter(|(_, a, b)| a != b);
    let mut words: Vec<String> = differing.map(|(key, a, b)| format!("{key} {} → {}", text(a), text(b))).collect();
    if old.config_month != new.config_month {
        let month = |rent: &RentCalculation| rent.config_month.map_or("none".to_owned(), |m| m.to_string());
        words.push(format!("month {} → {}", month(old), month(new)));
    }
    words
}

/// Days and adjustments of those whom both versions know.
fn stays(old: &RentCalculation, new: &RentCalculation) -> Vec<String> {
    let days = |d: Option<Decimal>| d.map_or("whole month".to_owned(), |d| format!("{} days", figure(d)));
    let adjustment = |m: Option<Money>| m.map_or("none".to_owned(), |m| m.to_string());
    let both = || old.roommates.iter().filter_map(|a| Some((a, new.roommate(&a.name)?)));
    let stayed = both().filter(|(a, b)| a.days != b.days);
    let adjusted = both().filter(|(a, b)| a.room_adjustment != b.room_adjustment);
    let mut words = together(stayed.map(|(a, b)| (a.name.clone(), format!("{} → {}", days(a.days), days(b.days)))));
    words.extend(together(adjusted.map(|(a, b)| {
        let change = format!("{} → {}", adjustment(a.room_adjustment), adjustment(b.room_adjustment));
        (a.name.clone(), format!("room adjustment {change}"))
    })));
    words
}

/// The numbers below the highest version that no file has.
fn missing(versions: &[&Calculation<'_>], paths: &Numbers<'_>) -> Option<Finding> {
    let highest = versions.first()?;
    let mut there: BTreeSet<u32> = versions.iter().map(|c| c.rent.version).collect();
    there.extend(versioned(highest.path).and_then(|(month, _)| paths.get(month)).into_iter().flatten());
    let mut gaps: Vec<String> = Vec::new();
    let (mut next, mut single) = (1, true);
    for version in there.range(..=highest.rent.version) {
        match version.checked_sub(next) {
            None | Some(0) => {}
            Some(1) => gaps.push(next.to_string()),
            Some(_) => {
                single = false;
                gaps.push(format!("{next} to {}", version - 1));
            }
        }
        next = version.saturating_add(1).max(next);
    }
    if gaps.is_empty() {
        return None;
    }
    let (noun, verb) = if gaps.len() == 1 && single { ("version", "is") } else { ("versions", "are") };
    let known: Vec<String> = versions.iter().rev().map(|c| format!("v{}", c.rent.version)).collect();
    let exist = if known.len() == 1 { "exists" } else { "exist" };
    let message =
        format!("{noun} {} of {} {verb} missing: {} {exist}", listed(&gaps, NAMED), highest.rent.label, listed(&known, NAMED * 2));
    let hint = "look for them where the files came from; nothing to do where a number was never used";
    Some(Finding::warning("missing-version", message, hint).about(highest.path))
}

fn numbers<'a>(paths: &[&'a str]) -> Numbers<'a> {
    let mut found: Numbers<'a> = BTreeMap::new();
    for (month, version) in paths.iter().filter_map(|path| versioned(path)) {
        found.entry(month).or_default().insert(version);
    }
    found
}

/// What stands before a file's version number, and the number.
fn versioned(path: &str) -> Option<(&str, u32)> {
    let (before, rest) = path.split_at(path.rfind("_v")? + 2);
    Some((before, rest.split_once('.')?.0.parse().ok()?))
}

fn highest_of_month(calculation: &Calculation<'_>, numbers: &Numbers<'_>) -> Option<u32> {
    numbers.get(versioned(calculation.path)?.0)?.last().copied()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{calculation, rent};
    use super::*;

    fn version(number: u32, el: &str, shares: &[(&str, &str, &str, &str)]) -> RentCalculation {
        RentCalculation { version: number, ..rent("2025-02", None, &[("el", el)], shares) }
    }

    #[test]
    fn what_a_version_said_and_what_it_was_worth() {
        let old = version(1, "5700", &[("Frans", "15", "", "4400"), ("Elvira", "31", "", "9000")]);
        let new = version(2, "5945", &[("Elvira", "", "-10", "9052"), ("Adam", "15.5", "", "4526")]);
        let all = [calculation("2025_02_v2.json", &new, Standing::Current), calculation("2025_02_v1.json", &old, Standing::Superseded)];
        let (checks, findings) = supersession(&all, &[], &[]);
        assert_eq!(
            findings[0].message,
            "version 1 of 2025-02 said 13400 kr in all; version 2 says 13578 (+178): Frans 4400 → nothing (-4400), Elvira 9000 → 9052 (+52) \
             and Adam nothing → 4526 (+4526); el 5700 → 5945; Elvira 31 days → whole month and Elvira room adjustment none → -10"
        );
        assert_eq!((findings[0].code.as_str(), findings[0].severity), ("superseded-version", Severity::Info));
        let check = &checks[0];
        assert_eq!(
            (check.expected.as_deref(), check.actual.as_deref(), check.difference.as_deref()),
            (Some("13578"), Some("13400"), Some("-178"))
        );
        assert!(check.status == Status::Explained && !check.fails() && check.operands.len() == 4);
    }

    #[test]
    fn missing_numbers_are_named_but_not_those_of_files_that_are_there() {
        let rents = [2u32, 4, 10].map(|n| version(n, "1", &[("Adam", "", "", "1")]));
        let paths = ["h/2025_02_v2.json", "h/2025_02_v4.json", "h/2025_02_v10.json"];
        let all: Vec<_> = rents.iter().zip(paths).map(|(rent, path)| calculation(path, rent, Standing::Current)).collect();
        let said = |others: &[&str]| supersession(&all, others, &[]).1[0].message.clone();
        assert_eq!(said(&[]), "versions 1, 3 and 5 to 9 of 2025-02 are missing: v2, v4 and v10 exist");
        assert_eq!(
            said(&["h/2025_02_v3.json", "h/2025_02_v01.json", "i/2025_02_v7.json"]),
            "versions 5 to 9 of 2025-02 are missing: v2, v4 and v10 exist"
        );
        let last = version(u32::MAX, "1", &[("Adam", "", "", "1")]);
        let (_, findings) = supersession(&[calculation("2025_02_v4294967295.json", &last, Standing::Current)], &[], &[]);
        assert!(findings[0].message.starts_with("versions 1 to 4294967294 of 2025-02 are missing"));
    }

    #[test]
    fn while_the_highest_is_refused_nothing_counts() {
        let rents = [1u32, 2].map(|n| version(n, "1", &[("Adam", "", "", "1")]));
        let paths = ["h/2025_02_v1.json", "h/2025_02_v2.json", "h/2025_02_v3.json"];
        let standing = [Standing::Superseded, Standing::Current];
        let all: Vec<_> = rents.iter().zip(paths).zip(standing).map(|((rent, path), s)| calculation(path, rent, s)).collect();
        let (checks, findings) = supersession(&all, &paths, &paths[2..]);
        assert!(checks[0].status == Status::NotRun && !checks[0].fails() && findings.is_empty(), "{checks:?}");
    }
}
