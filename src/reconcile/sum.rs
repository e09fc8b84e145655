//! `sum`: the sum of a column by month against a configuration value.

use crate::evidence::{Check, Operand, Severity, Status};
use crate::job::SumCheck;
use rust_decimal::RoundingStrategy;
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Decimal, Month};

/// A row that is summed.
pub struct Item {
    /// Its month.
    pub month: Month,
    /// Kronor.
    pub amount: Decimal,
    /// What it is, and where it came from.
    pub operand: Operand,
}

/// The configuration value of a month.
pub struct Target {
    /// Kronor.
    pub amount: Decimal,
    /// What it is, and where it came from.
    pub operand: Operand,
    /// Whether it was derived from the very rows that are summed: then it proves nothing.
    pub derived: bool,
}

/// One check a month, for every month that either side knows. Where no month has both sides nothing was compared, and
/// that is no pass.
pub fn sum_by_month(check: &SumCheck, items: Vec<Item>, mut targets: BTreeMap<Month, Target>) -> Vec<Check> {
    let mut sums: BTreeMap<Month, (Option<Decimal>, Vec<Operand>)> = BTreeMap::new();
    for item in items {
        let (sum, operands) = sums.entry(item.month).or_insert((Some(Decimal::ZERO), Vec::new()));
        *sum = sum.and_then(|s| s.checked_add(item.amount));
        operands.push(item.operand);
    }
    let months: BTreeSet<Month> = sums.keys().chain(targets.keys()).copied().collect();
    let compared = months.iter().any(|m| sums.contains_key(m) && targets.contains_key(m));
    let mut checks: Vec<Check> =
        months.into_iter().map(|month| one_month(check, month, sums.remove(&month), targets.remove(&month))).collect();
    if !compared {
        let what = format!("not run: no month has both {}.{} and {}[{}]", check.of.0, check.of.1, check.equals.0, check.equals.1);
        checks.push(Check { explanation: Some(what), ..Check::new(&check.name, "every month", check.severity) });
    }
    checks
}

fn one_month(check: &SumCheck, month: Month, sum: Option<(Option<Decimal>, Vec<Operand>)>, target: Option<Target>) -> Check {
    let mut out = Check::new(&check.name, month.to_string(), check.severity);
    let text = |d: Decimal| d.normalize().to_string();
    out.tolerance = Some(text(check.tolerance));
    out.because.clone_from(&check.because);
    out.actual = sum.as_ref().and_then(|(sum, _)| sum.map(text));
    out.expected = target.as_ref().map(|t| text(t.amount));
    match (&sum, &target) {
        (Some((actual, _)), Some(target)) => match actual.and_then(|a| Some((a, a.checked_sub(target.amount)?))) {
            Some((actual, difference)) => {
                out.difference = Some(text(difference));
                (out.status, out.explanation) = judge(actual, target, check.tolerance);
            }
            None => out.explanation = Some("not run: the sum has more digits than can be kept exactly".to_owned()),
        },
        (Some(_), None) => {
            out.status = Status::MissingExpected;
            out.severity = out.severity.min(Severity::Warning);
            out.explanation = Some(format!("{} has no {} for this month", check.equals.0, check.equals.1));
        }
        _ => {
            out.status = Status::MissingActual;
            out.severity = out.severity.min(Severity::Warning);
            out.explanation = Some(format!("{} has no row for this month", check.of.0));
        }
    }
    out.operands = sum.into_iter().flat_map(|s| s.1).chain(target.map(|t| t.operand)).collect();
    out
}

fn judge(actual: Decimal, target: &Target, tolerance: Decimal) -> (Status, Option<String>) {
    let expected = target.amount;
    if target.derived {
        return (Status::Derived, Some("the configured value was derived from these rows, so it proves nothing".into()));
    }
    if actual == expected {
        return (Status::Match, None);
    }
    let rounded = expected.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    let explanation = if rounded == actual {
        format!("rounding: {} is {actual} in whole kronor, half-up", expected.normalize())
    } else {
        "unexplained".to_owned()
    };
    let within = actual.checked_sub(expected).is_some_and(|d| d.abs() <= tolerance);
    (if within { Status::WithinTolerance } else { Status::Difference }, Some(explanation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Side;

    fn judged(actual: &str, expected: &str, derived: bool) -> (Status, Option<String>) {
        let number = |t: &str| tieout_parsers::exact_decimal(t).unwrap();
        let target = Target { amount: number(expected), operand: Operand::new(Side::Expected, "el", expected), derived };
        judge(number(actual), &target, Decimal::ONE)
    }

    #[test]
    fn a_krona_off_is_tolerated_and_stays_unexplained() {
        assert_eq!(judged("1972", "1973", false), (Status::WithinTolerance, Some("unexplained".into())));
        assert_eq!(judged("1971.99", "1973", false).0, Status::Difference);
        assert_eq!(judged("2424", "2424.00", false), (Status::Match, None));
    }

    #[test]
    fn whole_kronor_against_oere_is_rounding() {
        let (status, why) = judged("5936", "5935.98", false);
        assert_eq!(status, Status::WithinTolerance);
        assert!(why.unwrap().starts_with("rounding"));
    }

    #[test]
    fn a_derived_value_never_matches() {
        assert_eq!(judged("100", "100", true).0, Status::Derived);
        assert_eq!(judged("100", "900", true).0, Status::Derived);
    }
}
