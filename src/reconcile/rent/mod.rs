//! What is asked of every archive of rent calculations, unbidden: does each file follow from its own figures, did people
//! pay for the days they lived there, what did the versions say that no longer count, and which month do names mean.

mod adjustment;
mod formula;
mod months;
mod overlap;
mod recompute;
mod rounding;
mod supersession;
mod title;

pub(super) use overlap::residency as residency_words;
pub(super) use title::month_in;

use super::{residency, shares};
use crate::assemble::{Calculation, People};
use crate::evidence::{Check, Checks, Finding, Status};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::slice::from_ref;
use std::sync::LazyLock;
use tieout_parsers::Decimal;

/// What a rule has to say.
pub type Said = (Vec<Check>, Vec<Finding>);

/// Whether a rule is asked for the figures, too, that a check was computed from. They are large, and of very many checks alike only
/// the first are kept with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figures {
    Wanted,
    Spared,
}

impl Figures {
    pub(super) fn wanted(self) -> bool {
        self == Figures::Wanted
    }
}

/// What all of them said.
#[derive(Default)]
pub struct Heard {
    /// The checks, of which there may be very many.
    pub checks: Checks,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Heard {
    /// Takes what a rule says that gives its figures with each check.
    fn take(&mut self, (checks, findings): Said) -> io::Result<()> {
        self.findings.extend(findings);
        checks.into_iter().try_for_each(|check| self.checks.push(check, false, |check| check))
    }

    /// Takes what a rule says of a calculation, which gives one check at most; where that is kept whole, the rule is asked again.
    fn take_spared(
        &mut self,
        calculation: &Calculation<'_>,
        (checks, findings): Said,
        proved: bool,
        rule: impl Fn(&[Calculation<'_>], Figures) -> Said,
    ) -> io::Result<()> {
        self.findings.extend(findings);
        let whole = |check| rule(from_ref(calculation), Figures::Wanted).0.pop().unwrap_or(check);
        checks.into_iter().try_for_each(|check| self.checks.push(check, proved, whole))
    }

    fn append(&mut self, other: Heard) -> io::Result<()> {
        self.findings.extend(other.findings);
        self.checks.append(other.checks)
    }
}

/// How many calculations the rules are asked about at a time, on all cores: what they say of more than that need not be in memory
/// at once.
const AT_ONCE: usize = 4096;

/// Asks on all cores; the answers are taken in their order.
fn ask<'a, T: Send>(
    calculations: &'a [Calculation<'a>],
    rule: impl Fn(&'a Calculation<'a>) -> T + Sync,
    mut take: impl FnMut(&'a Calculation<'a>, T) -> io::Result<()>,
) -> io::Result<()> {
    for some in calculations.chunks(AT_ONCE) {
        let answers: Vec<T> = some.par_iter().map(&rule).collect();
        some.iter().zip(answers).try_for_each(|(calculation, answer)| take(calculation, answer))?;
    }
    Ok(())
}

/// The rules that ask who lived there, and when.
pub fn of_people(calculations: &[Calculation<'_>], people: &People, heard: &mut Heard) -> io::Result<()> {
    let houses = LazyLock::new(|| {
        let mut houses: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        calculations.iter().for_each(|c| houses.entry(c.house.unwrap_or_default()).or_default().push(c));
        houses
    });
    let of_house = |house: Option<&str>| houses.get(house.unwrap_or_default()).map_or(&[][..], Vec::as_slice);
    let mut overlaps = Heard::default();
    let rules = |c| (residency(from_ref(c), &of_house, people), overlap::overlap(from_ref(c), people));
    ask(calculations, rules, |_, (residency, overlap)| heard.take(residency).and_then(|()| overlaps.take(overlap)))?;
    heard.append(overlaps)?;
    heard.take(adjustment::adjustments(calculations, people))
}

/// The rules that need nothing but the calculations; `paths` are those of all files of the run, `refused` those of them that
/// could not be read.
pub fn of_files(calculations: &[Calculation<'_>], paths: &[&str], refused: &[&str], heard: &mut Heard) -> io::Result<()> {
    let mut recomputed = Heard::default();
    let rules = |c| (shares(from_ref(c), Figures::Spared), recompute::recompute(from_ref(c), Figures::Spared));
    ask(calculations, rules, |calculation, (sums, recompute)| {
        // Where each share is what a rounding rule makes of it, their sum differs from the total by that rule alone.
        let proved = recompute.0.iter().any(|check| check.status == Status::Match);
        heard.take_spared(calculation, sums, proved, shares)?;
        recomputed.take_spared(calculation, recompute, false, recompute::recompute)
    })?;
    heard.append(recomputed)?;
    heard.take(supersession::supersession(calculations, paths, refused))?;
    heard.findings.extend(months::months(calculations));
    Ok(())
}

/// A figure without trailing zeros.
pub(super) fn figure(number: Decimal) -> String {
    number.normalize().to_string()
}

/// A difference with its sign.
fn signed(number: Decimal) -> String {
    if number.is_sign_negative() || number.is_zero() { figure(number) } else { format!("+{}", figure(number)) }
}

/// `a, b and c`; of more than `most` the first, and how many more.
pub(super) fn listed<T: AsRef<str>>(items: &[T], most: usize) -> String {
    let shown: Vec<&str> = items.iter().take(most).map(AsRef::as_ref).collect();
    match (shown.as_slice(), items.len() - shown.len()) {
        ([], _) => String::new(),
        (_, more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        ([one], _) => (*one).to_owned(),
        ([first @ .., last], _) => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
pub(super) mod samples {
    //! Small calculations for the tests of these rules.

    use crate::assemble::{Calculation, Standing};
    use tieout_parsers::{At, Constant, Decimal, Money, Month, RentCalculation, Roommate, Share, exact_decimal};

    pub(crate) fn number(text: &str) -> Decimal {
        exact_decimal(text).unwrap()
    }

    pub(crate) fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    /// `people`: name, days, room adjustment, share.
    pub(crate) fn rent(
        label: &str,
        config: Option<&str>,
        constants: &[(&str, &str)],
        people: &[(&str, &str, &str, &str)],
    ) -> RentCalculation {
        let some = |text: &str| Some(text).filter(|t| !t.is_empty()).map(number);
        let constant = |(key, value): &(&str, &str)| Constant { key: (*key).to_owned().into(), value: number(value), at: At::default() };
        RentCalculation {
            label: month(label),
            version: 1,
            calculated_at: None,
            title: None,
            config_month: config.map(month),
            constants: constants.iter().map(constant).collect(),
            roommates: people
                .iter()
                .map(|p| Roommate { name: p.0.to_owned(), days: some(p.1), room_adjustment: some(p.2).map(Money), at: At::default() })
                .collect(),
            shares: people
                .iter()
                .filter(|p| !p.3.is_empty())
                .map(|p| Share { name: p.0.to_owned(), amount: Money(number(p.3)), at: At::default() })
                .collect(),
        }
    }

    pub(crate) fn calculation<'a>(path: &'a str, rent: &'a RentCalculation, standing: Standing) -> Calculation<'a> {
        let latest = standing == Standing::Current;
        Calculation { file: 0, source: 0, house: None, family: 0, path, rent, standing, latest }
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn lists_read_as_people_write_them() {
        assert_eq!(listed(&["a"; 0], 3), "");
        assert_eq!(listed(&["a"], 3), "a");
        assert_eq!(listed(&["a", "b", "c"], 3), "a, b and c");
        assert_eq!(listed(&["a", "b", "c", "d"], 2), "a, b and 2 more");
    }
}
