//! The ways in which people make whole kronor of shares. None is said in a file; the stated shares show which it was.

use rust_decimal::RoundingStrategy::MidpointAwayFromZero;
use tieout_parsers::Decimal;

/// Below this difference in kronor between the highest and the lowest some give everybody the highest.
const CLOSE: i64 = 10;

/// A way of rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Each to the nearest krona, halves up.
    HalfUp,
    /// Each up.
    Ceiling,
    /// Each down, and a krona more for those who lost most by it, until the sum is the total. Ties fall any way.
    LargestRemainder,
    /// Each half-up, but the last, who bears the rest.
    RestOnLast,
    /// Everybody the highest share, where they are close.
    Highest,
}

/// Every policy, the plainest first.
pub(super) const POLICIES: [Policy; 5] = [Policy::HalfUp, Policy::Ceiling, Policy::LargestRemainder, Policy::RestOnLast, Policy::Highest];

impl Policy {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Policy::HalfUp => "half-up each",
            Policy::Ceiling => "ceiling each",
            Policy::LargestRemainder => "largest remainder",
            Policy::RestOnLast => "half-up with the rest on the last person",
            Policy::Highest => "everybody the highest share",
        }
    }

    /// The shares rounded by this policy; where it leaves a choice, as near to the stated ones as it allows. `None` where
    /// it has nothing to say, or figures are too large.
    pub(super) fn rounded(self, exact: &[Decimal], total: Decimal, stated: &[Decimal]) -> Option<Vec<Decimal>> {
        match self {
            Policy::HalfUp => Some(exact.iter().map(half_up).collect()),
            Policy::Ceiling => Some(exact.iter().map(Decimal::ceil).collect()),
            Policy::LargestRemainder => largest_remainder(exact, total, stated),
            Policy::RestOnLast => rest_on_last(exact, total, stated),
            Policy::Highest => highest(exact, stated),
        }
    }
}

fn half_up(number: &Decimal) -> Decimal {
    number.round_dp_with_strategy(0, MidpointAwayFromZero)
}

fn sum<'a>(numbers: impl IntoIterator<Item = &'a Decimal>) -> Option<Decimal> {
    numbers.into_iter().try_fold(Decimal::ZERO, |sum, n| sum.checked_add(*n))
}

fn largest_remainder(exact: &[Decimal], total: Decimal, stated: &[Decimal]) -> Option<Vec<Decimal>> {
    let mut rounded: Vec<Decimal> = exact.iter().map(Decimal::floor).collect();
    let more = usize::try_from(half_up(&total).checked_sub(sum(&rounded)?)?).ok()?;
    if more > exact.len() {
        return None;
    }
    let mut order: Vec<usize> = (0..exact.len()).collect();
    // The largest remainder first; of equal ones those first whom the file gives the krona.
    order.sort_by_key(|i| (std::cmp::Reverse(exact[*i] - rounded[*i]), stated[*i] <= rounded[*i]));
    for i in order.into_iter().take(more) {
        rounded[i] = rounded[i].checked_add(Decimal::ONE)?;
    }
    Some(rounded)
}

/// The total is rounded, too, unless the stated shares make up its öre.
fn rest_on_last(exact: &[Decimal], total: Decimal, stated: &[Decimal]) -> Option<Vec<Decimal>> {
    let mut rounded: Vec<Decimal> = exact.iter().map(half_up).collect();
    let target = if sum(stated)? == total { total } else { half_up(&total) };
    let (last, others) = rounded.split_last_mut()?;
    *last = target.checked_sub(sum(&*others)?)?;
    Some(rounded)
}

/// The highest half-up, or up where the file has it so. Equal shares are no case of it.
fn highest(exact: &[Decimal], stated: &[Decimal]) -> Option<Vec<Decimal>> {
    let (max, min) = (exact.iter().max()?, exact.iter().min()?);
    let close = |max: Decimal, min: Decimal| max.checked_sub(min).is_some_and(|d| d < Decimal::from(CLOSE));
    if max == min || !close(*max, *min) && !close(half_up(max), half_up(min)) {
        return None;
    }
    let up = stated.first() == Some(&max.ceil());
    Some(vec![if up { max.ceil() } else { half_up(max) }; exact.len()])
}

#[cfg(test)]
mod tests {
    use super::super::samples::number;
    use super::*;

    fn numbers(texts: &[&str]) -> Vec<Decimal> {
        texts.iter().map(|t| number(t)).collect()
    }

    fn rounded(policy: Policy, exact: &[&str], stated: &[&str]) -> Option<Vec<String>> {
        let exact = numbers(exact);
        let total = sum(&exact).unwrap();
        policy.rounded(&exact, total, &numbers(stated)).map(|r| r.iter().map(|d| d.normalize().to_string()).collect())
    }

    #[test]
    fn each_policy_rounds_as_it_says() {
        let (exact, none) = (["10.5", "20.2", "30.3"], ["0", "0", "0"]);
        assert_eq!(rounded(Policy::HalfUp, &exact, &none).unwrap(), ["11", "20", "30"]);
        assert_eq!(rounded(Policy::Ceiling, &exact, &none).unwrap(), ["11", "21", "31"]);
        assert_eq!(rounded(Policy::LargestRemainder, &exact, &none).unwrap(), ["11", "20", "30"]);
        assert_eq!(rounded(Policy::RestOnLast, &["10.4", "20.4", "30.2"], &none).unwrap(), ["10", "20", "31"]);
        assert_eq!(rounded(Policy::RestOnLast, &["10.4", "20.4", "30.4"], &["10", "20", "31.2"]).unwrap(), ["10", "20", "31.2"]);
        assert_eq!(rounded(Policy::Highest, &["20.4", "29.4", "20"], &none).unwrap(), ["29", "29", "29"]);
        assert_eq!(rounded(Policy::Highest, &["20.4", "29.4", "20"], &["30", "30", "30"]).unwrap(), ["30", "30", "30"]);
    }

    #[test]
    fn ties_of_the_largest_remainder_fall_any_way() {
        let exact = ["10.5", "10.5", "10.25", "10.75"];
        assert_eq!(rounded(Policy::LargestRemainder, &exact, &["10", "11", "10", "11"]).unwrap(), ["10", "11", "10", "11"]);
        assert_eq!(rounded(Policy::LargestRemainder, &exact, &["11", "10", "10", "11"]).unwrap(), ["11", "10", "10", "11"]);
        assert_eq!(
            rounded(Policy::LargestRemainder, &exact, &["10", "10", "11", "11"]).unwrap(),
            ["11", "10", "10", "11"],
            "not against the remainders"
        );
    }

    #[test]
    fn everybody_the_highest_only_where_they_are_close_and_differ() {
        assert_eq!(rounded(Policy::Highest, &["20", "30"], &["0", "0"]), None);
        assert_eq!(rounded(Policy::Highest, &["20.3", "20.3"], &["0", "0"]), None);
        assert_eq!(rounded(Policy::Highest, &[], &[]), None);
    }

    #[test]
    fn negative_shares_and_absurd_ones_do_not_panic() {
        assert_eq!(rounded(Policy::HalfUp, &["-10.5"], &["0"]).unwrap(), ["-11"]);
        assert_eq!(rounded(Policy::Ceiling, &["-10.5"], &["0"]).unwrap(), ["-10"]);
        assert_eq!(rounded(Policy::LargestRemainder, &["-10.5", "20.5"], &["0", "0"]).unwrap(), ["-10", "20"]);
        let huge = [Decimal::MAX, Decimal::MAX, Decimal::MIN];
        for policy in POLICIES {
            let _ = policy.rounded(&huge, Decimal::MAX, &huge);
            let _ = policy.rounded(&[], Decimal::ZERO, &[]);
        }
    }
}
