//! `overlap`: the days that are paid for. Where one person leaves and another comes, their days must make up the month;
//! and each person's days must be those of the residency. Nobody says which month a file is about, so both readings are
//! tried, and the one is named under which most of it holds.

use super::{Said, figure};
use crate::assemble::{Calculation, People, Standing};
use crate::evidence::{Check, Operand, Severity, Side, Status};
use std::cmp::Reverse;
use tieout_parsers::{Decimal, Month, Roommate, Tenant};

/// A check for each succession and for each stay that is not simply the whole month, of every calculation that counts.
pub(super) fn overlap(calculations: &[Calculation<'_>], people: &People) -> Said {
    let counting = calculations.iter().filter(|c| c.standing == Standing::Current);
    (counting.flat_map(|c| one(c, &stays(c, people))).collect(), Vec::new())
}

/// A person of a calculation, with the days that it states.
struct Stay<'a> {
    tenant: &'a Tenant,
    roommate: Option<&'a Roommate>,
    /// `None` = the whole month.
    days: Option<Decimal>,
}

/// A month that a calculation may be about, and how it would stand.
struct Tried {
    checks: Vec<Check>,
    /// How many of its people did not live there at all.
    strangers: usize,
    /// How many checks differ.
    differ: usize,
}

fn stays<'a>(calculation: &Calculation<'a>, people: &'a People) -> Vec<Stay<'a>> {
    let rent = calculation.rent;
    let stay = |name: &str| {
        let roommate = rent.roommate(name);
        Some(Stay { tenant: &people.by_name(calculation.house, name)?.tenant, roommate, days: roommate.and_then(|r| r.days) })
    };
    rent.shares.iter().filter_map(|share| stay(&share.name)).collect()
}

fn one(calculation: &Calculation<'_>, stays: &[Stay<'_>]) -> Vec<Check> {
    let tried = readings(calculation).into_iter().map(|(month, words)| tried(calculation, stays, month, &words));
    // Of equally good readings the first: that of the constants.
    tried.min_by_key(|t| (t.strangers, t.differ, Reverse(t.checks.len()))).map(|t| t.checks).unwrap_or_default()
}

/// The months a calculation may be about, in words: that of the constants, the one after it, that of the name.
fn readings(calculation: &Calculation<'_>) -> Vec<(Month, String)> {
    let (config, label) = (calculation.rent.config_period(), calculation.rent.label);
    let mut found = if calculation.rent.config_month.is_some() {
        vec![(config, "the configuration month".to_owned()), (config.plus(1), format!("the rent month after {config}"))]
    } else {
        vec![(config, "the name's month".to_owned()), (config.plus(1), "the month after the name's".to_owned())]
    };
    if found.iter().all(|(month, _)| *month != label) {
        found.push((label, "the name's month".to_owned()));
    }
    found
}

fn tried(calculation: &Calculation<'_>, stays: &[Stay<'_>], month: Month, words: &str) -> Tried {
    let strangers = stays.iter().filter(|s| !s.tenant.resident_in(month)).count();
    let mut checks: Vec<Check> =
        successions(stays, month).into_iter().map(|(leaver, comer)| succession(calculation, leaver, comer, month, words)).collect();
    let there = stays.iter().filter(|s| s.tenant.resident_in(month));
    checks.extend(there.filter_map(|stay| person(calculation, stay, month, words)));
    let differ = checks.iter().filter(|c| c.status == Status::Difference).count();
    Tried { checks, strangers, differ }
}

/// Who leaves within the month, each with the first who comes after; nobody comes for two.
fn successions<'a, 'b>(stays: &'b [Stay<'a>], month: Month) -> Vec<(&'b Stay<'a>, &'b Stay<'a>)> {
    let mut comers: Vec<&Stay<'_>> = stays.iter().filter(|s| s.tenant.start.is_some_and(|d| Month::of(d) == month)).collect();
    comers.sort_by_key(|s| s.tenant.start);
    let mut leavers: Vec<&Stay<'_>> = stays.iter().filter(|s| s.tenant.departure.is_some_and(|d| Month::of(d) == month)).collect();
    leavers.sort_by_key(|s| s.tenant.departure);
    let mut pairs = Vec::new();
    for leaver in leavers {
        if let Some(at) = comers.iter().position(|c| c.tenant.start > leaver.tenant.departure) {
            pairs.push((leaver, comers.remove(at)));
        }
    }
    pairs
}

fn succession(calculation: &Calculation<'_>, leaver: &Stay<'_>, comer: &Stay<'_>, month: Month, words: &str) -> Check {
    let whole = Decimal::from(month.days());
    let (first, second) = (leaver.days.unwrap_or(whole), comer.days.unwrap_or(whole));
    let sum = first.saturating_add(second);
    let names = format!("{} {}, {}", calculation.name(), leaver.tenant.name, comer.tenant.name);
    let mut check = compared(names, whole, sum);
    let dates = [leaver.tenant.departure, comer.tenant.start].map(|d| d.map_or(String::new(), |d| d.to_string()));
    check.explanation = Some(format!(
        "{} + {} = {} of {} days of {month} ({words}) between {} (left {}) and {} (came {})",
        figure(first),
        figure(second),
        figure(sum),
        figure(whole),
        leaver.tenant.name,
        dates[0],
        comer.tenant.name,
        dates[1]
    ));
    check.operands = [stated(calculation, leaver, first), stated(calculation, comer, second)].into();
    check
}

/// The days of a person against the residency; `None` for a whole month of somebody who was there all of it.
fn person(calculation: &Calculation<'_>, stay: &Stay<'_>, month: Month, words: &str) -> Option<Check> {
    let (whole, covered) = (Decimal::from(month.days()), resident_days(stay.tenant, month));
    if stay.days.is_none() && covered == whole {
        return None;
    }
    let days = stay.days.unwrap_or(whole);
    let mut check = compared(format!("{} {}", calculation.name(), stay.tenant.name), covered, days);
    if days != covered && days.saturating_sub(covered).abs() <= Decimal::new(5, 1) {
        check.status = Status::WithinTolerance;
    }
    let how = if stay.days.is_none() { "the whole month is billed".to_owned() } else { format!("{} days are stated", figure(days)) };
    check.explanation = Some(format!(
        "{how}; the residency ({}) covers {} of {} days of {month} ({words})",
        residency(stay.tenant),
        figure(covered),
        figure(whole)
    ));
    check.tolerance = Some("0.5".into());
    check.because = Some("the day of moving may count by halves".into());
    check.operands = vec![stated(calculation, stay, days)];
    Some(check)
}

fn compared(group: String, expected: Decimal, actual: Decimal) -> Check {
    let mut check = Check::new("overlap", group, Severity::Warning);
    check.expected = Some(figure(expected));
    check.actual = Some(figure(actual));
    check.difference = Some(figure(actual.saturating_sub(expected)));
    check.status = if actual == expected { Status::Match } else { Status::Difference };
    check
}

fn stated(calculation: &Calculation<'_>, stay: &Stay<'_>, days: Decimal) -> Operand {
    let operand = Operand::new(Side::Actual, &stay.tenant.name, figure(days));
    stay.roommate.map_or(operand.clone(), |r| operand.at(calculation.path, &r.span()))
}

/// How many days of a month somebody lived there.
fn resident_days(tenant: &Tenant, month: Month) -> Decimal {
    let from = tenant.start.map_or(month.first(), |s| s.max(month.first()));
    let to = tenant.departure.map_or(month.last(), |d| d.min(month.last()));
    if from > to { Decimal::ZERO } else { Decimal::from(i32::from(to.day()) - i32::from(from.day()) + 1) }
}

/// A residency in words.
pub(crate) fn residency(tenant: &Tenant) -> String {
    match (tenant.start, tenant.departure) {
        (Some(start), Some(departure)) => format!("there from {start} to {departure}"),
        (Some(start), None) => format!("there from {start}"),
        (None, Some(departure)) => format!("there until {departure}"),
        (None, None) => "always there".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{calculation, rent};
    use super::*;
    use tieout_parsers::RentCalculation;

    fn tenant(name: &str, start: &str, departure: &str) -> Tenant {
        let date = |text: &str| Some(text).filter(|t| !t.is_empty()).map(|t| t.parse().unwrap());
        Tenant {
            id: None,
            name: name.to_owned(),
            email: None,
            start: date(start),
            departure: date(departure),
            room_adjustment: None,
            house: None,
        }
    }

    fn said(rent: &RentCalculation, tenants: &[Tenant]) -> Vec<(Status, String)> {
        let calculation = calculation("2024_11_v2.json", rent, Standing::Current);
        let stay = |t: &'_ Tenant| rent.roommate(&t.name).map(|r| (r, r.days));
        let stays: Vec<Stay<'_>> = tenants
            .iter()
            .map(|tenant| Stay { tenant, roommate: stay(tenant).map(|r| r.0), days: stay(tenant).and_then(|r| r.1) })
            .collect();
        one(&calculation, &stays).into_iter().map(|c| (c.status, c.explanation.unwrap())).collect()
    }

    #[test]
    fn a_day_that_nobody_pays_for_is_named() {
        let rent = rent("2024-11", Some("2024-10"), &[], &[("Malin", "21", "", "1"), ("Elvira", "8", "", "1"), ("Rasmus", "30", "", "1")]);
        let tenants = [tenant("Malin", "2024-06-01", "2024-11-21"), tenant("Elvira", "2024-11-23", ""), tenant("Rasmus", "", "")];
        let said = said(&rent, &tenants);
        assert_eq!(
            said[0],
            (
                Status::Difference,
                "21 + 8 = 29 of 30 days of 2024-11 (the rent month after 2024-10) between Malin (left 2024-11-21) and Elvira (came 2024-11-23)".into()
            )
        );
        assert!(said[1..].iter().all(|s| s.0 == Status::Match) && said.len() == 4, "{said:?}");
    }

    #[test]
    fn days_follow_the_residency_or_differ_from_it() {
        let people = [("Adam", "15.5", "", "1"), ("Rasmus", "31", "", "1"), ("Malin", "", "", "1")];
        let rent = rent("2025-02", Some("2025-02"), &[], &people);
        let tenants = [tenant("Adam", "2025-02-26", ""), tenant("Rasmus", "2025-03-02", ""), tenant("Malin", "", "2025-03-30")];
        let said = said(&rent, &tenants);
        assert_eq!(
            said.iter().map(|s| s.1.as_str()).collect::<Vec<_>>(),
            [
                "15.5 days are stated; the residency (there from 2025-02-26) covers 31 of 31 days of 2025-03 (the rent month after 2025-02)",
                "31 days are stated; the residency (there from 2025-03-02) covers 30 of 31 days of 2025-03 (the rent month after 2025-02)",
                "the whole month is billed; the residency (there until 2025-03-30) covers 30 of 31 days of 2025-03 (the rent month after 2025-02)",
            ]
        );
    }

    #[test]
    fn absurd_days_do_not_panic() {
        let huge = "79228162514264337593543950335";
        let rent = rent("2024-11", None, &[], &[("Malin", huge, "", "1"), ("Elvira", &format!("-{huge}"), "", "1")]);
        let tenants = [tenant("Malin", "", "2024-11-10"), tenant("Elvira", "2024-11-11", "")];
        assert_eq!(said(&rent, &tenants).len(), 3);
    }
}
