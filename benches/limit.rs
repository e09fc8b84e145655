//! What nothing can be much faster than in SQLite: rows straight into a prepared statement, in one transaction. No hash, no
//! provenance, no check. `limit bills FOLDER DATABASE` reads clean text, `limit shares FOLDER DATABASE` the JSON files, on all
//! cores. Run again, it loads what has changed. Not part of the published program; see benches/run.py.

use rayon::prelude::*;
use rusqlite::{Connection, params_from_iter};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};

const MADE: &str = "2025-10-04 12:00:00";

const BILLS: &str = r#"INSERT INTO "ElectricityBill" AS t ("id", "provider", "billDate", "amount", "billPeriod", "createdAt", "updatedAt")
  VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT ("provider", "billDate") DO UPDATE SET "amount" = excluded."amount",
  "billPeriod" = excluded."billPeriod", "updatedAt" = excluded."updatedAt"
  WHERE t."amount" IS NOT excluded."amount" OR t."billPeriod" IS NOT excluded."billPeriod""#;

const SHARES: &str = r#"INSERT INTO "RentLedger" AS t ("id", "tenantId", "period", "amountDue", "amountPaid", "paymentDate",
  "createdAt", "daysStayed", "roomAdjustment", "baseMonthlyRent", "calculationTitle", "calculationDate"{house})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?{mark}) ON CONFLICT ("tenantId", "period") DO UPDATE SET "amountDue" = excluded."amountDue",
  "daysStayed" = excluded."daysStayed", "roomAdjustment" = excluded."roomAdjustment", "baseMonthlyRent" = excluded."baseMonthlyRent",
  "calculationTitle" = excluded."calculationTitle", "calculationDate" = excluded."calculationDate"
  WHERE t."amountDue" IS NOT excluded."amountDue" OR t."daysStayed" IS NOT excluded."daysStayed"
  OR t."roomAdjustment" IS NOT excluded."roomAdjustment" OR t."baseMonthlyRent" IS NOT excluded."baseMonthlyRent"
  OR t."calculationTitle" IS NOT excluded."calculationTitle" OR t."calculationDate" IS NOT excluded."calculationDate""#;

/// A calculation, as far as its shares need it.
#[derive(Deserialize)]
struct File<'f> {
    #[serde(borrow)]
    metadata: Metadata<'f>,
    #[serde(borrow)]
    constants: HashMap<&'f str, &'f RawValue>,
    #[serde(borrow)]
    roommates: HashMap<Cow<'f, str>, HashMap<&'f str, &'f RawValue>>,
    #[serde(borrow)]
    final_results: HashMap<Cow<'f, str>, &'f RawValue>,
}

#[derive(Deserialize)]
struct Metadata<'f> {
    calculation_date: jiff::Timestamp,
    title: Option<Cow<'f, str>>,
}

type Fault = Box<dyn Error + Send + Sync>;
type Share = [Option<String>; 13];

fn bills(folder: &Path, database: &mut Connection) -> Result<(), Fault> {
    let text = std::fs::read_to_string(folder.join("bills.tsv"))?;
    let transaction = database.transaction()?;
    let mut insert = transaction.prepare(BILLS)?;
    for line in text.lines() {
        insert.execute(params_from_iter(line.split('\t')))?;
    }
    drop(insert);
    Ok(transaction.commit()?)
}

fn shares(folder: &Path, database: &mut Connection) -> Result<(), Fault> {
    // Whether the job has houses, and its ledger a column for them.
    let houses = std::fs::read_to_string(folder.join("houses/tieout.toml"))?.contains("{house}");
    let list = std::fs::read_to_string(folder.join("people.tsv"))?;
    let fields = |line: &'static str| line.split('\t').collect::<Vec<_>>();
    let people: HashMap<(&str, &str), &str> = Box::leak(list.into_boxed_str()).lines().map(fields).map(|f| ((f[0], f[1]), f[2])).collect();
    let inside = |folder: PathBuf| std::fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
    let mut files: Vec<PathBuf> = Vec::new();
    for house in inside(folder.join("houses"))?.into_iter().filter(|path| path.is_dir()) {
        files.extend(inside(house)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json")));
    }
    files.par_sort_unstable();
    let read: Vec<Vec<Share>> = files.par_iter().map(|file| shares_of(file, &people)).collect::<Result<_, _>>()?;
    let transaction = database.transaction()?;
    let (house, mark) = if houses { (", \"house\"", ", ?") } else { ("", "") };
    let mut insert = transaction.prepare(&SHARES.replace("{house}", house).replace("{mark}", mark))?;
    for share in read.iter().flatten() {
        insert.execute(params_from_iter(&share[..if houses { 13 } else { 12 }]))?;
    }
    drop(insert);
    Ok(transaction.commit()?)
}

fn shares_of(path: &Path, people: &HashMap<(&str, &str), &str>) -> Result<Vec<Share>, Fault> {
    let name = |path: &Path| path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    let (file, house) = (name(path), path.parent().map(name).unwrap_or_default());
    let text = std::fs::read_to_string(path)?;
    let read: File<'_> = serde_json::from_str(&text)?;
    let month = file[..7].replace('_', "-");
    let at = read.metadata.calculation_date.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let rent: rust_decimal::Decimal = read.constants["kallhyra"].get().parse()?;
    let half_up = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    let base = (rent / rust_decimal::Decimal::from(read.roommates.len())).round_dp_with_strategy(2, half_up).to_string();
    let title = read.metadata.title.map_or_else(|| format!("Rent {month}"), Cow::into_owned);
    let share = |(who, due): (&Cow<'_, str>, &&RawValue)| {
        let tenant = *people.get(&(house.as_str(), who.as_ref())).ok_or_else(|| format!("{who} is nobody"))?;
        let said = |key: &str| read.roommates.get(who).and_then(|r| r.get(key)).map(|v| v.get().to_owned());
        let (due, adjustment) = (due.get().to_owned(), said("room_adjustment").unwrap_or_else(|| "0".to_owned()));
        let period = format!("{month}-01 00:00:00");
        let texts = [format!("{month}{tenant}"), tenant.to_owned(), period, due.clone(), due, at.clone(), MADE.to_owned()];
        let [a, b, c, d, e, f, g] = texts.map(Some);
        Ok([
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            said("days"),
            Some(adjustment),
            Some(base.clone()),
            Some(title.clone()),
            Some(at.clone()),
            Some(house.clone()),
        ])
    };
    read.final_results.iter().map(share).collect()
}

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [work, folder, database] = words.as_slice() else { return Err("limit bills|shares FOLDER DATABASE".into()) };
    let mut database = Connection::open(database)?;
    match work.as_str() {
        "bills" => bills(Path::new(folder), &mut database),
        "shares" => shares(Path::new(folder), &mut database),
        _ => Err(format!("`{work}` is not known").into()),
    }
}
