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
use crate::evidence::{Check, Checks, Finding};
use std::cell::LazyCell;
use std::collections::BTreeMap;
use tieout_parsers::Decimal;

/// What a rule has to say.
pub type Said = (Vec<Check>, Vec<Finding>);

/// What all of them said.
#[derive(Default)]
pub struct Heard {
    /// The checks, of which there may be very many.
    pub checks: Checks,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Heard {
    fn take(&mut self, (checks, findings): Said) {
        checks.into_iter().for_each(|check| self.checks.push(check));
        self.findings.extend(findings);
    }
}

/// How many calculations a rule is asked about at a time: what it says of more than that need not be in memory at once.
const AT_ONCE: usize = 500;

/// The rules that ask who lived there, and when.
pub fn of_people(calculations: &[Calculation<'_>], people: &People, heard: &mut Heard) {
    let houses = LazyCell::new(|| {
        let mut houses: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        calculations.iter().for_each(|c| houses.entry(c.house.unwrap_or_default()).or_default().push(c));
        houses
    });
    calculations
        .chunks(AT_ONCE)
        .for_each(|some| heard.take(residency(some, &|house| houses.get(house.unwrap_or_default()).map_or(&[], Vec::as_slice), people)));
    calculations.chunks(AT_ONCE).for_each(|some| heard.take(overlap::overlap(some, people)));
    heard.take(adjustment::adjustments(calculations, people));
}

/// The rules that need nothing but the calculations; `paths` are those of all files of the run, `refused` those of them that
/// could not be read.
pub fn of_files(calculations: &[Calculation<'_>], paths: &[&str], refused: &[&str], heard: &mut Heard) {
    calculations.chunks(AT_ONCE).for_each(|some| heard.take(shares(some)));
    calculations.chunks(AT_ONCE).for_each(|some| heard.take(recompute::recompute(some)));
    heard.take(supersession::supersession(calculations, paths, refused));
    heard.findings.extend(months::months(calculations));
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
    use tieout_parsers::{Constant, Decimal, Money, Month, RentCalculation, Roommate, Share, Span, exact_decimal};

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
        let constant = |(key, value): &(&str, &str)| Constant { key: (*key).to_owned(), value: number(value), span: Span::default() };
        RentCalculation {
            label: month(label),
            version: 1,
            calculated_at: None,
            title: None,
            config_month: config.map(month),
            constants: constants.iter().map(constant).collect(),
            roommates: people
                .iter()
                .map(|p| Roommate { name: p.0.to_owned(), days: some(p.1), room_adjustment: some(p.2).map(Money), span: Span::default() })
                .collect(),
            shares: people
                .iter()
                .filter(|p| !p.3.is_empty())
                .map(|p| Share { name: p.0.to_owned(), amount: Money(number(p.3)), span: Span::default() })
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
