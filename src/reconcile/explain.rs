//! Why two figures differ: the proof classes of a difference, tried from the strongest to the weakest. What cannot be proved
//! is said to be unexplained; a guess is never an explanation.

use crate::evidence::Proof;
use rust_decimal::RoundingStrategy;
use tieout_parsers::Decimal;

/// What a difference can be explained with.
#[derive(Debug, Default)]
pub(super) struct Grounds<'g> {
    /// The items of the actual side: what each is called, and its amount. Empty when not all of them are known.
    pub(super) items: Vec<(&'g str, Decimal)>,
    /// Items beside the group that may belong to it: what each is called, and its amount.
    pub(super) beside: Vec<(&'g str, Decimal)>,
    /// What superseded versions said of the expected side: where, and what.
    pub(super) versions: Vec<(&'g str, Decimal)>,
    /// The expected figures of the periods before and after: which, and what.
    pub(super) periods: Vec<(String, Decimal)>,
}

/// The proof class of two figures, and the sentence that says so.
pub(super) fn explain(actual: Decimal, expected: Decimal, grounds: &Grounds<'_>) -> (Proof, Option<String>) {
    let Some(difference) = actual.checked_sub(expected) else { return (Proof::Unexplained, Some("unexplained".into())) };
    if difference.is_zero() {
        return (Proof::Exact, None);
    }
    if let Some(rule) = rounded(actual, expected) {
        return (Proof::RoundingProved, Some(rule));
    }
    let text = |d: Decimal| d.normalize().to_string();
    if let Some((where_, _)) = grounds.versions.iter().find(|v| v.1 == actual) {
        return (Proof::Version, Some(format!("version: {} is what {where_} said, which is superseded", text(actual))));
    }
    if let Some((item, amount)) = grounds.items.iter().find(|i| i.1 == difference) {
        return (
            Proof::OneItem,
            Some(format!("one item: the difference is exactly {item}, {}: doubled, or of another period", text(*amount))),
        );
    }
    if let Some((item, amount)) = grounds.beside.iter().find(|i| i.1 == -difference) {
        return (Proof::OneItem, Some(format!("one item: the difference is exactly {item}, {}: missing here", text(*amount))));
    }
    if let Some((period, _)) = grounds.periods.iter().find(|p| p.1 == actual) {
        return (Proof::Period, Some(format!("period: {} is what {period} should have: shifted by a month", text(actual))));
    }
    // Sides that are given in the same unit were not rounded against each other.
    let unit = Decimal::new(1, actual.normalize().scale().min(expected.normalize().scale()));
    let finer = actual.normalize().scale() != expected.normalize().scale();
    let most = unit.checked_mul(Decimal::new(5, 1)).and_then(|half| half.checked_mul(Decimal::from(grounds.items.len())));
    if finer && !grounds.items.is_empty() && most.is_some_and(|most| difference.abs() <= most) {
        let n = grounds.items.len();
        return (Proof::RoundingPossible, Some(format!("rounding possible: within {n} × ½ of {}", text(unit))));
    }
    (Proof::Unexplained, Some("unexplained".into()))
}

/// The rounding rule that turns one figure into the other.
fn rounded(actual: Decimal, expected: Decimal) -> Option<String> {
    let (fine, coarse) = if expected.normalize().scale() > actual.normalize().scale() { (expected, actual) } else { (actual, expected) };
    let (fine, coarse) = (fine.normalize(), coarse.normalize());
    if fine.scale() == coarse.scale() {
        return None;
    }
    let rules = [
        (RoundingStrategy::MidpointAwayFromZero, "half-up"),
        (RoundingStrategy::MidpointNearestEven, "half to even"),
        (RoundingStrategy::AwayFromZero, "rounded up"),
        (RoundingStrategy::ToZero, "cut off"),
    ];
    let unit = if coarse.scale() == 0 { "in whole kronor".to_owned() } else { format!("with {} decimals", coarse.scale()) };
    let rule = rules.iter().find(|(rule, _)| fine.round_dp_with_strategy(coarse.scale(), *rule) == coarse)?;
    Some(format!("rounding: {fine} is {coarse} {unit}, {}", rule.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        tieout_parsers::exact_decimal(text).unwrap()
    }

    fn class(actual: &str, expected: &str, items: &[&str]) -> Proof {
        let items = items.iter().map(|i| ("bill", number(i))).collect();
        explain(number(actual), number(expected), &Grounds { items, ..Grounds::default() }).0
    }

    #[test]
    fn only_what_a_rule_turns_into_the_other_is_rounding() {
        assert_eq!(class("2424", "2424.00", &["1632", "792"]), Proof::Exact);
        assert_eq!(class("5936", "5935.98", &["5936"]), Proof::RoundingProved);
        assert_eq!(class("1972", "1973", &["1585", "387"]), Proof::Unexplained, "both are whole: nothing was rounded");
        assert_eq!(class("1972", "1973.60", &["1585", "387"]), Proof::Unexplained);
        assert_eq!(class("1973", "1971.60", &["1585", "388"]), Proof::Unexplained);
        assert_eq!(class("1973", "1972.10", &["1585", "388"]), Proof::RoundingProved, "rounded up");
        assert_eq!(class("100", "101.20", &["30", "30", "40"]), Proof::RoundingPossible);
    }

    #[test]
    fn one_item_a_version_or_a_month_is_named() {
        assert_eq!(class("300", "200", &["100", "200"]), Proof::OneItem);
        let grounds = Grounds { beside: vec![("fortum, 2025-03-01", number("387"))], ..Grounds::default() };
        let (proof, words) = explain(number("1585"), number("1972"), &grounds);
        assert_eq!(proof, Proof::OneItem);
        assert!(words.unwrap().contains("fortum, 2025-03-01, 387: missing here"));
        let grounds = Grounds { versions: vec![("2025_02_v9", number("1600"))], ..Grounds::default() };
        assert_eq!(explain(number("1600"), number("1700"), &grounds).0, Proof::Version);
        let grounds = Grounds { periods: vec![("2025-03".into(), number("1600"))], ..Grounds::default() };
        assert_eq!(explain(number("1600"), number("1700"), &grounds).0, Proof::Period);
    }
}
