//! A house without a fault: six tenants, fourteen months of rent, the bills of two providers. Every share is what the formula
//! gives for the days and adjustments stated. A fault is a change of this model; what it looks like in a file is in `render`.

use super::random::Random;
use jiff::ToSpan;
use jiff::civil::{Date, date};

/// Money in öre.
pub(crate) type Oere = i64;

const MONTHS: usize = 14;
/// The first months state their running costs in one sum, `drift`, as old files do: their `el` is nowhere but in the bills.
const OLD: usize = 4;

#[derive(Clone)]
pub(crate) struct House {
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) config: Vec<Entry>,
    pub(crate) sections: Vec<Section>,
    pub(crate) calculations: Vec<Calculation>,
}

#[derive(Clone)]
pub(crate) struct Tenant {
    /// What id and address are made of; it stays whatever the name becomes.
    pub(crate) id: char,
    pub(crate) name: String,
    pub(crate) start: Date,
    pub(crate) departure: Option<Date>,
    pub(crate) adjustment: Option<Oere>,
}

/// A line of the configuration.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: &'static str,
    pub(crate) period: Date,
    pub(crate) value: Oere,
}

/// A provider with its bills, newest first.
#[derive(Clone)]
pub(crate) struct Section {
    pub(crate) provider: String,
    pub(crate) role: &'static str,
    pub(crate) bills: Vec<Bill>,
}

#[derive(Clone)]
pub(crate) struct Bill {
    pub(crate) due: Date,
    pub(crate) amount: Oere,
}

#[derive(Clone)]
pub(crate) struct Calculation {
    /// Month and version that the file's name says.
    pub(crate) label: Date,
    pub(crate) version: usize,
    /// Month and version that stand in it.
    pub(crate) month: Date,
    pub(crate) stated_version: usize,
    pub(crate) constants: Vec<(&'static str, Oere)>,
    pub(crate) people: Vec<Person>,
    pub(crate) shares: Vec<(String, Oere)>,
    pub(crate) truncated: bool,
}

#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    /// Twice the days, since half days are allowed; `None` is the whole month.
    pub(crate) half_days: Option<i64>,
    pub(crate) adjustment: Option<Oere>,
}

/// `2024-03`.
pub(crate) fn month_name(month: Date) -> String {
    month.strftime("%Y-%m").to_string()
}

/// The month that a bill is for: due on the 25th or later the due month, else the one before.
pub(crate) fn billed(due: Date) -> String {
    month_name(if due.day() >= 25 { due } else { due - 1.month() })
}

impl Calculation {
    /// The file's name without its ending, which checks name their groups by.
    pub(crate) fn name(&self) -> String {
        format!("{}_v{}", self.label.strftime("%Y_%m"), self.version)
    }
}

impl House {
    /// Whether no higher version of the month exists.
    pub(crate) fn is_latest(&self, calculation: &Calculation) -> bool {
        !self.calculations.iter().any(|c| c.label == calculation.label && c.version > calculation.version)
    }

    pub(crate) fn without_fault(seed: u64) -> House {
        let random = &mut Random::new(seed);
        let tenants = tenants();
        let months: Vec<Date> = (0..MONTHS).map(|n| date(2024, 3, 1) + i64::try_from(n).unwrap().months()).collect();
        let grid = bills(&months, 1000, 3600, random);
        let power = bills(&months, 300, 2700, random);
        let el = |n: usize| (grid[n].amount + power[n].amount) / 100;
        let entry = |key, n: usize, kronor: i64| Entry { key, period: months[n], value: kronor * 100 };
        let mut config = vec![entry("kallhyra", 0, rent(0)), entry("bredband", 0, broadband(0))];
        // Old months and new ones, so that `el` is stated here alone, here and in a calculation, in a calculation alone, or nowhere.
        config.extend([1, 3, 6, 9, 12].map(|n| entry("el", n, el(n))));
        config.extend([entry("kallhyra", 10, rent(10)), entry("bredband", 10, broadband(10))]);
        let mut calculations = Vec::new();
        for (n, month) in months.iter().enumerate() {
            let versions = match n {
                2 | 9 | 12 => 2,
                6 => 3,
                _ => 1,
            };
            for version in 1..=versions {
                // A superseded version was made before the bills came, from an estimate.
                let estimate = if version < versions { random.sign() * random.between(50, 300) } else { 0 };
                calculations.push(calculation(n, *month, version, el(n) + estimate, &tenants));
            }
        }
        let section = |provider: &str, role, mut bills: Vec<Bill>| {
            bills.reverse();
            Section { provider: provider.to_owned(), role, bills }
        };
        let sections = vec![section("Vattenfall", "elnätsleverantör", grid), section("Fortum", "elförbrukning", power)];
        House { tenants, config, sections, calculations }
    }
}

/// Four at a time: one follows another in the middle of a month, twice.
fn tenants() -> Vec<Tenant> {
    let tenant = |name: &str, start, departure, kronor: Option<i64>| Tenant {
        id: name.chars().next().unwrap().to_ascii_lowercase(),
        name: name.to_owned(),
        start,
        departure,
        adjustment: kronor.map(|k| k * 100),
    };
    vec![
        tenant("Agnes", date(2023, 5, 1), None, None),
        tenant("Bengt", date(2023, 9, 1), None, Some(-500)),
        tenant("Cecilia", date(2023, 5, 1), Some(date(2024, 6, 14)), None),
        tenant("David", date(2024, 6, 15), None, Some(-600)),
        tenant("Ebba", date(2023, 10, 1), Some(date(2024, 11, 20)), None),
        tenant("Filip", date(2024, 11, 21), None, None),
    ]
}

/// A bill a month, due at its end or within the first days of the next.
fn bills(months: &[Date], least: i64, most: i64, random: &mut Random) -> Vec<Bill> {
    let mut bill = |month: &Date| {
        let behind = random.between(-3, 4);
        Bill { due: month.last_of_month() + behind.days(), amount: random.between(least, most) * 100 }
    };
    months.iter().map(&mut bill).collect()
}

fn rent(n: usize) -> i64 {
    if n < 10 { 22400 } else { 23100 }
}

fn broadband(n: usize) -> i64 {
    if n < 10 { 350 } else { 380 }
}

/// The quarterly invoice of some months, which stands in for the fees.
fn invoice(n: usize) -> Option<i64> {
    [6, 9, 12].contains(&n).then_some(2713 + 10 * i64::try_from(n).unwrap())
}

fn calculation(n: usize, month: Date, version: usize, el: i64, tenants: &[Tenant]) -> Calculation {
    let (water, sewage, alarm) = if n < 8 { (375, 300, 150) } else { (390, 300, 150) };
    let fees = invoice(n).unwrap_or(water + sewage + alarm);
    let (carried, extra, gas) = (if n == 5 { 240 } else { 0 }, if n == 11 { 500 } else { 0 }, if n == 7 { 550 } else { 0 });
    let mut constants = vec![("kallhyra", rent(n))];
    if n < OLD {
        constants.push(("drift", el + broadband(n) + fees));
    } else {
        constants.extend([("el", el), ("bredband", broadband(n))]);
        match invoice(n) {
            Some(invoice) => constants.push(("drift_rakning", invoice)),
            // The fees that nobody states are the usual ones.
            None if n.is_multiple_of(2) => {}
            None => constants.extend([("vattenavgift", water), ("va", sewage), ("larm", alarm)]),
        }
        constants.extend([("saldo_innan", carried), ("extra_in", extra)]);
        constants.extend((gas > 0).then_some(("gas", gas)));
    }
    let usual = if n < OLD || invoice(n).is_some() || n % 2 == 1 { fees } else { 825 };
    let total = rent(n) + el + broadband(n) + usual + gas - carried - extra;

    let all = i64::from(month.days_in_month());
    let stay = |t: &Tenant| {
        let (from, to) = (t.start.max(month), t.departure.unwrap_or(Date::MAX).min(month.last_of_month()));
        (from <= to).then(|| i64::from((to - from).get_days()) + 1)
    };
    let there: Vec<(&Tenant, i64)> = tenants.iter().filter_map(|t| Some((t, stay(t)?))).collect();
    let mut people = Vec::new();
    for (tenant, days) in &there {
        // One month says the days of those, too, who stayed for all of it.
        let said = *days < all || n == 9;
        people.push(Person { name: tenant.name.clone(), half_days: said.then_some(2 * days), adjustment: tenant.adjustment });
    }
    let stays: Vec<(i64, i64)> = there.iter().map(|(t, days)| (*days, t.adjustment.unwrap_or(0) / 100)).collect();
    let shares = there.iter().zip(shares(total, all, &stays)).map(|((t, _), kronor)| (t.name.clone(), kronor * 100)).collect();
    let constants = constants.into_iter().map(|(key, kronor)| (key, kronor * 100)).collect();
    Calculation { label: month, version, month, stated_version: version, constants, people, shares, truncated: false }
}

/// Whole kronor, half-up: w · (total − Σadj) / Σw + adj, where w = days / all and adj = adjustment · w. With every term over the
/// common denominator all · Σdays, so that nothing is rounded but the result.
fn shares(total: i64, all: i64, stays: &[(i64, i64)]) -> Vec<i64> {
    let days: i64 = stays.iter().map(|(days, _)| days).sum();
    let adjusted: i64 = stays.iter().map(|(days, adjustment)| days * adjustment).sum();
    let below = all * days;
    let share = |(own, adjustment): &(i64, i64)| own * (total * all - adjusted) + adjustment * own * days;
    stays.iter().map(|stay| (2 * share(stay) + below).div_euclid(2 * below)).collect()
}
