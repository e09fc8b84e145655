//! `shares-vs-total`: the shares of a calculation against the total recomputed from its constants. Which rounding policy
//! was at work is not asked here; rounding each share moves the sum by less than a krona a person.

use super::rent::Figures;
use crate::assemble::{Calculation, Standing};
use crate::evidence::{Check, Finding, Operand, Severity, Side, Status};
use tieout_parsers::{Decimal, RentCalculation};

/// What a fee is where it is absent, null or zero, in kronor a month.
const DEFAULT_FEES: [(&str, i64); 3] = [("vattenavgift", 375), ("va", 300), ("larm", 150)];

/// One check for each calculation that is not a duplicate, a warning at most; a finding where more is shared than there is,
/// beyond what rounding can do.
pub(super) fn shares(calculations: &[Calculation<'_>], figures: Figures) -> (Vec<Check>, Vec<Finding>) {
    let asked: Vec<&Calculation<'_>> = calculations.iter().filter(|c| c.standing != Standing::Duplicate).collect();
    let exceeding = asked.iter().filter(|c| c.standing == Standing::Current).filter_map(|c| exceeds(c));
    (asked.iter().map(|c| one(c, figures)).collect(), exceeding.collect())
}

/// Rounding up adds less than a krona a person.
fn exceeds(calculation: &Calculation<'_>) -> Option<Finding> {
    let rent = calculation.rent;
    let (total, people) = (total(rent)?.0, rent.shares.len());
    let shared = sum(rent)?;
    let more = shared.checked_sub(total)?;
    if more < Decimal::from(people) {
        return None;
    }
    let [shared, total, more] = [shared, total, more].map(|d| d.normalize());
    let message = format!(
        "the shares add up to {shared} kr, {more} more than the total of {total}; rounding adds less than {people} kr for {people} people"
    );
    let hint = "look who paid too much (giving everybody the highest share does it, too); they are loaded as they stand";
    Some(Finding::warning("shares-exceed-total", message, hint).about(calculation.path))
}

fn sum(rent: &RentCalculation) -> Option<Decimal> {
    rent.shares.iter().try_fold(Decimal::ZERO, |sum, share| sum.checked_add(share.amount.0))
}

fn one(calculation: &Calculation<'_>, figures: Figures) -> Check {
    let rent = calculation.rent;
    let mut check = Check::new("shares-vs-total", calculation.name(), Severity::Warning);
    let people = Decimal::from(rent.shares.len());
    let actual = sum(rent);
    check.actual = actual.map(|a| a.normalize().to_string());
    check.tolerance = Some(format!("{people}"));
    check.because = Some("rounding each share adds less than 1 kr a person, or takes away at most half a krona".into());
    for share in rent.shares.iter().filter(|_| figures.wanted()) {
        check.operands.push(Operand::new(Side::Actual, &share.name, share.amount.to_string()).at(calculation.path, &share.span()));
    }
    let Some((total, terms)) = total(rent) else {
        check.explanation = Some("the calculation states no kallhyra, so there is no total to recompute".into());
        return check;
    };
    for (key, value) in terms.into_iter().filter(|_| figures.wanted()) {
        let operand = Operand::new(Side::Expected, &key, value.normalize().to_string());
        let constant = rent.constants.iter().find(|c| c.key == key);
        check.operands.push(match constant {
            Some(constant) if !constant.value.is_zero() => operand.at(calculation.path, &constant.span()),
            _ => Operand { label: format!("{key} (default)"), ..operand },
        });
    }
    let Some(difference) = actual.and_then(|a| a.checked_sub(total)) else {
        check.explanation = Some("not run: the sum has more digits than can be kept exactly".into());
        return check;
    };
    check.expected = Some(total.normalize().to_string());
    check.difference = Some(difference.normalize().to_string());
    let half = Decimal::new(5, 1);
    (check.status, check.explanation) = if difference.is_zero() {
        (Status::Match, None)
    } else if difference < people && difference >= -half * people {
        (Status::WithinTolerance, Some("rounding possible: within what rounding each share can do".into()))
    } else {
        (Status::Difference, Some("unexplained".into()))
    };
    check
}

/// The total to share, with its terms: kallhyra + el + bredband + fees + gas − saldo_innan − extra_in, where the fees are
/// `drift_rakning` when given, else water, sewage and alarm. A `drift` is all running costs in one sum. `None` without a
/// base rent, or where figures have more digits than can be kept.
pub(super) fn total(rent: &RentCalculation) -> Option<(Decimal, Vec<(String, Decimal)>)> {
    let mut terms = vec![("kallhyra".to_owned(), rent.nonzero("kallhyra")?)];
    let mut term = |key: &str, value: Option<Decimal>| terms.extend(value.map(|v| (key.to_owned(), v)));
    if let Some(drift) = rent.nonzero("drift") {
        term("drift", Some(drift));
    } else {
        term("el", rent.nonzero("el"));
        term("bredband", rent.nonzero("bredband"));
        match rent.nonzero("drift_rakning").filter(|d| d.is_sign_positive()) {
            Some(invoice) => term("drift_rakning", Some(invoice)),
            None => DEFAULT_FEES.iter().for_each(|(key, fee)| term(key, Some(rent.nonzero(key).unwrap_or(Decimal::from(*fee))))),
        }
        term("gas", rent.nonzero("gas"));
    }
    term("saldo_innan", rent.nonzero("saldo_innan").map(|v| -v));
    term("extra_in", rent.nonzero("extra_in").map(|v| -v));
    Some((terms.iter().try_fold(Decimal::ZERO, |sum, term| sum.checked_add(term.1))?, terms))
}
