//! What happens within the transaction: schema, rows, and every check over what the database then holds.

use super::{Command, Request, record_files, sources};
use crate::assemble::{
    self, Archive, Calculation, Existing, People, Person, bill_rows, calculations, config_rows, ledger_rows, ledger_table, tables,
    tenant_rows,
};
use crate::error::{Result, Stop};
use crate::evidence::{Check, Operand, Severity, Side};
use crate::job::{Expect, Job, SumCheck};
use crate::load::load;
use crate::migrate::{Step, bring_up};
use crate::reconcile::{Item, Target, Totals, control_totals, rent, sum_by_month};
use crate::report::Outcome;
use crate::store::{Run, Store};
use crate::table::{Canonical, Kind, Role, Row, Table, spoken_key};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tieout_parsers::{Decimal, Month, Record, Tenant, exact_decimal};

/// Schema, data and checks, in the caller's transaction.
pub(super) fn load_and_check(
    request: &Request<'_>,
    archive: Archive<'_>,
    store: &mut Store,
    outcome: &mut Outcome,
    steps: &[Step],
) -> Result<()> {
    let job = request.job;
    let id = outcome.run.id.unwrap_or_default();
    store.ensure_own_tables()?;
    if !steps.is_empty() {
        request.progress.phase("schema", 0);
        outcome.migrations = bring_up(store, &job.name, steps, id)?;
    }
    let people = existing_people(store)?;
    let (tenants, people, found) = tenant_rows(archive, people);
    outcome.findings.extend(found);
    let calculations = pure_checks(archive, &people, outcome);
    let (ledger, found) = ledger_rows(archive, &calculations, &people);
    outcome.findings.extend(found);
    sources::mark(outcome, &calculations);
    let assumed = ledger.len();

    let files = record_files(outcome, store)?;
    let at = Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().canonical();
    let run = Run { id, job: &job.name, at: &at, files: &files };
    let mut loader = Loader { request, archive, run, outcome };
    if archive.has(|r| matches!(r, Record::Tenant(_))) {
        loader.load(store, &tables::tenant(), tenants.into_iter().map(Ok))?;
    }
    if archive.has(|r| matches!(r, Record::Bill(_))) {
        std::thread::scope(|scope| loader.load(store, &tables::electricity_bill(), bill_rows(archive, scope)))?;
    }
    if !calculations.is_empty() {
        loader.load(store, &ledger_table(job), ledger.into_iter().map(Ok))?;
        loader.outcome.assumptions.push(format!("amountPaid of each of the {assumed} ledger rows is assumed to equal amountDue when the row is first written; no file states what was paid"));
    }
    if !calculations.is_empty() || archive.has(|r| matches!(r, Record::Config(_))) {
        let (rows, found) = config_rows(archive, &calculations, &existing_config(store)?, &bill_sums(store)?);
        loader.outcome.findings.extend(found);
        loader.load(store, &tables::config(), rows.into_iter().map(Ok))?;
    }
    for (at, declared) in job.tables.iter().enumerate() {
        store.ensure_table(declared)?;
        std::thread::scope(|scope| loader.load(store, &declared.table, assemble::declared_rows(archive, scope, at)))?;
    }
    sources::mark_duplicates(outcome);
    request.progress.phase("checks", 0);
    if crate::parse::blocked(&outcome.findings) {
        declared_checks_not_run(job, outcome);
        return Ok(());
    }
    for check in &job.checks {
        outcome.checks.extend(sum_check(job, store, check)?);
    }
    for expect in &job.expects {
        outcome.checks.extend(control(store, expect)?);
    }
    Ok(())
}

/// What can be checked when the files must not be loaded; the rest is said not to have run.
pub(super) fn without_database(archive: Archive<'_>, store: &mut Store, outcome: &mut Outcome) -> Result<()> {
    let (_, people, found) = tenant_rows(archive, existing_people(store)?);
    outcome.findings.extend(found);
    let calculations = pure_checks(archive, &people, outcome);
    if archive.knows_everybody() {
        outcome.findings.extend(ledger_rows(archive, &calculations, &people).1);
    }
    sources::mark(outcome, &calculations);
    declared_checks_not_run(archive.job, outcome);
    Ok(())
}

const MEND_FIRST: &str = "not run: the files must be mended first";

/// The checks over what the database would hold, when nothing could be written to it.
fn declared_checks_not_run(job: &Job, outcome: &mut Outcome) {
    outcome.checks.extend(job.checks.iter().map(|c| not_run(&c.name, "every month", c.severity)));
    for expect in &job.expects {
        outcome.checks.extend(control_totals(expect, Err(MEND_FIRST)));
    }
}

fn not_run(name: &str, group: &str, severity: Severity) -> Check {
    Check { explanation: Some(MEND_FIRST.to_owned()), ..Check::new(name, group, severity) }
}

/// The checks over the files alone.
fn pure_checks<'a>(archive: Archive<'a>, people: &People, outcome: &mut Outcome) -> Vec<Calculation<'a>> {
    let (calculations, found) = calculations(archive);
    outcome.findings.extend(found);
    if archive.knows_everybody() {
        add(rent::of_people(&calculations, people), outcome);
    } else {
        outcome.checks.push(not_run("residency", "every calculation", Severity::Error));
    }
    let paths: Vec<&str> = archive.files.iter().map(|f| f.path.as_str()).collect();
    let unread = archive.files.iter().zip(archive.read).filter(|(_, read)| read.as_ref().is_some_and(|r| r.parsed.is_rejected()));
    let refused: Vec<&str> = unread.map(|(file, _)| file.path.as_str()).collect();
    add(rent::of_files(&calculations, &paths, &refused), outcome);
    for source in archive.job.sources.iter().filter(|s| s.format.name() == "rent-history-json") {
        outcome.assumptions.push(format!("source {}: the ledger month is {}", source.name, assemble::period_rule(source.period)));
    }
    calculations
}

fn add((checks, findings): rent::Said, outcome: &mut Outcome) {
    outcome.checks.extend(checks);
    outcome.findings.extend(findings);
}

struct Loader<'a> {
    request: &'a Request<'a>,
    archive: Archive<'a>,
    run: Run<'a>,
    outcome: &'a mut Outcome,
}

impl Loader<'_> {
    fn load(&mut self, store: &mut Store, table: &Table, rows: impl Iterator<Item = Result<Row>>) -> Result<()> {
        self.request.check_interrupt()?;
        self.request.progress.phase(&format!("loading {}", table.name), 0);
        let paths: Vec<&str> = self.archive.files.iter().map(|f| f.path.as_str()).collect();
        let how = match self.request.command {
            Command::Import | Command::Replay(_) => "`tieout run JOB` applies the job's migrations first, which create it",
            Command::Run => "the job's migrations must create it: see [migrations] in the job file",
        };
        let sound = !crate::parse::blocked(&self.outcome.findings) && self.outcome.findings.iter().all(|f| f.code != "ambiguous-row");
        let (counts, check, found) = load(store, table, rows, &self.run, &paths, how, sound)?;
        self.outcome.tables.insert(table.name.to_string(), counts);
        self.outcome.checks.push(check);
        self.outcome.findings.extend(found);
        Ok(())
    }
}

/// The tenants that the database has.
fn existing_people(store: &mut Store) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    if !store.has_table("Tenant")? {
        return Ok(people);
    }
    store.column_texts("Tenant", &["id", "name", "startDate", "departureDate"], |mut row| {
        let mut take = |i: usize| row[i].take();
        let date = |text: Option<String>| text.and_then(|t| Kind::Date.canonical(&t).parse().ok());
        let (id, name, start, departure) = (take(0).unwrap_or_default(), take(1).unwrap_or_default(), date(take(2)), date(take(3)));
        let tenant = Tenant { id: Some(id.clone()), name, email: None, start, departure, room_adjustment: None };
        people.push(Person { id, tenant });
        Ok(())
    })?;
    Ok(people)
}

fn month_of(text: Option<&str>) -> Option<Month> {
    Kind::Date.canonical(text?).get(..7).and_then(Month::parse)
}

/// The configuration that the table holds, by key and month.
fn existing_config(store: &mut Store) -> Result<BTreeMap<(String, Month), Existing>> {
    let table = tables::config();
    let mut found = BTreeMap::new();
    if !store.has_table(&table.name)? {
        return Ok(found);
    }
    let ours = store.inserted_keys(&table.name)?;
    store.column_texts(&table.name, &["key", "period", "value"], |row| {
        if let [Some(key), period, Some(value)] = row.as_slice()
            && let Some(month) = month_of(period.as_deref())
        {
            let recorded = serde_json::to_string(&[key.clone(), month.canonical()]).unwrap_or_default();
            found.insert((key.clone(), month), Existing { value: value.clone(), ours: ours.contains(&recorded) });
        }
        Ok(())
    })?;
    Ok(found)
}

/// The bills' sum of each month, over everything the table holds.
fn bill_sums(store: &mut Store) -> Result<BTreeMap<Month, Decimal>> {
    let mut sums: BTreeMap<Month, Decimal> = BTreeMap::new();
    if store.has_table("ElectricityBill")? {
        store.column_texts("ElectricityBill", &["billPeriod", "amount"], |row| {
            if let (Some(month), Some(amount)) = (month_of(row[0].as_deref()), row[1].as_deref().and_then(exact_decimal)) {
                let sum = sums.entry(month).or_default();
                *sum = sum.checked_add(amount).ok_or_else(|| {
                    Stop::database(format!("the bills of {month} have a sum with more digits than can be kept"), "look at their amounts")
                })?;
            }
            Ok(())
        })?;
    }
    Ok(sums)
}

/// A declared sum check over what the database holds now, with its operands traced to the files.
fn sum_check(job: &Job, store: &mut Store, check: &SumCheck) -> Result<Vec<Check>> {
    let domain = [tables::electricity_bill(), ledger_table(job), tables::tenant(), tables::config()];
    let known: Vec<&Table> = domain.iter().chain(job.tables.iter().map(|d| &d.table)).collect();
    let (rows, config) = (&check.of.0, &check.equals.0);
    let table = known.iter().find(|t| t.name == *rows);
    let keys: Vec<&str> = table.map(|t| t.with(&[Role::Key]).map(|(_, c)| &*c.name).collect()).unwrap_or_default();
    let kinds: Vec<Kind> = table.map(|t| t.with(&[Role::Key]).map(|(_, c)| c.kind).collect()).unwrap_or_default();
    let columns: Vec<&str> = keys.iter().copied().chain([check.by.as_str(), check.of.1.as_str()]).collect();
    for (table, columns) in [(rows, columns.clone()), (config, vec!["key", "period", "value"])] {
        if let Some(missing) = missing(store, table, &columns)? {
            return Ok(vec![Check { explanation: Some(missing), ..Check::new(&check.name, "every month", check.severity) }]);
        }
    }
    let (mut items, mut unreadable) = (Vec::new(), None);
    store.column_texts(rows, &columns, |row| {
        let key: Vec<Option<String>> = row.iter().zip(&kinds).map(|(t, k)| t.as_deref().map(|t| k.canonical(t))).collect();
        let (month, amount) = (month_of(row[keys.len()].as_deref()), row[keys.len() + 1].as_deref());
        match month.zip(amount.and_then(exact_decimal)) {
            Some((month, amount)) => {
                let operand = Operand::new(Side::Actual, serde_json::to_string(&key).unwrap_or_default(), amount.normalize().to_string());
                items.push(Item { month, amount, operand });
            }
            None => unreadable = Some(format!("a row of {rows} has no month or no number: {}", amount.unwrap_or("empty"))),
        }
        Ok(())
    })?;
    let mut targets = BTreeMap::new();
    store.column_texts(config, &["key", "period", "value"], |row| {
        if row[0].as_deref() != Some(&check.equals.1) {
            return Ok(());
        }
        match month_of(row[1].as_deref()).zip(row[2].as_deref().and_then(exact_decimal)) {
            Some((month, amount)) => {
                let key = serde_json::to_string(&[&check.equals.1, &month.canonical()]).unwrap_or_default();
                let operand = Operand::new(Side::Expected, key, amount.normalize().to_string());
                targets.insert(month, Target { amount, operand, derived: false });
            }
            None => unreadable = Some(format!("a value of {config}[{}] has no month or is no number", check.equals.1)),
        }
        Ok(())
    })?;
    let summed = format!("{rows}.{}", check.of.1);
    let written = store.written(config, &targets.values().map(|t| t.operand.label.clone()).collect())?;
    for target in targets.values_mut() {
        target.derived = written.get(&target.operand.label).is_some_and(|w| w.derived.as_deref() == Some(&summed));
    }
    let mut checks = sum_by_month(check, items, targets);
    trace(store, rows, config, &mut checks)?;
    if let Some(why) = unreadable {
        checks.push(Check { explanation: Some(why), ..Check::new(&check.name, "unreadable rows", check.severity) });
    }
    Ok(checks)
}

/// Puts names and places to operands that were labelled by their recorded key.
fn trace(store: &mut Store, rows: &str, config: &str, checks: &mut [Check]) -> Result<()> {
    for (side, table) in [(Side::Actual, rows), (Side::Expected, config)] {
        let mut operands: Vec<&mut Operand> = checks.iter_mut().flat_map(|c| &mut c.operands).filter(|o| o.side == side).collect();
        let written = store.written(table, &operands.iter().map(|o| o.label.clone()).collect::<BTreeSet<_>>())?;
        for operand in &mut operands {
            if let Some(w) = written.get(&operand.label) {
                (operand.path, operand.line, operand.column, operand.pointer) = (w.path.clone(), w.line, w.column, w.pointer.clone());
            }
            operand.label = spoken_key(&operand.label);
        }
    }
    Ok(())
}

/// Control totals over what the database holds now.
fn control(store: &mut Store, expect: &Expect) -> Result<Vec<Check>> {
    let columns = Totals::columns(expect);
    if let Some(missing) = missing(store, &expect.table, &columns)? {
        return Ok(control_totals(expect, Err(&missing)));
    }
    let mut totals = Totals::default();
    let read: Vec<&str> = if columns.is_empty() { Vec::new() } else { columns.clone() };
    store.column_texts(&expect.table, &read, |row| {
        totals.add(expect, columns.iter().copied().zip(row.iter().map(Option::as_deref)));
        Ok(())
    })?;
    Ok(control_totals(expect, Ok(&totals)))
}

/// What a check would need of a table and is not there.
fn missing(store: &mut Store, table: &str, columns: &[&str]) -> Result<Option<String>> {
    let Some(shape) = store.table_shape(table)? else {
        return Ok(Some(format!("not run: the database has no table {table}")));
    };
    let absent = columns.iter().find(|c| shape.column(c).is_none());
    Ok(absent.map(|c| format!("not run: the table {table} has no column {c}")))
}
