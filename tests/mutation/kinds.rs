//! The kinds of faults, and how each is planted: one change of the house, at a place that chance picks.

use super::house::{Bill, Calculation, Entry, House, Oere, Tenant, billed, month_name};
use super::random::Random;
use jiff::ToSpan;
use jiff::civil::Date;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Place {
    Bill,
    Config,
    Constant,
    Share,
    Tenant,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Change {
    Oere,
    Krona,
    Ten,
    Digits,
    Sign,
    Point,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Amount(Place, Change),
    Dropped(Place),
    Doubled(Place),
    BillAMonthOff,
    FileNameAMonthOff,
    ConfigAMonthOff,
    BillInOtherSection,
    SectionRenamed,
    RenamedInCalculation,
    RenamedInTenants,
    StartMoved,
    DepartureMoved,
    DaysChanged,
    AdjustmentInCalculation,
    AdjustmentInTenants,
    SupersededRemoved,
    HighestRemoved,
    HighestTruncated,
    DoubledAsNext,
}

/// The groups of checks that look at what was changed: months, and names of calculations.
pub(crate) type Concerns = Vec<String>;

impl Kind {
    pub(crate) fn all() -> Vec<Kind> {
        use Kind::*;
        let changes = [Change::Oere, Change::Krona, Change::Ten, Change::Digits, Change::Sign, Change::Point];
        let amounts = [Place::Bill, Place::Config, Place::Constant, Place::Share];
        let mut all: Vec<Kind> = amounts.iter().flat_map(|p| changes.map(|c| Amount(*p, c))).collect();
        all.extend([Place::Bill, Place::Config, Place::Constant, Place::Share, Place::Tenant].map(Dropped));
        all.extend([Place::Bill, Place::Config, Place::Share, Place::Tenant].map(Doubled));
        all.extend([BillAMonthOff, FileNameAMonthOff, ConfigAMonthOff, BillInOtherSection, SectionRenamed]);
        all.extend([RenamedInCalculation, RenamedInTenants, StartMoved, DepartureMoved, DaysChanged]);
        all.extend([AdjustmentInCalculation, AdjustmentInTenants]);
        all.extend([SupersededRemoved, HighestRemoved, HighestTruncated, DoubledAsNext]);
        all
    }

    /// Whether a value that is loaded becomes another, in a row that stays the row it is: always a revision, once imported.
    pub(crate) fn changes_a_value(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Amount(..) | RenamedInTenants | StartMoved | DepartureMoved | DaysChanged | AdjustmentInCalculation | AdjustmentInTenants
        )
    }

    /// Changes the house. `None` where the picked place cannot bear such a fault.
    pub(crate) fn plant(self, house: &mut House, random: &mut Random) -> Option<Concerns> {
        use Kind::*;
        match self {
            Amount(Place::Bill, change) => {
                let bill = any_bill(house, random);
                bill.amount = change.of(bill.amount, random)?;
                Some(vec![billed(bill.due)])
            }
            Amount(Place::Config, change) => {
                let entry = random.below(house.config.len());
                let entry = &mut house.config[entry];
                entry.value = change.of(entry.value, random)?;
                Some(by_month(entry))
            }
            Amount(Place::Constant, change) => {
                let calculation = any_calculation(house, random);
                let at = random.place(&calculation.constants, |(_, value)| *value != 0)?;
                let (key, value) = &mut calculation.constants[at];
                *value = change.of(*value, random)?;
                Some(if *key == "el" { about(calculation) } else { vec![calculation.name()] })
            }
            Amount(Place::Share, change) => {
                let calculation = any_calculation(house, random);
                let at = random.below(calculation.shares.len());
                calculation.shares[at].1 = change.of(calculation.shares[at].1, random)?;
                Some(vec![calculation.name()])
            }
            // A tenant's only amount is the adjustment, which is a kind of its own.
            Amount(Place::Tenant, _) => None,
            Dropped(place) | Doubled(place) => row(place, self == Dropped(place), house, random),
            BillAMonthOff => {
                let bill = any_bill(house, random);
                let before = billed(bill.due);
                bill.due += random.sign().months();
                Some(vec![before, billed(bill.due)])
            }
            ConfigAMonthOff => {
                let entry = random.below(house.config.len());
                let entry = &mut house.config[entry];
                let before = by_month(entry);
                entry.period += random.sign().months();
                Some([before, by_month(entry)].concat())
            }
            FileNameAMonthOff => {
                let at = random.below(house.calculations.len());
                let before = about(&house.calculations[at]);
                let label = house.calculations[at].label + random.sign().months();
                // Where that month has calculations, the first number that is free.
                let version = highest(house, label) + 1;
                let calculation = &mut house.calculations[at];
                (calculation.label, calculation.version) = (label, version);
                Some([before, about(calculation)].concat())
            }
            BillInOtherSection => {
                let from = random.below(2);
                let at = random.below(house.sections[from].bills.len());
                let bill = house.sections[from].bills.remove(at);
                let month = billed(bill.due);
                let bills = &mut house.sections[1 - from].bills;
                let to = bills.iter().position(|b| b.due < bill.due).unwrap_or(bills.len());
                bills.insert(to, bill);
                Some(vec![month])
            }
            SectionRenamed => {
                let (at, others) = (random.below(2), random.coin());
                let name = if others { house.sections[1 - at].provider.clone() } else { misspelt(&house.sections[at].provider) };
                house.sections[at].provider = name;
                Some(house.sections[at].bills.iter().map(|b| billed(b.due)).collect())
            }
            RenamedInCalculation => {
                let somebody_else = random.coin();
                let names: Vec<String> = house.tenants.iter().map(|t| t.name.clone()).collect();
                let calculation = any_calculation(house, random);
                let at = random.below(calculation.people.len());
                let before = calculation.people[at].name.clone();
                let after = if somebody_else {
                    let other = random.place(&names, |n| calculation.people.iter().all(|p| p.name != *n))?;
                    names[other].clone()
                } else {
                    misspelt(&before)
                };
                calculation.people[at].name.clone_from(&after);
                calculation.shares.iter_mut().filter(|(name, _)| *name == before).for_each(|share| share.0.clone_from(&after));
                Some(vec![calculation.name()])
            }
            RenamedInTenants => tenant(house, random, |t, _| t.name = misspelt(&t.name)),
            StartMoved => tenant(house, random, |t, random| t.start = moved(t.start, random)),
            DepartureMoved => {
                let at = random.place(&house.tenants, |t| t.departure.is_some())?;
                let departure = house.tenants[at].departure?;
                house.tenants[at].departure = Some(moved(departure, random));
                Some(with(house, &house.tenants[at].name))
            }
            AdjustmentInTenants => tenant(house, random, |t, random| t.adjustment = Some(adjusted(t.adjustment, random))),
            DaysChanged => {
                let calculation = any_calculation(house, random);
                let whole = 2 * i64::from(calculation.month.days_in_month());
                let at = random.below(calculation.people.len());
                let days = &mut calculation.people[at].half_days;
                *days = Some(match *days {
                    None => whole - random.between(1, 30),
                    Some(days) => (days + random.sign() * random.between(1, 4)).clamp(1, whole),
                })
                .filter(|after| Some(*after) != *days);
                days.is_some().then(|| vec![calculation.name()])
            }
            AdjustmentInCalculation => {
                let calculation = any_calculation(house, random);
                let at = random.below(calculation.people.len());
                let person = &mut calculation.people[at];
                person.adjustment = Some(adjusted(person.adjustment, random));
                Some(vec![calculation.name()])
            }
            SupersededRemoved => {
                let at = random.place(&house.calculations, |c| !house.is_latest(c))?;
                Some(about(&house.calculations.remove(at)))
            }
            HighestRemoved => {
                let at = random.place(&house.calculations, |c| house.is_latest(c))?;
                let gone = house.calculations.remove(at);
                let next = Calculation { version: gone.version - 1, ..gone.clone() };
                Some([about(&gone), about(&next)].concat())
            }
            HighestTruncated => {
                let at = random.place(&house.calculations, |c| house.is_latest(c))?;
                house.calculations[at].truncated = true;
                Some(about(&house.calculations[at]))
            }
            DoubledAsNext => {
                let at = random.place(&house.calculations, |c| house.is_latest(c))?;
                let next = Calculation { version: house.calculations[at].version + 1, ..house.calculations[at].clone() };
                house.calculations.push(next);
                house.calculations.last().map(about)
            }
        }
    }
}

impl Change {
    fn of(self, amount: Oere, random: &mut Random) -> Option<Oere> {
        match self {
            Change::Oere => Some(amount + random.sign()),
            Change::Krona => Some(amount + random.sign() * 100),
            Change::Ten => Some(amount + random.sign() * 1000),
            Change::Sign => Some(-amount),
            Change::Point => Some(if random.coin() { amount * 10 } else { amount / 10 }),
            Change::Digits => {
                let mut digits: Vec<char> = (amount / 100).to_string().chars().collect();
                let pairs: Vec<(char, char)> = digits.windows(2).map(|w| (w[0], w[1])).collect();
                let at = random.place(&pairs, |(a, b)| a != b)?;
                digits.swap(at, at + 1);
                digits.iter().collect::<String>().parse::<Oere>().ok().map(|kronor| kronor * 100)
            }
        }
    }
}

/// A row left out, or standing there twice.
fn row(place: Place, dropped: bool, house: &mut House, random: &mut Random) -> Option<Concerns> {
    fn change<T: Clone>(rows: &mut Vec<T>, dropped: bool, random: &mut Random) -> T {
        let at = random.below(rows.len());
        if dropped {
            return rows.remove(at);
        }
        rows.insert(at, rows[at].clone());
        rows[at].clone()
    }
    match place {
        Place::Bill => {
            let section = random.below(2);
            Some(vec![billed(change(&mut house.sections[section].bills, dropped, random).due)])
        }
        Place::Config => Some(by_month(&change(&mut house.config, dropped, random))),
        Place::Constant => {
            let calculation = any_calculation(house, random);
            let (key, _) = change(&mut calculation.constants, dropped, random);
            Some(if key == "el" { about(calculation) } else { vec![calculation.name()] })
        }
        Place::Share => {
            let calculation = any_calculation(house, random);
            change(&mut calculation.shares, dropped, random);
            Some(vec![calculation.name()])
        }
        Place::Tenant => {
            let tenant = change(&mut house.tenants, dropped, random);
            Some(with(house, &tenant.name))
        }
    }
}

fn tenant(house: &mut House, random: &mut Random, change: impl Fn(&mut Tenant, &mut Random)) -> Option<Concerns> {
    let at = random.below(house.tenants.len());
    let name = house.tenants[at].name.clone();
    change(&mut house.tenants[at], random);
    Some(with(house, &name))
}

fn any_bill<'h>(house: &'h mut House, random: &mut Random) -> &'h mut Bill {
    let section = random.below(2);
    let at = random.below(house.sections[section].bills.len());
    &mut house.sections[section].bills[at]
}

fn any_calculation<'h>(house: &'h mut House, random: &mut Random) -> &'h mut Calculation {
    let at = random.below(house.calculations.len());
    &mut house.calculations[at]
}

fn highest(house: &House, label: Date) -> usize {
    house.calculations.iter().filter(|c| c.label == label).map(|c| c.version).max().unwrap_or(0)
}

fn about(calculation: &Calculation) -> Concerns {
    vec![calculation.name(), month_name(calculation.label)]
}

/// The month of an `el`; no check by month looks at another key.
fn by_month(entry: &Entry) -> Concerns {
    if entry.key == "el" { vec![month_name(entry.period)] } else { Vec::new() }
}

/// The calculations that name somebody.
fn with(house: &House, name: &str) -> Concerns {
    house.calculations.iter().filter(|c| c.people.iter().any(|p| p.name == name)).map(Calculation::name).collect()
}

fn misspelt(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    letters.pop();
    letters.into_iter().collect()
}

fn moved(day: Date, random: &mut Random) -> Date {
    day + (random.sign() * random.between(1, 45)).days()
}

fn adjusted(before: Option<Oere>, random: &mut Random) -> Oere {
    match before {
        Some(before) if random.coin() => -before,
        Some(before) => before + random.sign() * 10_000,
        None => random.sign() * 30_000,
    }
}
