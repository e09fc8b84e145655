//! Electricity bills: a section a provider, a thousand bills each, no two on one day.

use crate::{MADE, Plan, id, job, kronor};
use jiff::civil::{Date, date};
use std::io::{self, Write};

/// Bills of a provider.
const SECTION: u64 = 1000;
/// The day that bills from which on are the due month's.
const FROM: i8 = 25;

const NAMES: [&str; 8] = ["Norrkraft", "Ellevio", "Mälarenergi", "Öresundskraft", "Fortum", "Vattenfall", "Bygdens El", "Tibro Energi"];
const ROLES: [&str; 2] = ["elnätsleverantör", "elförbrukning"];

/// Writes `bills/`: the file, the job with its control totals, and `bills.tsv` beside it.
pub(crate) fn make(plan: &Plan) -> io::Result<()> {
    std::fs::create_dir_all(plan.folder.join("bills"))?;
    let mut text = plan.file("bills/electricity_bills_history.txt")?;
    let mut clean = plan.file("bills.tsv")?;
    let mut sum = 0;
    writeln!(text, "# Elfakturor för alla hus, nyast först\n# Förfallodag och belopp")?;
    for section in 0..plan.bills.div_ceil(SECTION) {
        let name = format!("{} {section:05}", NAMES[(section % 8) as usize]);
        writeln!(text, "\n# {name} ({})", ROLES[(section % 2) as usize])?;
        for bill in section * SECTION..plan.bills.min((section + 1) * SECTION) {
            let mut random = plan.random(&[1, bill]);
            let mut ore = 100 * random.between(90, 4999) as i64 + if random.one_in(50) { 50 } else { 0 };
            let spelling = random.between(0, 99);
            let id = id(&mut random);
            // Three or four days apart, give or take two: never twice on a day, and all sections reach equally far back.
            let back = 7 * (bill % SECTION) as i64 / 2 + random.between(0, 2) as i64;
            let due = date(2025, 10, 1).saturating_sub(jiff::Span::new().days(back));
            if plan.corrected && bill % 100 == 37 {
                ore += 100;
            }
            sum += ore;
            writeln!(text, "{due}\t{}", spelled(ore, spelling))?;
            let (name, period) = (name.to_lowercase(), period(due));
            writeln!(clean, "{id}\t{name}\t{due} 00:00:00\t{}\t{period} 00:00:00\t{MADE}\t{MADE}", kronor(ore))?;
        }
    }
    let totals = format!("[[expect]]\ntable = \"ElectricityBill\"\nrows = {}\nsum = {{ amount = \"{}\" }}\n", plan.bills, kronor(sum));
    let source = format!(
        "[[source]]\nname = \"electricity-bills\"\nformat = \"electricity-bills-text\"\nfiles = [\"electricity_bills_history.txt\"]\n\
         options = {{ due_day_from = {FROM} }}\n"
    );
    write!(plan.file("bills/tieout.toml")?, "{}\n{source}\n{totals}", job("bills", "migrations".as_ref()))
}

/// Most as the providers' own exports do, one in fifty as people type.
fn spelled(ore: i64, spelling: u64) -> String {
    let (kr, rest) = (ore / 100, ore % 100);
    match spelling {
        _ if rest > 0 => format!("{kr},{rest:02} kr"),
        0 if kr >= 1000 => format!("{} {:03} kr", kr / 1000, kr % 1000),
        1 => format!("SEK {kr}"),
        _ => format!("{kr} kr"),
    }
}

fn period(due: Date) -> Date {
    let first = due.first_of_month();
    if due.day() >= FROM { first } else { first.saturating_sub(jiff::Span::new().months(1)) }
}
