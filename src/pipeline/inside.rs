//! What happens within the transaction: schema, rows, and every check over what the database then holds.

use super::{Command, Request, checks, record_files, schema, sources};
use crate::assemble::{
    self, Archive, Calculation, ConfigAt, Existing, People, Person, bill_rows, calculations, config_rows, houses, ledger_found,
    ledger_rows, tables, tenant_rows,
};
use crate::error::{Result, Stop, io_words};
use crate::evidence::{Check, Kept, Severity, Status, forget_figures};
use crate::job::{Job, OnStale};
use crate::load::{Files, Stages, Totals, compared, delete_stale, load};
use crate::migrate::{self, Step};
use crate::reconcile::rent;
use crate::report::{Outcome, gather};
use crate::store::{Run, Store};
use crate::table::{Canonical, Kind, Row, Table};
use jiff::Timestamp;
use std::collections::BTreeMap;
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
    let dry = request.command == Command::Reconcile;
    if !dry {
        store.ensure_own_tables()?;
    }
    if !schema::brought_up(request, store, outcome, steps)? {
        return declared_checks_not_run(job, outcome);
    }
    let people = existing_people(job, store)?;
    let (tenants, people, found) = tenant_rows(archive, people);
    outcome.findings.extend(found);
    let calculations = pure_checks(archive, &people, outcome)?;
    let (assumed, found) = ledger_found(&calculations, &people);
    outcome.findings.extend(found);
    sources::mark(outcome, &calculations);

    // A comparison records its files when it is over.
    let files = if dry { (1..=outcome.sources.len() as i64).map(|n| -n).collect() } else { record_files(outcome, store)? };
    let at = Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().canonical();
    let whole = !matches!(request.command, Command::Replay(_));
    let take_away = job.on_stale == OnStale::Delete;
    let run = Run { id, job: &job.name, at: &at, files: &files, whole, dry, take_away };
    let mut loader = Loader { request, archive, run, outcome, loaded: Vec::new(), stages: Vec::new() };
    if archive.has(|r| matches!(r, Record::Tenant(_))) {
        loader.load(store, &tables::tenant(job), (&[], tenants.len()), || tenants.iter().cloned().map(Ok))?;
    } else {
        loader.load_nothing(store, &tables::tenant(job))?;
    }
    if archive.has(|r| matches!(r, Record::Bill(_))) {
        let stated = archive.stated(None);
        let expected = stated.iter().flatten().sum();
        let table = tables::electricity_bill(job);
        std::thread::scope(|scope| loader.load(store, &table, (&stated, expected), || bill_rows(archive, scope)))?;
    } else {
        loader.load_nothing(store, &tables::electricity_bill(job))?;
    }
    if !calculations.is_empty() {
        let rows = || ledger_rows(archive, &calculations, &people).map(Ok);
        loader.load(store, &tables::ledger(job), (&[], assumed), rows)?;
        loader.outcome.assumptions.push(format!("amountPaid of each of the {assumed} ledger rows is assumed to equal amountDue when the row is first written; no file states what was paid"));
    } else {
        loader.load_nothing(store, &tables::ledger(job))?;
    }
    if !calculations.is_empty() || archive.has(|r| matches!(r, Record::Config(_))) {
        let (rows, found) = config_rows(archive, &calculations, &existing_config(job, store)?, &bill_sums(job, store)?);
        loader.outcome.findings.extend(found);
        loader.load(store, &tables::config(job), (&[], rows.count()), || rows.each().map(Ok))?;
    } else {
        loader.load_nothing(store, &tables::config(job))?;
    }
    for (at, declared) in job.tables.iter().enumerate() {
        let created = !dry && store.ensure_table(declared)?;
        let stated = archive.stated(Some(at));
        let expected = stated.iter().flatten().sum();
        std::thread::scope(|scope| {
            loader.load(store, &declared.table, (&stated, expected), || assemble::declared_rows(archive, scope, at))
        })?;
        if created {
            store.record_created(id, &declared.table.name)?;
        }
    }
    loader.delete_stale(store)?;
    let stages = std::mem::take(&mut loader.stages);
    sources::mark_duplicates(outcome);
    request.progress.phase("checks", 0);
    if crate::parse::blocked(&outcome.findings) {
        declared_checks_not_run(job, outcome)?;
        return gather(archive, None, outcome, &calculations, Vec::new());
    }
    let found = checks::declared(job, store, &calculations, id)?;
    outcome.checks.extend(found);
    outcome.checks.extend(migrate::verify(store, steps)?);
    forget_figures(&mut outcome.checks);
    checks::passed_on(job, outcome);
    gather(archive, Some(store), outcome, &calculations, stages)
}

/// What can be checked when the files must not be loaded; the rest is said not to have run.
pub(super) fn without_database(archive: Archive<'_>, store: &mut Store, outcome: &mut Outcome) -> Result<()> {
    let (_, people, found) = tenant_rows(archive, existing_people(archive.job, store)?);
    outcome.findings.extend(found);
    let calculations = pure_checks(archive, &people, outcome)?;
    if archive.knows_everybody() {
        outcome.findings.extend(ledger_found(&calculations, &people).1);
    }
    sources::mark(outcome, &calculations);
    declared_checks_not_run(archive.job, outcome)?;
    gather(archive, None, outcome, &calculations, Vec::new())
}

const MEND_FIRST: &str = "the files must be mended first";

/// The checks over what the database would hold, when nothing could be written to it.
fn declared_checks_not_run(job: &Job, outcome: &mut Outcome) -> Result<()> {
    for rule in checks::rules(job)? {
        outcome.checks.extend(rule.missing(MEND_FIRST));
    }
    Ok(())
}

fn not_run(name: &str, group: &str, severity: Severity) -> Check {
    Check { explanation: Some(format!("not run: {MEND_FIRST}")), ..Check::new(name, group, severity) }
}

/// The checks over the files alone.
fn pure_checks<'a>(archive: Archive<'a>, people: &People, outcome: &mut Outcome) -> Result<Vec<Calculation<'a>>> {
    outcome.findings.extend(houses(archive));
    let (calculations, found) = calculations(archive);
    outcome.findings.extend(found);
    let mut heard = rent::Heard::default();
    let unkept = |e| Stop::database(format!("the checks cannot be kept: {}", io_words(&e)), "run again");
    if archive.knows_everybody() {
        rent::of_people(&calculations, people, &mut heard).map_err(unkept)?;
    } else {
        heard.checks.push(not_run("residency", "every calculation", Severity::Error), false, |check| check).map_err(unkept)?;
    }
    let paths: Vec<&str> = archive.files.iter().map(|f| f.path.as_str()).collect();
    let unread = archive.files.iter().zip(archive.read).filter(|(_, read)| read.as_ref().is_some_and(|r| r.parsed.is_rejected()));
    let refused: Vec<&str> = unread.map(|(file, _)| file.path.as_str()).collect();
    rent::of_files(&calculations, &paths, &refused, &mut heard).map_err(unkept)?;
    outcome.findings.extend(heard.findings);
    let Kept { checks, alike, tolerated } = heard.checks.finish().map_err(unkept)?;
    outcome.checks.extend(checks);
    (outcome.alike, outcome.tolerated) = (alike, tolerated);
    for source in archive.job.sources.iter().filter(|s| s.format.name() == "rent-history-json") {
        outcome.assumptions.push(format!("source {}: the ledger month is {}", source.name, assemble::period_rule(source.period)));
    }
    Ok(calculations)
}

/// After how many rows it is told how far the loading is.
const TOLD: u64 = 1000;

struct Loader<'a> {
    request: &'a Request<'a>,
    archive: Archive<'a>,
    run: Run<'a>,
    outcome: &'a mut Outcome,
    /// The tables that were loaded, each with whether it has rows that no file states any more.
    loaded: Vec<(Table, bool)>,
    /// The control totals of each table.
    stages: Vec<Stages>,
}

impl Loader<'_> {
    /// Loads a table; `stated` is how many rows of it each file states, and empty where rows are derived, `expected` about how many
    /// come.
    fn load<I: Iterator<Item = Result<Row>>>(
        &mut self,
        store: &mut Store,
        table: &Table,
        (stated, expected): (&[Option<usize>], usize),
        rows: impl Fn() -> I + Sync,
    ) -> Result<()> {
        self.request.check_interrupt()?;
        if self.run.dry && !store.has_table(&table.name)? {
            let why = format!("not run: the database has no table {}", table.name);
            self.outcome.checks.push(Check { explanation: Some(why), ..Check::new("read-back", table.name.clone(), Severity::Error) });
            return Ok(());
        }
        self.request.progress.phase(&format!("loading {}", table.name), expected);
        let progress = self.request.progress;
        let rows = || {
            let mut count = 0;
            rows().inspect(move |_| {
                count += 1;
                if count % TOLD == 0 {
                    progress.done_of(TOLD);
                }
            })
        };
        let paths: Vec<&str> = self.archive.files.iter().map(|f| f.path.as_str()).collect();
        let how = match self.request.command {
            Command::Import | Command::Replay(_) | Command::Reconcile => {
                "`tieout run JOB` applies the job's migrations first, which create it"
            }
            Command::Run | Command::Plan | Command::Migrate(_) | Command::Rollback => {
                "the job's migrations must create it: see [migrations] in the job file"
            }
        };
        let sound = !crate::parse::blocked(&self.outcome.findings) && self.outcome.findings.iter().all(|f| f.code != "ambiguous-row");
        let loaded =
            load(store, table, rows, &self.run, Files { paths: &paths, stated, refusing: &self.archive.refusing(), expected }, how, sound)?;
        self.outcome.tables.insert(table.name.to_string(), loaded.counts);
        self.outcome.checks.push(loaded.check);
        self.outcome.findings.extend(loaded.findings);
        self.stages.push(loaded.stages);
        self.loaded.push((table.clone(), loaded.stale));
        Ok(())
    }

    /// Loads nothing into a table that earlier runs filled and no file speaks of any more.
    fn load_nothing(&mut self, store: &mut Store, table: &Table) -> Result<()> {
        if self.run.whole && store.has_table(&table.name)? && store.filled_by(&table.name, self.run.job)? {
            self.load(store, table, (&[], 0), std::iter::empty)?;
        }
        Ok(())
    }

    /// Takes away what no file states any more, where the job says so: what refers to others first. That nothing else went with it
    /// or was changed by it (by a trigger, say) is read back from every table of the job.
    fn delete_stale(&mut self, store: &mut Store) -> Result<()> {
        let wanted = !self.run.dry && self.archive.job.on_stale == OnStale::Delete && !crate::parse::blocked(&self.outcome.findings);
        let loaded = std::mem::take(&mut self.loaded);
        if !wanted || loaded.iter().all(|(_, stale)| !stale) {
            return store.forget_stale();
        }
        self.request.progress.phase("taking stale rows away", 0);
        let before = loaded.iter().map(|(table, _)| compared(store, table, |_, _| ())).collect::<Result<Vec<Totals>>>()?;
        let mut deleted = vec![Totals::default(); loaded.len()];
        for ((table, _), deleted) in loaded.iter().zip(&mut deleted).rev().filter(|((_, stale), _)| *stale) {
            let (totals, found) = delete_stale(store, table, &self.run)?;
            if let Some(counts) = self.outcome.tables.get_mut(&*table.name) {
                counts.deleted += totals.rows;
            }
            *deleted = totals;
            self.outcome.findings.extend(found);
        }
        store.forget_stale()?;
        if deleted.iter().all(|d| d.rows == 0) {
            return Ok(());
        }
        for (((table, _), before), deleted) in loaded.iter().zip(&before).zip(&deleted) {
            let after = compared(store, table, |_, _| ())?;
            self.outcome.checks.push(read_again(table, before, deleted, &after));
        }
        Ok(())
    }
}

/// Whether a table is what it was but for the rows that were taken away.
fn read_again(table: &Table, before: &Totals, deleted: &Totals, after: &Totals) -> Check {
    let expected = before.rows - deleted.rows;
    let mut check = Check::new("read-back", format!("{} after rows were taken away", table.name), Severity::Error);
    check.expected = Some(expected.to_string());
    check.actual = Some(after.rows.to_string());
    check.difference = Some((after.rows as i64 - expected as i64).to_string());
    let holds = after.are(before, deleted);
    check.status = if holds { Status::Match } else { Status::Difference };
    check.explanation = Some(match holds {
        true => format!("rows that stay; the hash total over them is {:016x}, as it was", after.hash.unwrap_or_default()),
        false => "taking rows away changed others of the table: a trigger or a foreign key did".to_owned(),
    });
    check
}

/// The columns of a table of the domain, behind them that of the house, where the job has houses and the table the column.
fn with_house<'c>(job: &Job, store: &mut Store, table: &str, columns: &[&'c str]) -> Result<Vec<&'c str>> {
    let housed = job.houses && store.table_shape(table)?.is_some_and(|shape| shape.column("house").is_some());
    Ok(columns.iter().copied().chain(housed.then_some("house")).collect())
}

/// The tenants that the database has.
fn existing_people(job: &Job, store: &mut Store) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    if !store.has_table("Tenant")? {
        return Ok(people);
    }
    let columns = with_house(job, store, "Tenant", &["id", "name", "startDate", "departureDate"])?;
    store.column_texts("Tenant", &columns, |row| {
        let mut row = row.iter().map(|text| text.map(str::to_owned));
        let mut take = || row.next().flatten();
        let date = |text: Option<String>| text.and_then(|t| Kind::Date.canonical(&t).parse().ok());
        let (id, name, start, departure) = (take().unwrap_or_default(), take().unwrap_or_default(), date(take()), date(take()));
        let tenant = Tenant { id: Some(id.clone()), name, email: None, start, departure, room_adjustment: None, house: take() };
        people.push(Person { id, tenant });
        Ok(())
    })?;
    Ok(people)
}

fn month_of(text: Option<&str>) -> Option<Month> {
    Kind::Date.canonical(text?).get(..7).and_then(Month::parse)
}

/// The configuration that the table holds, by where it belongs.
fn existing_config(job: &Job, store: &mut Store) -> Result<BTreeMap<ConfigAt, Existing>> {
    let table = tables::config(job);
    let mut found = BTreeMap::new();
    if !store.has_table(&table.name)? {
        return Ok(found);
    }
    let ours = store.inserted_keys(&table.name)?;
    let columns = with_house(job, store, &table.name, &["key", "period", "value"])?;
    store.column_texts(&table.name, &columns, |row| {
        if let (Some(key), Some(month), Some(value)) = (row.get(0), month_of(row.get(1)), row.get(2)) {
            let house = row.get(3).map(str::to_owned);
            let recorded: Vec<&str> = house.iter().map(String::as_str).chain([key]).collect();
            let recorded = serde_json::to_string(&[recorded, vec![&month.canonical()]].concat()).unwrap_or_default();
            let existing = Existing { value: value.to_owned(), ours: ours.contains(&recorded) };
            found.insert(ConfigAt { house, key: key.to_owned(), month }, existing);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The bills' sum of each month, of each house where there are some, over everything the table holds.
fn bill_sums(job: &Job, store: &mut Store) -> Result<BTreeMap<(Option<String>, Month), Decimal>> {
    let mut sums: BTreeMap<(Option<String>, Month), Decimal> = BTreeMap::new();
    if store.has_table("ElectricityBill")? {
        let columns = with_house(job, store, "ElectricityBill", &["billPeriod", "amount"])?;
        store.column_texts("ElectricityBill", &columns, |row| {
            if let (Some(month), Some(amount)) = (month_of(row.get(0)), row.get(1).and_then(exact_decimal)) {
                let sum = sums.entry((row.get(2).map(str::to_owned), month)).or_default();
                *sum = sum.checked_add(amount).ok_or_else(|| {
                    Stop::database(format!("the bills of {month} have a sum with more digits than can be kept"), "look at their amounts")
                })?;
            }
            Ok(())
        })?;
    }
    Ok(sums)
}
