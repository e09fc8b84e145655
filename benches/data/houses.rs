//! Houses: a rent calculation a month each, as its own file, with the tenants who come and go. Every share proves under the
//! rent formula, rounded half-up.

use crate::{MADE, Plan, Random, id, job, kronor};
use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

/// The month of each house's last calculation.
const LAST: Date = date(2025, 9, 1);

const NAMES: [&str; 24] = [
    "Fredrik", "Rasmus", "Elvira", "Adam", "Astrid", "Malin", "Amanda", "Frans", "Sigrid", "Nils", "Åsa", "Örjan", "Karin", "Olle", "Tove",
    "Hugo", "Maja", "Ebba", "Axel", "Saga", "Lova", "Sixten", "Alva", "Vidar",
];

/// Somebody who has one of a house's rooms.
struct Tenant {
    id: String,
    name: String,
    start: Date,
    departure: Option<Date>,
    /// Kronor, 0 for none.
    adjustment: i64,
}

/// Somebody in a calculation.
struct Roommate<'t> {
    tenant: &'t Tenant,
    days: i64,
    /// Whether the file says how many.
    said: bool,
    /// What is owed, whole kronor.
    share: i64,
}

/// What a month costs, in öre; 0 is not there.
struct Costs {
    kallhyra: i64,
    el: i64,
    bredband: i64,
    invoice: i64,
    water: i64,
    balance: i64,
}

impl Costs {
    fn of(mut random: Random) -> Costs {
        let mut ore = |low, high, step: u64| (random.between(low, high) * step * 100) as i64;
        let (kallhyra, el, bredband, water) = (ore(90, 320, 100), ore(400, 6500, 1), ore(28, 48, 10), ore(30, 45, 10));
        let invoice = if random.one_in(3) { (random.between(700, 2900) * 100) as i64 } else { 0 };
        let balance = if random.one_in(12) { (random.between(0, 900) * 100) as i64 - 45_000 } else { 0 };
        let el = if random.one_in(4) { el + random.between(1, 99) as i64 } else { el };
        Costs { kallhyra, el, bredband, invoice, water, balance }
    }

    /// By the rent formula; sewage and alarm are never stated, and cost 300 and 150 kr.
    fn total(&self) -> i64 {
        let fees = if self.invoice > 0 { self.invoice } else { self.water + 45_000 };
        self.kallhyra + self.el + self.bredband + fees - self.balance
    }
}

/// Writes `houses/`: a folder a house, the tenants, the configuration, the job; `tenants.tsv` and
/// `shares.tsv` beside it, and in `people.tsv` who is meant by a name in a house.
pub(crate) fn make(plan: &Plan) -> io::Result<()> {
    std::fs::create_dir_all(plan.folder.join("houses"))?;
    let mut list = plan.file("houses/tenants.csv")?;
    let mut config = plan.file("houses/rent_config.csv")?;
    let (mut rows_of_people, mut names, mut shares) = (plan.file("tenants.tsv")?, plan.file("people.tsv")?, plan.file("shares.tsv")?);
    let house_column = if plan.plain { "" } else { ",house" };
    writeln!(list, "id,name,email,start_date,departure_date,room_adjustment{house_column}")?;
    writeln!(config, "key,period,value{house_column}")?;
    let mut rows = 0;
    for house in 1..=plan.houses {
        let folder = format!("house_{house:03}");
        std::fs::create_dir_all(plan.folder.join("houses").join(&folder))?;
        let of = if plan.plain { String::new() } else { format!(",{folder}") };
        let of_row = if plan.plain { String::new() } else { format!("\t{folder}") };
        if house == 1 || !plan.plain {
            writeln!(config, "larm,{},150{of}", month(LAST))?;
        }
        let tenants = tenants(plan, house);
        for t in &tenants {
            let Tenant { id, name, start, departure, adjustment } = t;
            let email = format!("{id}@example.org");
            let left = departure.map_or(String::new(), |d| d.to_string());
            let given = if *adjustment == 0 { String::new() } else { adjustment.to_string() };
            writeln!(list, "{id},{name},{email},{start},{left},{given}{of}")?;
            let left = departure.map_or("\\N".to_owned(), |d| format!("{d} 00:00:00"));
            let given = if *adjustment == 0 { "\\N".to_owned() } else { given };
            writeln!(names, "{folder}\t{name}\t{id}")?;
            writeln!(rows_of_people, "{id}\t{name}\t{email}\t{MADE}\t{MADE}\t{given}\t{left}\t{start} 00:00:00{of_row}")?;
        }
        for back in 0..plan.files {
            rows += calculation(plan, house, LAST - (back as i64).months(), &tenants, &mut shares)?;
        }
    }
    write!(plan.file("houses/tieout.toml")?, "{}", houses_job(plan, rows))
}

fn houses_job(plan: &Plan, rows: usize) -> String {
    let source =
        |name: &str, format: &str, files: &str| format!("\n[[source]]\nname = \"{name}\"\nformat = \"{format}\"\nfiles = [\"{files}\"]\n");
    let mut text = job("houses", "migrations".as_ref());
    text += &source("tenants", "csv", "tenants.csv");
    text += &source("rent-config", "csv", "rent_config.csv");
    let history = |name: &str, files: &str| source(name, "rent-history-json", files) + "versions = \"latest\"\nperiod = \"filename\"\n";
    if plan.plain {
        (1..=plan.houses).for_each(|house| text += &history(&format!("house-{house:03}"), &format!("house_{house:03}/*.json")));
    } else {
        text += &history("rent-history", "{house}/*.json");
    }
    text + &format!("\n[[expect]]\ntable = \"RentLedger\"\nrows = {rows}\n")
}

/// Three to six rooms, and whoever has had each of them, one after the other.
fn tenants(plan: &Plan, house: u64) -> Vec<Tenant> {
    let rooms = 3 + house % 4;
    let first = LAST - (plan.files as i64 - 1).months();
    let mut tenants = Vec::new();
    for room in 0..rooms {
        let mut random = plan.random(&[2, house, room]);
        let mut start = first;
        while start.first_of_month() <= LAST {
            let end = start.first_of_month() + (random.between(11, 59) as i64).months();
            // Where seven would be in the calculation, nobody leaves before the month is over.
            let departure = if rooms < 6 && random.one_in(3) { end.with().day(15).build().unwrap_or(end) } else { end.last_of_month() };
            let (number, left) = (tenants.len(), departure.first_of_month() <= LAST);
            let family = if number < NAMES.len() { String::new() } else { format!(" {}", number / NAMES.len() + 1) };
            let unique = if plan.plain { format!(" i hus {house}") } else { String::new() };
            tenants.push(Tenant {
                id: id(&mut random),
                name: format!("{}{family}{unique}", NAMES[number % NAMES.len()]),
                start,
                departure: left.then_some(departure),
                adjustment: if random.one_in(5) { -100 * random.between(1, 15) as i64 } else { 0 },
            });
            start = departure.saturating_add(Span::new().days(1));
        }
    }
    tenants
}

/// Writes a month's file and its clean rows; gives how many.
fn calculation(plan: &Plan, house: u64, first: Date, tenants: &[Tenant], shares: &mut BufWriter<std::fs::File>) -> io::Result<usize> {
    // Without houses there is one configuration for all of them.
    let costs = Costs::of(plan.random(&[3, if plan.plain { 0 } else { house }, month_number(first)]));
    let mut random = plan.random(&[4, house, month_number(first)]);
    let people = roommates(&costs, first, tenants, &mut random);
    let time = format!("{:02}:{:02}:{:02}", random.between(1, 20), random.between(0, 59), random.between(0, 59));
    let day = first.last_of_month();
    let name = format!("house_{house:03}/{:04}_{:02}_v1.json", first.year(), first.month());
    let text = json(&costs, first, &format!("{day}T{time}+00:00"), &people, &mut random);
    std::fs::write(plan.folder.join("houses").join(name), text)?;
    let of_row = if plan.plain { String::new() } else { format!("\thouse_{house:03}") };
    let base = half_up(costs.kallhyra, people.len() as i64);
    for Roommate { tenant, days, said, share } in &people {
        let days = if *said { days.to_string() } else { "\\N".to_owned() };
        let (id, at, period) = (id(&mut random), format!("{day} {time}"), month(first));
        writeln!(
            shares,
            "{id}\t{}\t{first} 00:00:00\t{share}\t{share}\t{at}\t{MADE}\t{days}\t{}\t{}\tRent {period}\t{at}{of_row}",
            tenant.id,
            tenant.adjustment,
            kronor(base)
        )?;
    }
    Ok(people.len())
}

/// Who was there that month, and what each owes.
fn roommates<'t>(costs: &Costs, first: Date, tenants: &'t [Tenant], random: &mut Random) -> Vec<Roommate<'t>> {
    let (last, month_days) = (first.last_of_month(), i64::from(first.days_in_month()));
    let mut people: Vec<Roommate<'t>> = Vec::new();
    for tenant in tenants.iter().filter(|t| t.start <= last && t.departure.is_none_or(|d| d >= first)) {
        let (from, to) = (tenant.start.max(first), tenant.departure.map_or(last, |d| d.min(last)));
        let days = i64::from(to.day() - from.day()) + 1;
        people.push(Roommate { tenant, days, said: days < month_days || random.one_in(6), share: 0 });
    }
    let stayed: i64 = people.iter().map(|p| p.days).sum();
    let adjusted: i64 = people.iter().map(|p| p.tenant.adjustment * 100 * p.days).sum();
    for person in &mut people {
        let equal = person.days * (costs.total() * month_days - adjusted);
        let own = person.tenant.adjustment * 100 * person.days * stayed;
        person.share = half_up(equal + own, 100 * month_days * stayed);
    }
    people
}

fn json(costs: &Costs, first: Date, at: &str, people: &[Roommate<'_>], random: &mut Random) -> String {
    let listed = |part: &dyn Fn(&Roommate<'_>) -> String| {
        people.iter().map(|p| format!("    \"{}\": {}", p.tenant.name, part(p))).collect::<Vec<_>>().join(",\n")
    };
    let mut said = |amount: i64| if random.one_in(10) && amount % 100 == 0 { kronor(amount) + ".0" } else { kronor(amount) };
    let mut text = format!(
        "{{\n  \"metadata\": {{\n    \"calculation_date\": \"{at}\",\n    \"version\": 1,\n    \"ruby_version\": \"3.3.6\"\n  }},\n"
    );
    let _ = write!(text, "  \"constants\": {{\n    \"year\": {},\n    \"month\": {},\n", first.year(), first.month());
    let _ = write!(text, "    \"kallhyra\": {},\n    \"el\": {},\n", said(costs.kallhyra), said(costs.el));
    let invoice = if costs.invoice > 0 { kronor(costs.invoice) } else { "null".to_owned() };
    let _ = write!(text, "    \"bredband\": {},\n    \"drift_rakning\": {invoice},\n", kronor(costs.bredband));
    let _ = write!(text, "    \"saldo_innan\": {},\n    \"extra_in\": 0,\n", kronor(costs.balance));
    let _ = writeln!(text, "    \"vattenavgift\": {}\n  }},", kronor(costs.water));
    let roommate = |p: &Roommate<'_>| {
        let days = p.said.then(|| format!("\"days\": {}", p.days));
        let adjustment = (p.tenant.adjustment != 0).then(|| format!("\"room_adjustment\": {}", p.tenant.adjustment));
        format!("{{{}}}", [days, adjustment].into_iter().flatten().collect::<Vec<_>>().join(", "))
    };
    let _ = writeln!(text, "  \"roommates\": {{\n{}\n  }},", listed(&roommate));
    let _ = writeln!(text, "  \"final_results\": {{\n{}\n  }}\n}}", listed(&|p| p.share.to_string()));
    text
}

/// The nearest whole number to a fraction, a half upwards.
fn half_up(number: i64, by: i64) -> i64 {
    (2 * number + by).div_euclid(2 * by)
}

fn month(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

fn month_number(day: Date) -> u64 {
    day.year() as u64 * 12 + day.month() as u64
}
