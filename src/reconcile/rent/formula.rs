//! The rent formula: what each person owes before rounding. Exact in days; each share is divided once, so that it is right
//! to more than nine decimals, and then cut to nine, far below half an öre.

use tieout_parsers::{Decimal, Month, RentCalculation, Share};

/// How many decimals of an exact share are kept.
const DECIMALS: u32 = 9;

/// The days of the month where nothing tells which month it is.
const UNKNOWN: i64 = 30;

/// A reading of how many days the month has, which no file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// The days.
    pub days: Decimal,
    /// The month that has them; `None` where it is taken for unknown.
    pub month: Option<Month>,
}

impl Reading {
    /// `28 (2025-02)`.
    pub(super) fn words(&self) -> String {
        let month = self.month.map_or("month unknown".to_owned(), |m| m.to_string());
        format!("{} ({month})", self.days)
    }
}

/// The readings of a calculation, each number of days once: the month of the constants, that of the name, the month after;
/// 30 where the constants name none.
pub(super) fn readings(rent: &RentCalculation) -> Vec<Reading> {
    let config = rent.config_period();
    let months = [config, rent.label, config.plus(1)].map(|m| Reading { days: Decimal::from(m.days()), month: Some(m) });
    let unknown = Reading { days: Decimal::from(UNKNOWN), month: None };
    let mut found: Vec<Reading> = Vec::new();
    for reading in months.into_iter().chain(rent.config_month.is_none().then_some(unknown)) {
        if found.iter().all(|f| f.days != reading.days) {
            found.push(reading);
        }
    }
    found
}

/// What of a room's adjustment somebody owes who stayed for a part of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adjustment {
    /// A part as large as that of the days: the rule.
    ByDays,
    /// All of it.
    InFull,
}

/// A person of a calculation.
pub(super) struct Part<'a> {
    /// Name.
    pub name: &'a str,
    /// Days stayed; `None` = the whole month.
    pub days: Option<Decimal>,
    /// Kronor a month on top of an equal share.
    pub adjustment: Decimal,
    /// What the file says; `None` for a roommate who owes nothing.
    pub share: Option<&'a Share>,
}

impl Part<'_> {
    /// What the file says that is owed.
    pub(super) fn stated(&self) -> Decimal {
        self.share.map_or(Decimal::ZERO, |s| s.amount.0)
    }
}

/// Everybody who owes something, in the file's order, then roommates without a share.
pub(super) fn parts(rent: &RentCalculation) -> Vec<Part<'_>> {
    let part = |name, share| {
        let roommate = rent.roommate(name);
        let adjustment = roommate.and_then(|r| r.room_adjustment).map_or(Decimal::ZERO, |a| a.0);
        Part { name, days: roommate.and_then(|r| r.days), adjustment, share }
    };
    let billed = rent.shares.iter().map(|s| part(s.name.as_str(), Some(s)));
    let unbilled = rent.roommates.iter().filter(|r| rent.shares.iter().all(|s| s.name != r.name));
    billed.chain(unbilled.map(|r| part(r.name.as_str(), None))).collect()
}

/// What each owes before rounding: weight × (total − Σ adjustments) ÷ Σ weights + adjustment. `None` where nobody stayed a
/// single day, or where figures have more digits than can be kept.
pub(super) fn exact_shares(total: Decimal, parts: &[Part<'_>], month_days: Decimal, how: Adjustment) -> Option<Vec<Decimal>> {
    let days: Vec<Decimal> = parts.iter().map(|p| p.days.unwrap_or(month_days)).collect();
    let adjustments: Vec<Decimal> = parts
        .iter()
        .zip(&days)
        .map(|(part, days)| match how {
            Adjustment::ByDays => part.adjustment.checked_mul(*days)?.checked_div(month_days),
            Adjustment::InFull => Some(part.adjustment),
        })
        .collect::<Option<_>>()?;
    let sum = |numbers: &[Decimal]| numbers.iter().try_fold(Decimal::ZERO, |sum, n| sum.checked_add(*n));
    let (stayed, rest) = (sum(&days)?, total.checked_sub(sum(&adjustments)?)?);
    let share = |(days, adjustment): (&Decimal, &Decimal)| {
        let equal = days.checked_mul(rest)?.checked_div(stayed)?;
        Some(equal.checked_add(*adjustment)?.round_dp(DECIMALS))
    };
    days.iter().zip(&adjustments).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{number, rent};
    use super::*;

    fn shares(people: &[(&str, &str, &str, &str)], total: &str, days: i64, how: Adjustment) -> Option<Vec<String>> {
        let rent = rent("2024-11", None, &[], people);
        let found = exact_shares(number(total), &parts(&rent), Decimal::from(days), how)?;
        Some(found.iter().map(|d| d.normalize().to_string()).collect())
    }

    #[test]
    fn an_adjustment_is_prorated_by_days_or_taken_in_full() {
        let people = [("Astrid", "15", "-1400", "0"), ("Rasmus", "", "", "0")];
        // 1 : 2 of 9000 + 700, less 700; or of 9000 + 1400, less 1400.
        assert_eq!(shares(&people, "9000", 30, Adjustment::ByDays).unwrap(), ["2533.333333333", "6466.666666667"]);
        assert_eq!(shares(&people, "9000", 30, Adjustment::InFull).unwrap(), ["2066.666666667", "6933.333333333"]);
    }

    #[test]
    fn nobody_there_and_absurd_figures_give_nothing_and_do_not_panic() {
        assert_eq!(shares(&[("Adam", "0", "", "0")], "9000", 30, Adjustment::ByDays), None);
        assert_eq!(shares(&[], "9000", 30, Adjustment::ByDays), Some(Vec::new()));
        let huge = "79228162514264337593543950335";
        assert_eq!(shares(&[("Adam", "31", huge, "0"), ("Rasmus", "31", huge, "0")], huge, 31, Adjustment::ByDays), None);
        assert_eq!(shares(&[("Adam", "", huge, "0"), ("Rasmus", "", huge, "0")], "1", 31, Adjustment::InFull), None);
        let tiny = "0.0000000000000000000000000001";
        assert!(shares(&[("Adam", tiny, "", "0"), ("Rasmus", "", "", "0")], "999999999999999", 31, Adjustment::ByDays).is_some());
    }

    #[test]
    fn days_are_read_in_every_way_they_can_be_meant() {
        let words = |label, config| readings(&rent(label, config, &[], &[])).iter().map(Reading::words).collect::<Vec<_>>();
        assert_eq!(words("2025-02", Some("2025-02")), ["28 (2025-02)", "31 (2025-03)"]);
        assert_eq!(words("2024-11", Some("2024-10")), ["31 (2024-10)", "30 (2024-11)"]);
        assert_eq!(words("2025-07", None), ["31 (2025-07)", "30 (month unknown)"]);
    }

    #[test]
    fn a_roommate_without_a_share_counts() {
        let rent = rent("2025-02", None, &[], &[("Adam", "", "", ""), ("Rasmus", "15", "-1", "9")]);
        let found: Vec<_> = parts(&rent).iter().map(|p| (p.name.to_owned(), p.days, p.stated())).collect();
        assert_eq!(found, [("Rasmus".into(), Some(number("15")), number("9")), ("Adam".into(), None, Decimal::ZERO)]);
    }
}
