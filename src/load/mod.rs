//! Loads the rows of a table: staged, compared three ways (what we imported last, what the file says, what the database
//! holds), written, logged, read back. Set by set, inside the caller's transaction; what is found goes into findings.

mod compare;
mod difference;
mod read_back;
mod stale;
mod straight;
mod totals;
mod unique;

pub use stale::delete_stale;
pub use totals::{Stages, Totals, compared, whole};

use crate::error::Result;
use crate::evidence::{Check, Finding, Severity, Status, Subject};
use crate::store::{Accepted, Act, Alike, Decision, Disputed, Run, Stage, Staged, Store};
use crate::table::{Role, Row, Table, spoken_key};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What became of the rows of a table. read = inserted + updated + unchanged + duplicate + rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that the files state.
    pub read: usize,
    /// Rows that were not there.
    pub inserted: usize,
    /// Rows that were there with another content.
    pub updated: usize,
    /// Rows that were there as the files say.
    pub unchanged: usize,
    /// Rows that were taken away.
    pub deleted: usize,
    /// Rows that repeat another one.
    pub duplicate: usize,
    /// Rows that were refused.
    pub rejected: usize,
}

impl Counts {
    /// Whether user tables were written to.
    pub fn wrote(&self) -> bool {
        self.inserted + self.updated + self.deleted > 0
    }
}

/// What the rows of a table come from, a file each, in the order of `Run::files`.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Paths.
    pub paths: &'a [&'a str],
    /// How many rows each states for the table, where that is known beforehand.
    pub stated: &'a [Option<usize>],
    /// The sources with records that were refused: what they state is not known as a whole.
    pub refusing: &'a BTreeSet<&'a str>,
    /// About how many rows will come.
    pub expected: usize,
}

/// The load of one table.
struct Load<'a> {
    table: &'a Table,
    run: &'a Run<'a>,
    of: Files<'a>,
    findings: Vec<Finding>,
    /// What somebody settled of earlier conflicts.
    settled: HashMap<Disputed, Accepted>,
    /// How many rows stay away because that was settled.
    left_away: usize,
    /// The control totals.
    stages: Stages,
}

/// Loads rows into a table; `rows` gives them anew as often as it is asked. Gives the counts, the read-back check, and everything found; the caller rolls back when a
/// finding is an error. Where an earlier table could not be written (not `sound`), rows may refer to what is not there:
/// then they are only compared.
pub fn load<I: Iterator<Item = Result<Row>>>(
    store: &mut Store,
    table: &Table,
    rows: impl Fn() -> I + Sync,
    run: &Run<'_>,
    of: Files<'_>,
    how_to_create: &str,
    sound: bool,
) -> Result<Loaded> {
    let stated = Totals::of(totals::numbers(table));
    let stages = Stages { table: table.name.to_string(), stated, ..Stages::default() };
    let mut stage = Stage::open(store, table, how_to_create, run)?;
    let settled = store.resolutions(run.job, &table.name)?;
    let mut load = Load { table, run, of, findings: Vec::new(), settled, left_away: 0, stages };
    load.stages.opening = Some(whole(store, &table.name, totals::numbers(table))?);
    let mut check = Check::new("read-back", table.name.clone(), Severity::Error);
    if sound && let Some(read) = load.straight(store, &stage, &rows, run, &mut check)? {
        let counts = Counts { read, inserted: read, ..Counts::default() };
        return Ok(Loaded { counts, check, findings: Vec::new(), stale: false, stages: load.stages });
    }
    let different = if sound { load.by_difference(store, &stage, &rows, &mut check)? } else { None };
    let (counts, stale) = match different {
        Some(loaded) => loaded,
        None => {
            stage.unpack(store, run)?;
            load.staged(store, &stage, rows(), &Alike::default(), sound, &mut check)?
        }
    };
    stage.close(store)?;
    Ok(Loaded { counts, check, findings: load.findings, stale, stages: load.stages })
}

/// What a load gives.
pub struct Loaded {
    /// The counts.
    pub counts: Counts,
    /// The read-back.
    pub check: Check,
    /// Everything found.
    pub findings: Vec<Finding>,
    /// Whether rows are noted that we imported and that no file states any more.
    pub stale: bool,
    /// The control totals.
    pub stages: Stages,
}

impl Load<'_> {
    /// Loads rows by the stage; gives the counts, and whether there are rows that no file states any more. Those that are `alike` are not
    /// among the rows: they stand already.
    fn staged(
        &mut self,
        store: &mut Store,
        stage: &Stage<'_>,
        rows: impl Iterator<Item = Result<Row>>,
        alike: &Alike,
        sound: bool,
        check: &mut Check,
    ) -> Result<(Counts, bool)> {
        let run = self.run;
        let stated = RefCell::new(std::mem::take(&mut self.stages.stated));
        let read = alike.rows + stage.write(store, totals::passing(self.table, rows, &stated), run)?;
        self.stages.stated = stated.into_inner();
        let lost = self.lost(store, stage, alike)?;
        stage.number_occurrences(store, run)?;
        let (duplicate, contradicting) = self.repeated(store, stage)?;
        let rejected = contradicting + self.empty_but_required(store, stage)? + self.colliding(store, stage)?;
        let ambiguous = self.ambiguous(store, stage)?;
        let conflicts = self.gone(store, stage)? + self.nearly_there(store, stage)? + self.differing(store, stage)?;
        if run.whole && alike.rows == 0 {
            self.shifted(store, stage, None)?;
        }
        let stale = run.whole && self.stale(store, stage)?;
        let (contested, gone) = if ambiguous + rejected + lost == 0 { self.contested(store, stage)? } else { (0, 0) };
        let away = self.left_away;
        let rejected = rejected + contested;
        let mut counts = Counts { read, duplicate, rejected: rejected + conflicts, deleted: gone, ..Counts::default() };
        if run.dry {
            let outstanding = self.outstanding(store, stage)?;
            counts.rejected += outstanding;
            counts.unchanged = read - duplicate - away - counts.rejected.min(read - duplicate - away);
            check.expected = Some((read - duplicate - away).to_string());
            check.actual = Some(counts.unchanged.to_string());
            check.difference = Some((counts.unchanged as i64 - (read - duplicate - away) as i64).to_string());
            check.status = if counts.unchanged == read - duplicate - away { Status::Match } else { Status::Difference };
            check.explanation = Some("rows of the files that the database holds as the files state them".into());
        } else if sound && rejected + ambiguous + lost == 0 {
            let (inserted, updated) = stage.apply(store)?;
            let exchanged = self.exchanged(store, stage)?;
            counts = Counts {
                rejected: counts.rejected + exchanged,
                inserted,
                updated,
                unchanged: read - duplicate - conflicts - inserted - updated,
                ..counts
            };
            stage.log(store, run.id)?;
            self.read_back(store, stage, check, read - duplicate - conflicts - away, alike.rows)?;
        } else {
            check.explanation = Some("nothing was written, so there is nothing to read back".into());
        }
        Ok((counts, stale))
    }

    /// Rows that the files state and the database does not hold so; gives how many.
    fn outstanding(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let (new, inserts, updates) = stage.outstanding(store)?;
        for row in &new {
            let message = format!("the {} stands in the file and not in the table {}", self.spoken(&row.key), self.table.name);
            let hint = "`tieout import` would load it; or find out who took it away";
            let finding = self.finding(Severity::Error, Subject::Check, "not-imported", row, message, hint);
            self.findings.push(finding);
        }
        Ok(inserts + updates)
    }

    fn finding(&self, severity: Severity, subject: Subject, code: &str, row: &Staged, message: String, hint: &str) -> Finding {
        let finding = Finding::new(severity, subject, code, message, hint);
        let place = self.path(row).zip(row.line).zip(row.column);
        match place {
            Some(((path, line), column)) => finding.at(path, &tieout_parsers::Span { line, column, pointer: row.pointer.clone() }),
            None => finding,
        }
    }

    fn path(&self, row: &Staged) -> Option<&str> {
        let at = self.run.files.iter().position(|id| Some(*id) == row.file)?;
        self.of.paths.get(at).copied()
    }

    fn spoken(&self, key: &str) -> String {
        format!("{} {}", self.table.noun, spoken_key(key))
    }

    /// Rows with the key of an earlier one: the same again is left out and said, another content is refused.
    fn repeated(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<(usize, usize)> {
        let (mut leave_out, mut contradicting) = (Vec::new(), 0);
        let mut first: Option<Staged> = None;
        for row in stage.repeated(store)? {
            let Some(before) = first.as_ref().filter(|f| f.key == row.key) else {
                first = Some(row);
                continue;
            };
            let at = crate::evidence::place(self.path(before).unwrap_or("another file"), before.line.zip(before.column), None);
            leave_out.push(row.seq);
            let spoken = self.spoken(&row.key);
            let finding = if before.content == row.content {
                let message = format!("the {spoken} stands here a second time; the first is {at}");
                self.finding(
                    Severity::Warning,
                    Subject::File,
                    "duplicate",
                    &row,
                    message,
                    "it is loaded once; remove the line if it is a mistake",
                )
            } else {
                contradicting += 1;
                let differences = differences(self.table, &before.content, &row.content);
                let differences: Vec<String> =
                    differences.iter().map(|(c, a, b)| format!("{c} {} there, {} here", said(a), said(b))).collect();
                let message = format!("the {spoken} is stated twice and differently: {} (the other is {at})", differences.join("; "));
                self.finding(
                    Severity::Error,
                    Subject::File,
                    "contradiction",
                    &row,
                    message,
                    "find out which is right, and remove the other",
                )
            };
            self.findings.push(finding);
        }
        stage.remove(store, &leave_out)?;
        Ok((leave_out.len() - contradicting, contradicting))
    }

    fn empty_but_required(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let empty = stage.empty_but_required(store)?;
        for (row, column) in &empty {
            let message = format!("the {} has no {column}, and the table {} wants one", self.spoken(&row.key), self.table.name);
            let finding = self.finding(Severity::Error, Subject::File, "missing-value", row, message, "fill it in in the file");
            self.findings.push(finding);
        }
        Ok(empty.len())
    }

    /// Rows that the table's own unique keys do not allow side by side.
    fn colliding(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let colliding = stage.colliding(store)?;
        for (row, columns) in &colliding {
            let message = format!(
                "the {} has the same {columns} as another one, and the table {} allows it only once",
                self.spoken(&row.key),
                self.table.name
            );
            let hint = "find out which is right; if both are, the table's unique key does not suit the job";
            let finding = self.finding(Severity::Error, Subject::File, "not-unique", row, message, hint);
            self.findings.push(finding);
        }
        Ok(colliding.len())
    }

    /// New rows that stand there already, written otherwise.
    fn nearly_there(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let nearly = stage.nearly_there(store)?;
        for (row, held) in &nearly {
            let message = format!(
                "the {} stands in the table {} as `{held}`, which means the same: it would be there twice",
                self.spoken(&row.key),
                self.table.name
            );
            let hint = "write the row in the database as the file does, or the other way round";
            let finding = self.finding(Severity::Error, Subject::Check, "conflict", row, message, hint);
            self.findings.push(finding);
        }
        let decisions: Vec<Decision> = nearly.iter().map(|(row, _)| Decision { seq: row.seq, act: Act::Conflict, before: None }).collect();
        stage.decide(store, &decisions)?;
        Ok(nearly.len())
    }

    fn ambiguous(&mut self, store: &mut Store, stage: &Stage<'_>) -> Result<usize> {
        let keys = stage.ambiguous(store)?;
        for key in &keys {
            let message = format!(
                "the {} stands in the table {} more than once, so it is unknown which row is meant",
                self.spoken(key),
                self.table.name
            );
            self.findings.push(Finding::new(
                Severity::Error,
                Subject::Check,
                "ambiguous-row",
                message,
                "keep the right row of them, and run again",
            ));
        }
        Ok(keys.len())
    }
}

/// The columns in which two recorded contents differ: name, before, after.
fn differences<'t>(table: &'t Table, before: &str, after: &str) -> Vec<(&'t str, Option<String>, Option<String>)> {
    let read = |text: &str| serde_json::from_str::<BTreeMap<String, Option<String>>>(text).unwrap_or_default();
    let (mut before, mut after) = (read(before), read(after));
    let columns = table.with(&[Role::Key, Role::Data]);
    let pairs = columns.map(|(_, c)| (&*c.name, before.remove(&*c.name).flatten(), after.remove(&*c.name).flatten()));
    pairs.filter(|(_, before, after)| before != after).collect()
}

/// A value in a sentence.
fn said(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("empty")
}
