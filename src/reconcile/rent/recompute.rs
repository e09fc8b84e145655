//! `recompute`: every share computed again from the file's own constants, days and adjustments, under every reading of the
//! month and every way of rounding. A file *proves* when one of them gives all its shares.

use super::super::shares::total;
use super::formula::{Adjustment, Part, Reading, exact_shares, parts, readings};
use super::rounding::{POLICIES, Policy};
use super::{Figures, Said, figure, listed};
use crate::assemble::{Calculation, Standing};
use crate::evidence::{Check, Finding, Operand, Severity, Side, Status};
use tieout_parsers::{Decimal, Roommate, Share};

/// How many people's differences an explanation names.
const NAMED: usize = 6;

/// One check for each calculation that is not a duplicate, a warning at most; a finding where an adjustment was not
/// prorated.
pub(super) fn recompute(calculations: &[Calculation<'_>], figures: Figures) -> Said {
    let (mut checks, mut findings) = (Vec::new(), Vec::new());
    for calculation in calculations.iter().filter(|c| c.standing != Standing::Duplicate) {
        let (check, finding) = one(calculation, figures);
        checks.push(check);
        findings.extend(finding);
    }
    (checks, findings)
}

/// A way in which the shares may have been computed, and what it gives.
struct Attempt<'r> {
    how: Adjustment,
    reading: &'r Reading,
    policy: Policy,
    shares: Vec<Decimal>,
    /// By how many kronor it misses the stated shares, all persons together.
    off: Decimal,
}

fn one(calculation: &Calculation<'_>, figures: Figures) -> (Check, Option<Finding>) {
    let rent = calculation.rent;
    let mut check = Check::new("recompute", calculation.name(), Severity::Warning);
    let people = parts(rent);
    let stated: Vec<Decimal> = people.iter().map(Part::stated).collect();
    check.actual = sum(&stated).map(figure);
    let Some((total, _)) = total(rent) else {
        check.explanation = Some("not run: the calculation states no kallhyra, so there is no total to share".into());
        check.operands = operands(calculation, &people, None, figures);
        return (check, None);
    };
    let readings = readings(rent);
    let attempts = attempts(total, &people, &stated, &readings);
    let Some(best) = attempts.iter().min_by_key(|a| a.off) else {
        check.explanation = Some(if people.iter().all(|p| p.days == Some(Decimal::ZERO)) {
            "not run: nobody stayed a single day".into()
        } else {
            "not run: the figures have more digits than can be kept exactly".into()
        });
        check.operands = operands(calculation, &people, None, figures);
        return (check, None);
    };
    check.operands = operands(calculation, &people, Some(&best.shares), figures);
    check.expected = sum(&best.shares).map(figure);
    check.difference = sum(&stated).zip(sum(&best.shares)).and_then(|(a, e)| a.checked_sub(e)).map(figure);
    if !best.off.is_zero() {
        check.status = Status::Difference;
        check.explanation = Some(format!("not proved; closest is {}: {}", way(best), differences(&people, &best.shares)));
        return (check, None);
    }
    let proved = proof(best, &attempts);
    if best.how == Adjustment::ByDays {
        check.status = Status::Match;
        check.explanation = Some(format!("proved: {proved}"));
        return (check, None);
    }
    check.status = Status::Explained;
    check.explanation = Some(format!("proved only with the room adjustment taken in full, not by days: {proved}"));
    (check, Some(not_prorated(calculation, &people, best.reading, &proved)))
}

/// Every way that can be computed, the most likely first: of equally good ones the first counts.
fn attempts<'r>(total: Decimal, people: &[Part<'_>], stated: &[Decimal], readings: &'r [Reading]) -> Vec<Attempt<'r>> {
    let adjusted = people.iter().any(|p| !p.adjustment.is_zero());
    let hows = [Adjustment::ByDays, Adjustment::InFull].into_iter().take(if adjusted { 2 } else { 1 });
    let mut found = Vec::new();
    for how in hows {
        for reading in readings {
            let Some(exact) = exact_shares(total, people, reading.days, how) else { continue };
            for policy in POLICIES {
                let Some(shares) = policy.rounded(&exact, total, stated) else { continue };
                let off = shares.iter().zip(stated).try_fold(Decimal::ZERO, |sum, (a, b)| sum.checked_add(a.checked_sub(*b)?.abs()));
                found.extend(off.map(|off| Attempt { how, reading, policy, shares, off }));
            }
        }
    }
    found
}

/// `D = 30 (2024-11), half-up each`.
fn way(attempt: &Attempt<'_>) -> String {
    let adjustment = if attempt.how == Adjustment::InFull { ", the room adjustment in full" } else { "" };
    format!("D = {}, {}{adjustment}", attempt.reading.words(), attempt.policy.words())
}

/// Under which readings and policies a file proves. Readings that prove by other policies than the first are not named.
fn proof(best: &Attempt<'_>, attempts: &[Attempt<'_>]) -> String {
    let proving: Vec<&Attempt<'_>> = attempts.iter().filter(|a| a.how == best.how && a.off.is_zero()).collect();
    let policies = |reading: &Reading| proving.iter().filter(|a| a.reading == reading).map(|a| a.policy.words()).collect::<Vec<_>>();
    let by = policies(best.reading);
    let mut days: Vec<String> = Vec::new();
    for attempt in &proving {
        let words = attempt.reading.words();
        if policies(attempt.reading) == by && !days.contains(&words) {
            days.push(words);
        }
    }
    format!("D = {}, {}", days.join(" or "), by.join(" or "))
}

fn differences(people: &[Part<'_>], shares: &[Decimal]) -> String {
    let off = people.iter().zip(shares).filter(|(person, share)| person.stated() != **share);
    let words: Vec<String> =
        off.map(|(person, share)| format!("{} {} instead of {}", person.name, figure(person.stated()), figure(*share))).collect();
    listed(&words, NAMED)
}

fn not_prorated(calculation: &Calculation<'_>, people: &[Part<'_>], reading: &Reading, proved: &str) -> Finding {
    let adjusted = people.iter().filter(|p| !p.adjustment.is_zero() && p.days.is_some_and(|d| d != reading.days));
    let who: Vec<String> =
        adjusted.map(|p| format!("{}'s {} for {} days", p.name, figure(p.adjustment), figure(p.days.unwrap_or_default()))).collect();
    let who = if who.is_empty() { "the room adjustment".to_owned() } else { listed(&who, NAMED) };
    let message = format!("{} was taken in full, not by days: only so the shares come out ({proved})", who);
    Finding::warning("adjustment-not-prorated", message, "look whether that was agreed; the shares are loaded as they stand")
        .about(calculation.path)
}

fn operands(calculation: &Calculation<'_>, people: &[Part<'_>], shares: Option<&[Decimal]>, figures: Figures) -> Vec<Operand> {
    let mut operands = Vec::new();
    for (n, person) in people.iter().enumerate().filter(|_| figures.wanted()) {
        let roommate = calculation.rent.roommate(person.name).map(Roommate::span);
        if let Some(share) = shares.and_then(|s| s.get(n)) {
            let operand = Operand::new(Side::Expected, person.name, figure(*share));
            // A computed figure stands where the days and the adjustment stand that it comes from.
            operands.push(match &roommate {
                Some(span) => operand.at(calculation.path, span),
                None => operand,
            });
        }
        let operand = Operand::new(Side::Actual, person.name, figure(person.stated()));
        operands.push(match person.share.map(Share::span).or(roommate) {
            Some(span) => operand.at(calculation.path, &span),
            None => operand,
        });
    }
    operands
}

fn sum(numbers: &[Decimal]) -> Option<Decimal> {
    numbers.iter().try_fold(Decimal::ZERO, |sum, n| sum.checked_add(*n))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{calculation, rent};
    use super::*;

    fn judged(config: Option<&str>, constants: &[(&str, &str)], people: &[(&str, &str, &str, &str)]) -> (Status, String, Vec<String>) {
        let rent = rent("2024-11", config, constants, people);
        let (checks, findings) = recompute(&[calculation("2024_11_v1.json", &rent, Standing::Current)], Figures::Wanted);
        assert!(!checks[0].fails());
        (checks[0].status, checks[0].explanation.clone().unwrap(), findings.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn a_file_proves_under_a_reading_and_a_policy() {
        let constants = [("kallhyra", "9000"), ("drift_rakning", "1000")];
        let people = [("Astrid", "15", "-1400", "2866"), ("Rasmus", "", "", "7134")];
        // 15 of 30 days: a third of 10000 + 700, less 700 = 2866.67; rounded down nobody has it.
        let (status, why, _) = judged(Some("2024-11"), &constants, &people);
        assert_eq!(
            (status, why.as_str()),
            (Status::Difference, "not proved; closest is D = 30 (2024-11), ceiling each: Astrid 2866 instead of 2867")
        );
        let (status, why, _) = judged(Some("2024-11"), &constants, &[("Astrid", "15", "-1400", "2867"), ("Rasmus", "", "", "7133")]);
        assert_eq!(
            (status, why.as_str()),
            (Status::Match, "proved: D = 30 (2024-11), half-up each or largest remainder or half-up with the rest on the last person")
        );
    }

    #[test]
    fn an_adjustment_in_full_is_named() {
        // A third of 10000 + 1400, less 1400.
        let people = [("Astrid", "15", "-1400", "2400"), ("Rasmus", "", "", "7600")];
        let (status, _, findings) = judged(Some("2024-11"), &[("kallhyra", "9000"), ("drift_rakning", "1000")], &people);
        assert_eq!(status, Status::Explained);
        assert!(findings[0].starts_with("Astrid's -1400 for 15 days was taken in full"), "{findings:?}");
    }

    #[test]
    fn what_cannot_be_computed_has_not_run_and_does_not_panic() {
        let (status, why, _) = judged(None, &[("drift", "1")], &[("Adam", "", "", "100")]);
        assert!(status == Status::NotRun && why.contains("no kallhyra"), "{why}");
        let (status, why, _) = judged(None, &[("kallhyra", "1")], &[("Adam", "0", "", "100")]);
        assert!(status == Status::NotRun && why.contains("nobody stayed"), "{why}");
        let huge = "39614081257132168796771975168";
        let (status, why, _) = judged(None, &[("kallhyra", "1")], &[("Adam", "31", huge, huge), ("Rasmus", "31", huge, huge)]);
        assert!(status == Status::NotRun && why.contains("digits"), "{why}");
    }

    #[test]
    fn a_roommate_who_owes_nothing_is_named() {
        let (status, why, _) = judged(None, &[("kallhyra", "9175")], &[("Adam", "", "", "10000"), ("Rasmus", "", "", "")]);
        assert_eq!(status, Status::Difference);
        assert!(why.ends_with("Adam 10000 instead of 5000 and Rasmus 0 instead of 5000"), "{why}");
    }
}
