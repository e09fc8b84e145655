//! What the names of an archive's files mean: the month whose costs are shared, or the month whose rent is paid, one
//! later. Constants and titles tell; where they tell both, somebody must decide.

use super::{listed, month_in};
use crate::assemble::{Calculation, Standing};
use crate::evidence::Finding;
use std::collections::BTreeMap;
use tieout_parsers::Month;

/// How many files a message names.
const NAMED: usize = 24;

/// At most one finding a source and house about constants; about titles one for each direction, and one for each far off.
pub(super) fn months(calculations: &[Calculation<'_>]) -> Vec<Finding> {
    let mut archives: BTreeMap<(usize, Option<&str>), Vec<&Calculation<'_>>> = BTreeMap::new();
    for calculation in calculations.iter().filter(|c| c.standing == Standing::Current) {
        archives.entry((calculation.source, calculation.house)).or_default().push(calculation);
    }
    archives.into_iter().flat_map(|((_, house), files)| mixed(house, &files).into_iter().chain(titles(house, &files))).collect()
}

/// `n files (a, b and c)`.
fn counted(files: &[String]) -> String {
    let noun = if files.len() == 1 { "file" } else { "files" };
    format!("{} {noun} ({})", files.len(), listed(files, NAMED))
}

/// Of which house something is said, where there are some.
fn of(house: Option<&str>) -> String {
    house.map_or(String::new(), |house| format!("{house}: "))
}

fn mixed(house: Option<&str>, files: &[&Calculation<'_>]) -> Option<Finding> {
    let (mut same, mut before, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for file in files {
        let Some(config) = file.rent.config_month else { continue };
        match file.rent.label.until(config) {
            0 => same.push(file.file_name().to_owned()),
            -1 => before.push(file.file_name().to_owned()),
            _ => other.push(format!("{}: {config}", file.file_name())),
        }
    }
    let mut kinds: Vec<String> = Vec::new();
    let mut kind = |files: &[String], words: &str| {
        if !files.is_empty() {
            kinds.push(format!("{words} in {}", counted(files)));
        }
    };
    kind(&same, "the name's month");
    kind(&before, "the month before it");
    kind(&other, "another month");
    // One meaning only is no mixture; but a month that is neither never is right.
    if kinds.len() < 2 && other.is_empty() {
        return None;
    }
    let message = format!("{}constants.month is {}", of(house), listed(&kinds, kinds.len()));
    let hint = "names mean the month whose costs are shared in some files, the month of the rent in others: choose `period` of the source with both in view";
    Some(Finding::warning("mixed-months", message, hint))
}

fn titles(house: Option<&str>, files: &[&Calculation<'_>]) -> Vec<Finding> {
    let mut beside: BTreeMap<i32, Vec<&Calculation<'_>>> = BTreeMap::new();
    let mut findings = Vec::new();
    let one = |file: &Calculation<'_>, month: Month, hint: &str| {
        let message = format!("the title “{}” says {month}, the name {}", title(file), file.rent.label);
        Finding::warning("title-differs", message, hint).about(file.path)
    };
    for file in files {
        let Some(month) = file.rent.title.as_deref().and_then(month_in) else { continue };
        match file.rent.label.until(month) {
            0 => {}
            off @ (-1 | 1) => beside.entry(off).or_default().push(file),
            _ => findings.push(one(file, month, "find out which month it is; then rename the file, or exclude it with a reason")),
        }
    }
    // A title one month off is how archives go whose names mean the other month: said once for all of them.
    for (off, files) in beside {
        let hint = "one of the two probably means the month of the rent, the other that of the costs; see `period` of the source";
        if let [only] = files.as_slice() {
            findings.push(one(only, only.rent.label.plus(off), hint));
            continue;
        }
        let names: Vec<String> = files.iter().map(|f| format!("{}: “{}”", f.file_name(), title(f))).collect();
        let side = if off > 0 { "after" } else { "before" };
        let message = format!("{}the title says the month {side} the name's in {}", of(house), counted(&names));
        findings.push(Finding::warning("title-differs", message, hint));
    }
    findings
}

fn title<'a>(calculation: &Calculation<'a>) -> &'a str {
    calculation.rent.title.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{calculation, rent};
    use super::*;
    use tieout_parsers::RentCalculation;

    fn titled(label: &str, config: Option<&str>, title: &str) -> RentCalculation {
        RentCalculation { title: Some(title.to_owned()).filter(|t| !t.is_empty()), ..rent(label, config, &[], &[("Adam", "", "", "1")]) }
    }

    fn said(files: &[(&str, RentCalculation)]) -> Vec<String> {
        let all: Vec<_> = files.iter().map(|(path, rent)| calculation(path, rent, Standing::Current)).collect();
        months(&all).into_iter().map(|f| format!("{}: {}", f.code, f.message)).collect()
    }

    #[test]
    fn one_meaning_is_no_mixture() {
        assert!(said(&[("a", titled("2025-02", Some("2025-02"), "")), ("b", titled("2025-03", Some("2025-03"), "March 2025"))]).is_empty());
        assert!(said(&[("a", titled("2025-02", Some("2025-01"), "")), ("b", titled("2025-03", None, ""))]).is_empty());
    }

    #[test]
    fn both_meanings_are_counted_with_their_files() {
        let files = [("x/a.json", titled("2025-02", Some("2025-02"), "")), ("x/b.json", titled("2025-03", Some("2025-02"), ""))];
        assert_eq!(said(&files), ["mixed-months: constants.month is the name's month in 1 file (a) and the month before it in 1 file (b)"]);
    }

    #[test]
    fn titles_beside_are_said_once_and_titles_far_off_one_by_one() {
        let files = [
            ("a", titled("2025-02", None, "March 2025")),
            ("b", titled("2025-03", None, "april 2025")),
            ("c", titled("2025-04", None, "April 2024")),
        ];
        let said = said(&files);
        assert_eq!(said[0], "title-differs: the title “April 2024” says 2024-04, the name 2025-04");
        assert_eq!(said[1], "title-differs: the title says the month after the name's in 2 files (a: “March 2025” and b: “april 2025”)");
    }
}
