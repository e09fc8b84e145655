//! `residency`: did the people of a calculation live there in the month its name says? When not in that month nor in one
//! beside it, the file is mislabelled, and the months that would fit are listed, best first, with what speaks for each.

use super::rent::{listed, month_in, residency_words};
use crate::assemble::{Calculation, People, Standing};
use crate::evidence::{Check, Finding, Operand, Severity, Side, Status, Subject};
use std::collections::BTreeMap;
use tieout_parsers::{Decimal, Month, RentCalculation, Tenant};

/// How many fitting months a message names, and how many the operands do.
const NAMED: usize = 12;
const WEIGHED: usize = 48;

/// One check for each calculation, and a finding for each whose month does not fit; `of_house` are all those of a house.
pub(super) fn residency<'a, 'c: 'a>(
    calculations: &[Calculation<'_>],
    of_house: &impl Fn(Option<&str>) -> &'a [&'a Calculation<'c>],
    people: &People,
) -> (Vec<Check>, Vec<Finding>) {
    let (mut checks, mut findings) = (Vec::new(), Vec::new());
    for calculation in calculations.iter().filter(|c| c.standing != Standing::Duplicate) {
        let rent = calculation.rent;
        let tenants: Vec<&Tenant> =
            rent.shares.iter().filter_map(|s| people.by_name(calculation.house, &s.name)).map(|p| &p.tenant).collect();
        let mut check = Check::new("residency", calculation.name(), Severity::Error);
        let strangers: Vec<&str> =
            rent.shares.iter().map(|s| s.name.as_str()).filter(|n| people.by_name(calculation.house, n).is_none()).collect();
        if !strangers.is_empty() {
            check.explanation = Some(format!(
                "not run: no tenant{} is called {}",
                calculation.house.map_or(String::new(), |h| format!(" of {h}")),
                strangers.join(" or ")
            ));
            check.severity = if calculation.standing == Standing::Current { Severity::Error } else { Severity::Warning };
            checks.push(check);
            continue;
        }
        let absent: Vec<&Tenant> = tenants.iter().filter(|t| !t.resident_in(rent.label)).copied().collect();
        check.expected = Some(tenants.len().to_string());
        check.actual = Some((tenants.len() - absent.len()).to_string());
        check.difference = Some(format!("-{}", absent.len()));
        if absent.is_empty() {
            check.status = Status::Match;
            check.difference = Some("0".into());
            checks.push(check);
            continue;
        }
        let fitting = fitting_months(calculation, &tenants, of_house(calculation.house));
        check.operands = fitting.iter().take(WEIGHED).map(|fit| weighed(calculation, fit, tenants.len())).collect();
        let beside: Vec<&Fit> = fitting.iter().filter(|f| f.month.until(rent.label).abs() == 1).collect();
        let who: Vec<String> = absent.iter().map(|t| format!("{} ({})", t.name, away(t, rent.label))).collect();
        let verdict = format!("{}: {} of {} were not resident: {}", rent.label, absent.len(), tenants.len(), who.join(", "));
        check.status = Status::Difference;
        if let Some(fit) = beside.first() {
            check.severity = Severity::Warning;
            check.explanation = Some(format!("a month off: {} fits everybody", fit.month));
            let message = format!("{verdict}; {} fits everybody, so the name means another month here", fit.month);
            findings.push(
                Finding::warning("month-off", message, "see `period` of the source; nothing to do where archives mix both meanings")
                    .about(calculation.path),
            );
        } else {
            let months = fit_words(calculation, &fitting);
            check.explanation = Some(months.clone());
            check.severity = if calculation.standing == Standing::Current { Severity::Error } else { Severity::Warning };
            let hint = format!(
                "find out which month it is; then rename the file, or exclude it with a reason: exclude = [{{ file = \"{}\", sha256 = \"…\", reason = \"…\" }}]",
                calculation.path
            );
            let message = format!("{verdict}; {months}");
            findings.push(Finding::new(check.severity, Subject::Check, "mislabelled-file", message, hint).about(calculation.path));
        }
        checks.push(check);
    }
    (checks, findings)
}

/// A month in which everybody lived there, and what else speaks for it.
struct Fit {
    month: Month,
    /// Whose costs the file's `drift` equals, and how.
    identity: Option<String>,
    /// How many months lie between it and the calculation, whose date is known.
    calculated: Option<i32>,
    /// Whether the title names it; `None` where the title names no month.
    titled: Option<bool>,
}

fn fit_words(calculation: &Calculation<'_>, fitting: &[Fit]) -> String {
    let Some(best) = fitting.first() else { return "no month fits everybody".to_owned() };
    let identity = best.identity.as_ref().map_or(String::new(), |i| format!(" and {i}"));
    let date = calculation.rent.calculated_at.map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date());
    let date = date.map_or(String::new(), |d| format!("; it was calculated on {d}"));
    let title = calculation.rent.title.as_deref().unwrap_or_default();
    let title = match best.titled {
        Some(true) => format!(", and its title says so: “{title}”"),
        Some(false) => format!(", but its title says “{title}”"),
        None => String::new(),
    };
    let others: Vec<String> = fitting.iter().skip(1).map(|f| f.month.to_string()).collect();
    let others = if others.is_empty() { String::new() } else { format!("; {} would fit, too", listed(&others, NAMED)) };
    format!("{} fits all{identity}{date}{title}{others}", best.month)
}

/// A fitting month with all that speaks for it or against, for the reader who has to decide.
fn weighed(calculation: &Calculation<'_>, fit: &Fit, people: usize) -> Operand {
    let mut label = format!("{} fits: everybody lived there", fit.month);
    if let Some(identity) = &fit.identity {
        label += &format!("; {identity}");
    }
    label += &match fit.calculated {
        None => String::new(),
        Some(0) => "; calculated in that month".to_owned(),
        Some(1) => "; calculated the month after".to_owned(),
        Some(n) if n > 0 => format!("; calculated {n} months later"),
        Some(-1) => "; calculated the month before".to_owned(),
        Some(n) => format!("; calculated {} months before", -n),
    };
    label += match fit.titled {
        Some(true) => "; the title names it",
        Some(false) => "; the title names another month",
        None => "",
    };
    Operand { path: Some(calculation.path.to_owned()), ..Operand::new(Side::Actual, label, people.to_string()) }
}

/// Why somebody was not there in a month.
fn away(tenant: &Tenant, month: Month) -> String {
    let before = tenant.start.is_some_and(|start| start > month.last());
    format!("{}{}", if before { "billed before the move-in: " } else { "" }, residency_words(tenant))
}

/// The months that fit everybody, best first: by the drift identity, by nearness to the date of the calculation, by the
/// title.
fn fitting_months(calculation: &Calculation<'_>, tenants: &[&Tenant], all: &[&Calculation<'_>]) -> Vec<Fit> {
    let rent = calculation.rent;
    let calculated = rent.calculated_at.map(|t| Month::of(t.to_zoned(jiff::tz::TimeZone::UTC).date()));
    let identities = drift_identities(rent, all);
    let title = rent.title.as_deref().and_then(month_in);
    let anchor = calculated.unwrap_or(rent.label);
    let starts = tenants.iter().filter_map(|t| t.start).map(Month::of);
    // Everybody is there from the last one's start on; without any start, look two years back.
    let from = starts.max().unwrap_or(anchor.min(rent.label).plus(-24));
    let departures = tenants.iter().filter_map(|t| t.departure).map(Month::of);
    let to = departures.min().unwrap_or(anchor.max(rent.label).plus(1));
    let months = (0..=from.until(to).max(-1)).map(|n| from.plus(n));
    let mut fitting: Vec<Fit> = months
        .filter(|m| tenants.iter().all(|t| t.resident_in(*m)))
        .map(|month| Fit {
            month,
            identity: identities.get(&month).cloned(),
            calculated: calculated.map(|c| month.until(c)),
            titled: title.map(|t| t == month),
        })
        .collect();
    fitting.sort_by_key(|f| (f.identity.is_none(), f.month.until(anchor).abs(), f.titled != Some(true), f.month));
    fitting
}

/// The months of other calculations of the house whose el + bredband + drift_rakning is this one's `drift`.
fn drift_identities(rent: &RentCalculation, all: &[&Calculation<'_>]) -> BTreeMap<Month, String> {
    let Some(drift) = rent.nonzero("drift") else { return BTreeMap::new() };
    let parts = |other: &RentCalculation| ["el", "bredband", "drift_rakning"].map(|key| other.nonzero(key).unwrap_or(Decimal::ZERO));
    let sum = |parts: [Decimal; 3]| parts.into_iter().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(part));
    all.iter()
        .filter(|other| !std::ptr::eq(other.rent, rent) && sum(parts(other.rent)) == Some(drift))
        .map(|other| {
            let [el, bredband, invoice] = parts(other.rent).map(|d| d.normalize());
            let words = format!("its drift equals {} ({el} + {bredband} + {invoice} = {})", other.file_name(), drift.normalize());
            (other.rent.label, words)
        })
        .collect()
}
