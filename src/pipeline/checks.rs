//! The declared checks over what the database holds: each table is read once, and its rows are given to every rule that wants
//! them. What the rules say is in `reconcile`.

use crate::assemble::{Calculation, Standing, tables};
use crate::error::Result;
use crate::evidence::{Check, Operand, Severity};
use crate::job::{DeclaredCheck, Job};
use crate::reconcile::{self, Cells, Control, KINDS, Recorded, Rule, World};
use crate::report::Outcome;
use crate::store::Store;
use crate::table::{Kind, Role, Table, of_house, spoken_key};
use std::collections::{BTreeMap, BTreeSet};

/// The rules that a job declares: its checks and its control totals.
pub(super) fn rules(job: &Job) -> Result<Vec<Box<dyn Rule>>> {
    let checks: Vec<DeclaredCheck> = job.checks.iter().cloned().chain(unbidden(job)).collect();
    let declared = reconcile::rules(KINDS, &checks, &tables::housed(job))?.into_iter();
    let expected =
        job.expects.iter().map(|expect| Box::new(Control::new("control-total", Severity::Error, expect.clone())) as Box<dyn Rule>);
    Ok(declared.chain(expected).collect())
}

/// What is asked of the main job's tables, whatever its file declares: months without a bill of each provider, and months with
/// bills that no calculation of the rent has shared.
fn unbidden(job: &Job) -> Vec<DeclaredCheck> {
    let reads = |format: &str| job.sources.iter().any(|s| s.format.name() == format);
    let (bills, months) = (("of", "ElectricityBill.billPeriod"), ("against", "ElectricityBill.billPeriod"));
    let mut checks = Vec::new();
    if reads("electricity-bills-text") {
        checks.push(DeclaredCheck::unbidden("provider-coverage", "coverage", &[bills, ("by", "provider"), months]));
        if reads("rent-history-json") {
            checks.push(DeclaredCheck::unbidden("rent-coverage", "coverage", &[("of", "RentLedger.period"), months]));
        }
    }
    checks
}

/// A rule's wish for the rows of a table.
struct Wish {
    rule: usize,
    need: usize,
    /// Where in the columns that are read each wanted one is.
    at: Vec<usize>,
}

/// What is read of a table, and for whom.
#[derive(Default)]
struct Reading {
    columns: Vec<String>,
    wishes: Vec<Wish>,
}

impl Reading {
    fn place(&mut self, column: &str) -> usize {
        self.columns.iter().position(|c| c == column).unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.columns.len() - 1
        })
    }
}

/// Every declared check over what the database holds now, its operands traced to the files.
pub(super) fn declared(job: &Job, store: &mut Store, calculations: &[Calculation<'_>], run: i64) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    let mut rules: Vec<Option<Box<dyn Rule>>> = rules(job)?.into_iter().map(Some).collect();
    let mut readings: BTreeMap<String, Reading> = BTreeMap::new();
    for (n, slot) in rules.iter_mut().enumerate() {
        let Some(rule) = slot else { continue };
        let needs = rule.needs();
        let missing = needs.iter().find_map(|need| missing(store, &need.table, &need.columns).transpose()).transpose()?;
        if let Some(why) = missing {
            checks.extend(rule.missing(&why));
            *slot = None;
            continue;
        }
        for (need, wanted) in needs.into_iter().enumerate() {
            let reading = readings.entry(wanted.table).or_default();
            let at = wanted.columns.iter().map(|c| reading.place(c)).collect();
            reading.wishes.push(Wish { rule: n, need, at });
        }
    }
    read(job, store, readings, &mut rules)?;
    query(store, &mut rules, &mut checks)?;
    rules.iter_mut().flatten().for_each(|rule| rule.seen());
    let mut world = World { superseded: superseded(calculations), ..World::default() };
    let opened = store.last_balances(&job.name, run)?;
    changes(job, store, &mut rules, opened.0)?;
    world.last = opened.1;
    for (table, keys) in rules.iter().flatten().flat_map(|r| r.asks()) {
        for (key, written) in store.written(&table, &keys)? {
            world.derived.extend(written.derived.map(|from| ((table.clone(), key), from)));
        }
    }
    checks.extend(rules.into_iter().flatten().flat_map(|rule| rule.finish(&world)));
    trace(store, &mut checks)?;
    Ok(checks)
}

/// Applies the waivers, and states what is passed on.
pub(super) fn passed_on(job: &Job, outcome: &mut Outcome) {
    let today = jiff::Timestamp::now().to_zoned(job.timezone.clone()).date();
    outcome.findings.extend(reconcile::waive(&job.waivers, today, &mut outcome.checks));
    let (passed_on, check) = reconcile::passed_on(&outcome.checks, job.materiality);
    outcome.passed_on = passed_on;
    outcome.checks.extend(check);
}

/// The tables that the job writes to.
fn known(job: &Job) -> Vec<Table> {
    let own = [tables::electricity_bill(job), tables::ledger(job), tables::tenant(job), tables::config(job)];
    own.into_iter().chain(job.tables.iter().map(|d| d.table.clone())).collect()
}

fn read(job: &Job, store: &mut Store, readings: BTreeMap<String, Reading>, rules: &mut [Option<Box<dyn Rule>>]) -> Result<()> {
    let known = known(job);
    for (name, mut reading) in readings {
        let wanted = reading.columns.len();
        let keys = known.iter().find(|t| t.name == *name).into_iter().flat_map(|t| t.with(&[Role::Key]));
        let mut key: Vec<(usize, Kind)> = keys.map(|(_, c)| (reading.place(&c.name), c.kind)).collect();
        if missing(store, &name, &reading.columns)?.is_some() {
            // A table of the user's own: its rows have no key that we recorded.
            reading.columns.truncate(wanted);
            key.clear();
        }
        let columns: Vec<&str> = reading.columns.iter().map(String::as_str).collect();
        store.column_texts(&name, &columns, |row| {
            for wish in &reading.wishes {
                if let Some(rule) = &mut rules[wish.rule] {
                    rule.row(wish.need, &Cells { row, at: &wish.at, key: &key });
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The users' own queries.
fn query(store: &mut Store, rules: &mut [Option<Box<dyn Rule>>], checks: &mut Vec<Check>) -> Result<()> {
    let postgres = store.is_postgres();
    for slot in rules {
        let Some(rule) = slot else { continue };
        let Some(sql) = rule.query(postgres).map(str::to_owned) else { continue };
        let failed = if sql.is_empty() {
            Some("it has no query for this database".to_owned())
        } else {
            let asked = store.ask(&sql, |row| {
                rule.row(0, &Cells { row, at: &[], key: &[] });
                Ok(())
            });
            asked.err().map(|stop| stop.message)
        };
        if let Some(why) = failed {
            checks.extend(rule.missing(&why));
            *slot = None;
        }
    }
    Ok(())
}

/// What was written since the last balances were struck.
fn changes(job: &Job, store: &mut Store, rules: &mut [Option<Box<dyn Rule>>], since: i64) -> Result<()> {
    let known = known(job);
    for rule in rules.iter_mut().flatten() {
        let Some(table) = rule.changes_of().map(str::to_owned) else { continue };
        if let Some(table) = known.iter().find(|t| t.name == table) {
            store.settled_since(&job.name, table, since)?.iter().for_each(|(then, met)| rule.settled(then, met));
        }
        store.changes_since(&table, since, |before, after| {
            let read = |text: Option<String>| -> Recorded { text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default() };
            rule.change(&read(before), &read(after));
            Ok(())
        })?;
    }
    Ok(())
}

/// What superseded calculations said of the configuration.
fn superseded(calculations: &[Calculation<'_>]) -> BTreeMap<(String, String), Vec<(tieout_parsers::Decimal, String)>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for calculation in calculations.iter().filter(|c| c.standing == Standing::Superseded) {
        let month = of_house(calculation.house, &calculation.rent.config_period().to_string());
        for constant in &calculation.rent.constants {
            let at = (constant.key.to_string(), month.clone());
            found.entry(at).or_default().push((constant.value, calculation.file_name().to_owned()));
        }
    }
    found
}

/// Puts names and places to operands that are known by their row.
fn trace(store: &mut Store, checks: &mut [Check]) -> Result<()> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (table, key) in checks.iter().flat_map(|c| &c.operands).filter_map(|o| o.row.as_ref()) {
        wanted.entry(table.clone()).or_default().insert(key.clone());
    }
    let mut written = BTreeMap::new();
    for (table, keys) in wanted {
        let found = store.written(&table, &keys)?;
        written.insert(table, found);
    }
    for operand in checks.iter_mut().flat_map(|c| &mut c.operands) {
        let Some((table, key)) = operand.row.take() else { continue };
        if let Some(w) = written.get(&table).and_then(|t| t.get(&key)) {
            let (path, pointer, sha256) = (w.path.clone(), w.pointer.clone(), w.sha256.clone());
            let place = Operand { path, line: w.line, column: w.column, pointer, sha256, ..operand.clone() };
            *operand = place;
        }
        operand.label = if key.is_empty() { format!("a row of {table}") } else { spoken_key(&key) };
    }
    Ok(())
}

/// What a check would need of a table and is not there.
fn missing(store: &mut Store, table: &str, columns: &[String]) -> Result<Option<String>> {
    let Some(shape) = store.table_shape(table)? else {
        return Ok(Some(format!("the database has no table {table}")));
    };
    let absent = columns.iter().find(|c| shape.column(c).is_none());
    Ok(absent.map(|c| format!("the table {table} has no column {c}")))
}
