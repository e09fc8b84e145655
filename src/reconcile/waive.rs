//! Waivers, and what is passed on: differences that somebody answers for, and what all that is tolerated comes to.

use crate::evidence::{Check, Finding, PassedOn, Severity, Status};
use crate::job::Waiver;
use tieout_parsers::{Date, Decimal, exact_decimal};

/// Marks the differences that a waiver covers. A waiver that covers nothing (any more) is said.
pub fn waive(waivers: &[Waiver], today: Date, checks: &mut [Check]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for waiver in waivers {
        let about = format!("the waiver of {} in {} ({}, {})", waiver.check, waiver.group, waiver.by, waiver.on);
        let check = checks.iter_mut().find(|c| c.name == waiver.check && c.group == waiver.group);
        let Some(check) = check.filter(|c| c.may_be_waived()) else {
            findings.push(Finding::warning("waiver-unused", format!("{about} covers no difference"), "remove it"));
            continue;
        };
        let hash = check.hash();
        if waiver.until.is_some_and(|until| until < today) {
            let message = format!("{about} held until {}", waiver.until.unwrap_or(today));
            findings.push(Finding::warning("waiver-expired", message, "look at the difference again, and remove the waiver or prolong it"));
        } else if waiver.hash != hash {
            let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".into());
            let message = format!("{about} is for other figures: it is now {} against {}", side(&check.actual), side(&check.expected));
            findings.push(Finding::warning("waiver-void", message, format!("look at the difference again; its hash is {hash}")));
        } else {
            check.status = Status::Waived;
            let until = waiver.until.map_or(String::new(), |until| format!(" until {until}"));
            let why = check.explanation.take().map_or(String::new(), |why| format!(" ({why})"));
            check.explanation = Some(format!("waived by {} on {}{until}: {}{why}", waiver.by, waiver.on, waiver.reason));
        }
    }
    findings
}

/// What is passed on: differences in money that a tolerance, an explanation or a waiver lets stand, not netted. With a limit
/// stated, a check that they do not exceed it.
pub fn passed_on(checks: &[Check], limit: Option<Decimal>) -> (PassedOn, Option<Check>) {
    let stands = |c: &&Check| c.money && matches!(c.status, Status::WithinTolerance | Status::Explained | Status::Waived);
    let differences: Vec<Decimal> =
        checks.iter().filter(stands).filter_map(|c| c.difference.as_deref().and_then(exact_decimal)).filter(|d| !d.is_zero()).collect();
    let sum = |up: bool| differences.iter().filter(|d| d.is_sign_positive() == up).fold(Decimal::ZERO, |sum, d| sum.saturating_add(*d));
    let (over, under) = (sum(true), sum(false));
    let total = over.saturating_sub(under);
    let text = |d: Decimal| d.normalize().to_string();
    let passed = PassedOn { count: differences.len(), over: text(over), under: text(under), total: text(total), limit: limit.map(text) };
    let check = limit.map(|limit| {
        let mut check = Check::new("materiality", "passed-on differences", Severity::Error);
        check.expected = Some("0".into());
        (check.actual, check.difference) = (Some(text(total)), Some(text(total)));
        check.tolerance = Some(text(limit));
        check.because = Some("the materiality that the job states".into());
        check.status = match total {
            t if t.is_zero() => Status::Match,
            t if t <= limit => Status::WithinTolerance,
            _ => Status::Difference,
        };
        check.explanation = Some(format!("{} differences, {} over and {} under, not netted", differences.len(), text(over), text(under)));
        check
    });
    (passed, check)
}
