//! A house as files, a line for everything that a fault may touch, and as two jobs: one states control totals, one does not.

use super::house::{Calculation, House, Oere, Person, Tenant};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// Texts by path below the archive's root.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) const BILLS: &str = "electricity_bills.txt";
pub(crate) const CONFIG: &str = "rent_config.csv";
pub(crate) const TENANTS: &str = "tenants.csv";

/// `1632`, or `1632.01` where there are öre.
fn number(amount: Oere) -> String {
    let (sign, size) = (if amount < 0 { "-" } else { "" }, amount.abs());
    if size % 100 == 0 { format!("{sign}{}", size / 100) } else { format!("{sign}{}.{:02}", size / 100, size % 100) }
}

pub(crate) fn files(house: &House) -> Files {
    let mut files =
        Files::from([(BILLS.to_owned(), bills(house)), (CONFIG.to_owned(), config(house)), (TENANTS.to_owned(), tenants(house))]);
    for calculation in &house.calculations {
        let mut text = json(calculation);
        if calculation.truncated {
            text.truncate(text.len() / 2);
        }
        let path = format!("rent/{}.json", calculation.name());
        assert!(files.insert(path, text).is_none(), "no fault writes one file over another");
    }
    files
}

fn bills(house: &House) -> String {
    let mut text = "# Electricity, newest first\n".to_owned();
    for section in &house.sections {
        writeln!(text, "\n# {} ({})", section.provider, section.role).unwrap();
        for bill in &section.bills {
            writeln!(text, "{}\t{} kr", bill.due, number(bill.amount).replace('.', ",")).unwrap();
        }
    }
    text
}

fn config(house: &House) -> String {
    let lines = house.config.iter().map(|e| format!("{},{},{}\n", e.key, e.period.strftime("%Y-%m"), number(e.value)));
    "key,period,value\n".to_owned() + &lines.collect::<String>()
}

fn tenants(house: &House) -> String {
    let line = |t: &Tenant| {
        let departure = t.departure.map_or(String::new(), |d| d.to_string());
        let adjustment = t.adjustment.map_or(String::new(), number);
        format!("tenant-{0},{1},{0}@example.org,{2},{departure},{adjustment}\n", t.id, t.name, t.start)
    };
    let header = "id,name,email,start_date,departure_date,room_adjustment\n".to_owned();
    header + &house.tenants.iter().map(line).collect::<String>()
}

fn json(calculation: &Calculation) -> String {
    let person = |p: &Person| {
        let days = p.half_days.map(|d| format!("\"days\": {}{}", d / 2, if d % 2 == 0 { "" } else { ".5" }));
        let adjustment = p.adjustment.map(|a| format!("\"room_adjustment\": {}", number(a)));
        let said: Vec<String> = days.into_iter().chain(adjustment).collect();
        let said = if said.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", said.join(", ")) };
        format!("\"{}\": {said}", p.name)
    };
    let made = calculation.month.last_of_month().tomorrow().unwrap().strftime("%Y-%m").to_string();
    let metadata = [
        format!("\"calculation_date\": \"{made}-{:02}T18:00:00+01:00\"", 4 + calculation.stated_version),
        format!("\"version\": {}", calculation.stated_version),
    ];
    let month = [format!("\"year\": {}", calculation.month.year()), format!("\"month\": {}", calculation.month.month())];
    let constants = calculation.constants.iter().map(|(key, value)| format!("\"{key}\": {}", number(*value)));
    let parts = [
        ("metadata", metadata.to_vec()),
        ("constants", month.into_iter().chain(constants).collect()),
        ("roommates", calculation.people.iter().map(person).collect()),
        ("final_results", calculation.shares.iter().map(|(name, amount)| format!("\"{name}\": {}", number(*amount))).collect()),
    ];
    let parts = parts.map(|(name, members): (&str, Vec<String>)| format!("  \"{name}\": {{\n    {}\n  }}", members.join(",\n    ")));
    format!("{{\n{}\n}}\n", parts.join(",\n"))
}

/// The job: the same sources and the same check as the sample job's, on the same schema.
pub(crate) fn job(totals: Option<&House>) -> String {
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rent/migrations");
    let mut text =
        format!("[job]\nname = \"house\"\ncurrency = \"SEK\"\ntimezone = \"Europe/Stockholm\"\n\n[migrations]\ndir = {steps:?}\n");
    for (name, format, files, more) in [
        ("tenants", "csv", TENANTS, ""),
        ("config", "csv", CONFIG, ""),
        ("bills", "electricity-bills-text", BILLS, ""),
        ("history", "rent-history-json", "rent/*.json", "versions = \"latest\"\nperiod = \"filename\"\n"),
    ] {
        write!(text, "\n[[source]]\nname = \"{name}\"\nformat = \"{format}\"\nfiles = [\"{files}\"]\n{more}").unwrap();
    }
    text += "\n[[check]]\nname = \"electricity-vs-config\"\nkind = \"sum\"\nof = \"ElectricityBill.amount\"\nby = \"billPeriod\"\n\
             equals = \"RentConfig[el]\"\ntolerance = \"1\"\nbecause = \"the bills are whole kronor\"\nseverity = \"error\"\n";
    text + &totals.map_or(String::new(), control_totals)
}

/// What somebody would have noted from the old system: how many there are, and what they come to.
fn control_totals(house: &House) -> String {
    let latest: Vec<&Calculation> = house.calculations.iter().filter(|c| house.is_latest(c)).collect();
    let shares: Vec<Oere> = latest.iter().flat_map(|c| &c.shares).map(|(_, amount)| *amount).collect();
    let days = latest.iter().flat_map(|c| &c.people).filter(|p| p.half_days.is_some()).count();
    let periods: BTreeSet<_> = latest.iter().map(|c| c.label).collect();
    let bills: Vec<Oere> = house.sections.iter().flat_map(|s| &s.bills).map(|b| b.amount).collect();
    format!(
        "\n[[expect]]\ntable = \"Tenant\"\nrows = {}\n\n[[expect]]\ntable = \"RentLedger\"\nrows = {}\nsum = {{ amountDue = \"{}\" }}\n\
         filled = {{ daysStayed = {days} }}\ndistinct = {{ period = {} }}\n\n[[expect]]\ntable = \"ElectricityBill\"\nrows = {}\n\
         sum = {{ amount = \"{}\" }}\n",
        house.tenants.len(),
        shares.len(),
        number(shares.iter().sum()),
        periods.len(),
        bills.len(),
        number(bills.iter().sum()),
    )
}
