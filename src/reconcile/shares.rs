//! `shares-vs-total`: the shares of a calculation against the total recomputed from its constants. Which rounding policy
//! was at work is not asked here; rounding each share moves the sum by less than a krona a person.

use crate::assemble::{Calculation, Standing};
use crate::evidence::{Check, Operand, Severity, Side, Status};
use tieout_parsers::{Decimal, RentCalculation};

/// What a fee is where it is absent, null or zero, in kronor a month.
const DEFAULT_FEES: [(&str, i64); 3] = [("vattenavgift", 375), ("va", 300), ("larm", 150)];

/// One check for each calculation that is not a duplicate, a warning at most.
pub fn shares(calculations: &[Calculation<'_>]) -> Vec<Check> {
    calculations.iter().filter(|c| c.standing != Standing::Duplicate).map(one).collect()
}

fn one(calculation: &Calculation<'_>) -> Check {
    let rent = calculation.rent;
    let mut check = Check::new("shares-vs-total", calculation.name(), Severity::Warning);
    let actual: Decimal = rent.shares.iter().map(|s| s.amount.0).sum();
    let people = Decimal::from(rent.shares.len());
    check.actual = Some(actual.normalize().to_string());
    check.tolerance = Some(format!("{people}"));
    check.because = Some("rounding each share adds less than 1 kr a person, or takes away at most half a krona".into());
    for share in &rent.shares {
        check.operands.push(Operand::new(Side::Actual, &share.name, share.amount.to_string()).at(calculation.path, &share.span));
    }
    let Some((total, terms)) = total(rent) else {
        check.explanation = Some("the calculation states no kallhyra, so there is no total to recompute".into());
        return check;
    };
    for (key, value) in terms {
        let operand = Operand::new(Side::Expected, &key, value.normalize().to_string());
        let constant = rent.constants.iter().find(|c| c.key == key);
        check.operands.push(match constant {
            Some(constant) if !constant.value.is_zero() => operand.at(calculation.path, &constant.span),
            _ => Operand { label: format!("{key} (default)"), ..operand },
        });
    }
    let difference = actual - total;
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
/// base rent.
fn total(rent: &RentCalculation) -> Option<(Decimal, Vec<(String, Decimal)>)> {
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
    Some((terms.iter().map(|t| t.1).sum(), terms))
}
