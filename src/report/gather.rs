//! Fills the account of a run: from the job, the files and, within the transaction, the database. Nothing is decided here; a
//! control total that does not foot is a finding.

use super::account::{Account, Change, Changes, Mapping, Monthly, RejectedRecord, Rejects, Superseded};
use super::controls::control_totals;
use super::sample::{Sampled, sampled};
use super::{Outcome, formulas};
use crate::assemble::{Archive, Calculation, Standing, period_rule, tables};
use crate::error::Result;
use crate::evidence::{Finding, Severity, without_figures};
use crate::job::{Job, Source, Versions};
use crate::load::Stages;
use crate::parse;
use crate::store::{Logged, Store};
use crate::table::{Canonical, Kind, of_house, spoken_key};
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Decimal, exact_decimal};

/// How many changes and rejects the JSON lists.
const LISTED: usize = 1000;
/// How many sums by month are kept.
const CELLS: usize = 5000;
/// How many rows of each table have the lines quoted that they come from.
const QUOTED_ROWS: usize = 1000;
/// How many characters of a refused record are shown.
const SHOWN: usize = 500;

/// Everything that can be told of a run; of the database too, when the run got as far as that. `stages` are the totals of the
/// tables that were loaded.
pub fn gather(
    archive: Archive<'_>,
    store: Option<&mut Store>,
    outcome: &mut Outcome,
    calculations: &[Calculation<'_>],
    stages: Vec<Stages>,
) -> Result<()> {
    let job = archive.job;
    outcome.account.mapping = job.sources.iter().map(|s| mapping(job, s)).collect();
    outcome.account.formulas = formulas::all(job, &outcome.checks);
    outcome.account.superseded = superseded(calculations);
    outcome.account.rejects = rejects(archive, &outcome.findings);
    let mut places = Places { of: outcome.sources.iter().map(|s| (s.path.clone(), s.sha256.clone())).collect(), wanted: BTreeMap::new() };
    for operand in outcome.checks.iter().flat_map(|c| &c.operands) {
        places.add(operand.path.as_deref(), operand.sha256.as_deref(), operand.line, operand.column);
    }
    if let Some(store) = store {
        let run = outcome.run.id.unwrap_or_default();
        let account = &mut outcome.account;
        account.changes = changes(store, run)?;
        account.sample = sampled(store, run)?;
        for row in &account.sample.rows {
            places.add(row.path.as_deref(), None, row.line, row.column);
        }
        for stages in stages {
            let (figures, found) = control_totals(store, run, stages)?;
            account.controls.extend(figures);
            outcome.findings.extend(found);
        }
        months(job, store, account, &outcome.tables.keys().map(String::as_str).collect())?;
        for table in outcome.tables.keys() {
            store.imported(&job.name, run, table, QUOTED_ROWS, |row| {
                if let Some(last) = row.changes.last() {
                    places.add(last.path.as_deref(), last.sha256.as_deref(), last.line, last.column);
                }
                Ok(())
            })?;
        }
    }
    outcome.account.quotes = parse::lines(job, archive.files, archive.read, &places.wanted);
    outcome.account.limitations = limitations(outcome);
    Ok(())
}

/// Nothing was written: what the account says of the database did not come to stand.
pub fn rolled_back(account: &mut Account) {
    for total in &mut account.controls {
        (total.closing, total.foots) = (total.opening.clone(), None);
        (total.added, total.corrected, total.removed, total.read_back) = (None, None, None, None);
    }
    account.changes = Changes::default();
    account.sample = Sampled::default();
}

/// Places whose lines are wanted, of files as they are now: path, then line, then column.
struct Places {
    of: BTreeMap<String, String>,
    wanted: BTreeMap<String, BTreeMap<usize, usize>>,
}

impl Places {
    fn add(&mut self, path: Option<&str>, sha256: Option<&str>, line: Option<usize>, column: Option<usize>) {
        let (Some(path), Some(line)) = (path, line) else { return };
        // Another state of the file has other things on that line.
        if self.of.get(path).is_some_and(|now| sha256.is_none_or(|sha256| sha256 == now)) {
            self.wanted.entry(path.to_owned()).or_default().entry(line).or_insert(column.unwrap_or(1));
        }
    }
}

fn mapping(job: &Job, source: &Source) -> Mapping {
    let mut rules = Vec::new();
    let declared = source.table.and_then(|at| job.tables.get(at));
    let tables = match (declared, source.format.name()) {
        (Some(declared), _) => vec![declared.table.name.to_string()],
        (None, "rent-history-json") => {
            let versions = match source.versions {
                Versions::Latest => "the highest version of a month counts",
                Versions::All => "every version is kept",
            };
            rules.extend([versions.to_owned(), format!("the ledger month is {}", period_rule(source.period))]);
            vec!["RentLedger".to_owned(), "RentConfig".to_owned()]
        }
        (None, "electricity-bills-text") => vec!["ElectricityBill".to_owned(), "RentConfig".to_owned()],
        _ => Vec::new(),
    };
    if let Some(declared) = declared {
        rules.extend(source.fields.iter().map(|f| format!("{}.{} is {}", declared.table.name, f.name, f.from)));
        let house = source.house_column.and_then(|at| declared.columns.get(at));
        let from = source.house.as_deref().unwrap_or("the folder of the house");
        rules.extend(house.map(|column| format!("{}.{} is {from}", declared.table.name, column.name)));
        rules.push(format!(
            "the key is {}",
            declared.table.with(&[crate::table::Role::Key]).map(|(_, c)| &*c.name).collect::<Vec<_>>().join(", ")
        ));
    }
    for exclude in &source.exclude {
        rules.push(format!("{} is left out: {}", exclude.file, exclude.reason));
    }
    if let Some(budget) = &source.budget {
        rules.push(format!("up to {} refused records may be set aside: {}", budget.rows, budget.because));
    }
    Mapping { source: source.name.clone(), format: source.format.name().to_owned(), files: source.files.clone(), tables, rules }
}

/// What each superseded version came to, against what counts.
fn superseded(calculations: &[Calculation<'_>]) -> Vec<Superseded> {
    let sum = |c: &Calculation<'_>| c.rent.shares.iter().fold(Decimal::ZERO, |sum, share| sum.saturating_add(share.amount.0));
    let mut found = Vec::new();
    let mut families: BTreeMap<usize, Vec<&Calculation<'_>>> = BTreeMap::new();
    for calculation in calculations.iter().filter(|c| c.standing != Standing::Duplicate) {
        families.entry(calculation.family).or_default().push(calculation);
    }
    for mut versions in families.into_values() {
        versions.sort_by_key(|c| std::cmp::Reverse(c.rent.version));
        let Some(counts) = versions.first().copied().filter(|c| c.standing == Standing::Current) else { continue };
        for pair in versions.windows(2).filter(|pair| pair[1].standing == Standing::Superseded) {
            let (after, before) = (sum(counts), sum(pair[1]));
            found.push(Superseded {
                path: pair[1].path.to_owned(),
                by: counts.path.to_owned(),
                month: counts.rent.label.to_string(),
                before: before.canonical(),
                after: after.canonical(),
                effect: after.saturating_sub(before).canonical(),
                step: sum(pair[0]).saturating_sub(before).canonical(),
            });
        }
    }
    found.sort_by(|a, b| (&a.month, &a.path).cmp(&(&b.month, &b.path)));
    found
}

fn rejects(archive: Archive<'_>, findings: &[Finding]) -> Rejects {
    let all = || archive.read.iter().flatten().map(|read| &read.parsed);
    let each = || all().flat_map(|p| &p.rejects);
    let worth = each().filter_map(|r| r.worth).fold(Decimal::ZERO, |sum, worth| sum.saturating_add(worth.abs()));
    let listed = findings.iter().filter_map(|finding| {
        let reject = finding.reject.as_ref()?;
        let raw = String::from_utf8_lossy(&reject.raw);
        let cut = raw.chars().count() > SHOWN;
        Some(RejectedRecord {
            path: finding.path.clone().unwrap_or_default(),
            line: reject.span.line,
            lines: reject.lines,
            code: finding.code.clone(),
            message: finding.message.clone(),
            worth: reject.worth.map(|w| w.canonical()),
            raw: raw.chars().take(SHOWN).chain(cut.then_some('…')).collect(),
            quarantined: finding.severity != Severity::Error,
        })
    });
    Rejects {
        count: all().map(|p| p.refused).sum(),
        worth: worth.canonical(),
        unvalued: each().filter(|r| r.worth.is_none()).count(),
        listed: listed.take(LISTED).collect(),
    }
}

fn changes(store: &mut Store, run: i64) -> Result<Changes> {
    let counts = store.logged_counts(run)?;
    let mut listed = Vec::new();
    store.logged(run, false, Some(LISTED), |table, key, logged| {
        listed.push(change(table, &key, logged));
        Ok(())
    })?;
    Ok(Changes { counts, listed })
}

/// A recorded change, as it is shown.
pub(super) fn change(table: String, key: &str, logged: Logged) -> Change {
    let read = |text: Option<String>| text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
    let position = logged.line.zip(logged.column);
    let place = logged.path.map(|path| crate::evidence::place(&path, position, logged.pointer.as_deref()));
    let (run, operation, key) = (logged.run, logged.operation, spoken_key(key));
    Change { run, table, key, operation, before: read(logged.before), after: read(logged.after), place }
}

/// A table, a month, and of what.
type Cell<'t> = (&'t str, String, String);

/// The sums by month of the tables of the main job.
fn months(job: &Job, store: &mut Store, account: &mut Account, loaded: &BTreeSet<&str>) -> Result<()> {
    let mut cells: BTreeMap<Cell, (usize, Option<Decimal>)> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    if loaded.contains("RentLedger") && store.has_table("Tenant")? {
        store.column_texts("Tenant", &["id", "name"], |row| {
            names.insert(row.get(0).unwrap_or_default().to_owned(), row.get(1).unwrap_or_default().to_owned());
            Ok(())
        })?;
    }
    let (ledger, bills, config) = (tables::ledger(job).name, tables::electricity_bill(job).name, tables::config(job).name);
    let wanted = [
        (&ledger, ["period", "tenantId", "amountDue"]),
        (&bills, ["billPeriod", "provider", "amount"]),
        (&config, ["period", "key", "value"]),
    ];
    let mut left_out = false;
    for (table, columns) in wanted.into_iter().filter(|(table, _)| loaded.contains(&***table)) {
        if store.table_shape(table)?.is_none_or(|shape| columns.iter().any(|c| shape.column(c).is_none())) {
            continue;
        }
        let house = (job.houses && store.table_shape(table)?.is_some_and(|shape| shape.column("house").is_some())).then_some("house");
        let columns: Vec<&str> = columns.into_iter().chain(house).collect();
        // Rows that follow one another are often of one cell.
        let (mut last, mut of): (Option<Cell>, [String; 3]) = (None, Default::default());
        store.column_texts(table, &columns, |row| {
            let Some(amount) = row.get(2).and_then(exact_decimal) else { return Ok(()) };
            let texts = [row.get(0), row.get(1), row.get(3)].map(Option::unwrap_or_default);
            if of != texts || last.is_none() {
                of = texts.map(str::to_owned);
                let month = Kind::Date.canonical(texts[0]).get(..7).map(str::to_owned);
                let name = names.get(texts[1]).filter(|_| **table == *ledger).map_or(texts[1], String::as_str);
                last = month.map(|month| (&**table, month, of_house(row.get(3), name)));
            }
            let Some(at) = &last else { return Ok(()) };
            let full = cells.len() >= CELLS;
            match cells.get_mut(at) {
                Some(cell) => *cell = (cell.0 + 1, cell.1.and_then(|s| s.checked_add(amount))),
                None if full => left_out = true,
                None => drop(cells.insert(at.clone(), (1, Some(amount)))),
            }
            Ok(())
        })?;
    }
    account.monthly = cells
        .into_iter()
        .map(|((table, month, of), (rows, sum))| Monthly { table: table.to_owned(), month, of, rows, sum: sum.map(|s| s.canonical()) })
        .collect();
    let months: BTreeSet<&String> = account.monthly.iter().map(|m| &m.month).collect();
    (account.from, account.to) = (months.first().map(|m| (*m).clone()), months.last().map(|m| (*m).clone()));
    if left_out {
        account.limitations.push(format!("the pictures show the first {CELLS} sums by month; the checks are over all of them"));
    }
    Ok(())
}

/// What was not tested.
fn limitations(outcome: &Outcome) -> Vec<String> {
    use crate::evidence::Status;
    let mut said = outcome.account.limitations.clone();
    let count = |status: Status| outcome.checks.iter().filter(|c| c.status == status).count();
    for (n, words) in [
        (count(Status::Derived), "comparisons prove nothing: the value compared with was derived from the same rows"),
        (count(Status::NotRun), "checks were not run"),
        (count(Status::MissingExpected), "figures have nothing to be compared with"),
    ] {
        if n > 0 {
            said.push(format!("{n} {words}"));
        }
    }
    let forgotten = without_figures(&outcome.checks);
    if forgotten > 0 {
        said.push(format!("of {forgotten} comparisons, all like a thousand others that are shown, the figures that they were computed from are not kept here: they stand in the files"));
    }
    let recorded = "are counted here and recorded in tieout_alike, which the tables of `tieout report --format csv,xlsx` are written from";
    if !outcome.alike.is_empty() {
        said.push(format!("{} comparisons that match, each like a thousand others that are listed, {recorded}", outcome.alike.count()));
    }
    if !outcome.tolerated.is_empty() {
        let (count, words) = (
            outcome.tolerated.values().sum::<usize>(),
            "comparisons within their tolerance, each like a thousand others that are listed and with figures that another check proves,",
        );
        said.push(format!("{count} {words} {recorded}"));
    }
    let left_out = outcome.sources.iter().filter(|s| s.status == "excluded").count();
    if left_out > 0 {
        said.push(format!("{left_out} files were left out on purpose, each with a reason, and their contents were not tested"));
    }
    said.push(
        "that the files say what happened was not tested: they are taken as they are, and their hashes say which ones they were".to_owned(),
    );
    said
}
