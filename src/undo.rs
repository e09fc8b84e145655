//! Undoes exactly one run's rows by the change log, inside the caller's transaction: first what would be done and what is against
//! it ([`plan`]), then the doing ([`rows`]). Schema steps, backups, the choice of the run and its record are the caller's.
//!
//! Everything goes back in the reverse order of the run: what it deleted comes first, then the tables from the last to the first.
//! So the database passes through the same states as then, and its constraints hold as they did.

use crate::error::Result;
use crate::evidence::{Finding, Severity, Subject};
use crate::load::Counts;
use crate::store::{Created, Refused, Store, Undoing};
use crate::table::spoken_key;
use std::collections::BTreeMap;

/// What undoing a run would do.
pub struct Plan {
    /// The run.
    pub run: i64,
    /// What each table would lose and get back.
    pub tables: BTreeMap<String, Counts>,
    /// The tables that the run made.
    pub created: Vec<Created>,
    /// What is against it; nothing may be written then.
    pub findings: Vec<Finding>,
    /// How many more there are of a kind than are listed.
    pub unlisted: BTreeMap<(Severity, String), usize>,
    undoing: Vec<Undoing>,
}

/// What undoing a run did.
pub struct Undone {
    /// What each table lost and got back.
    pub tables: BTreeMap<String, Counts>,
    /// Rows that are not as before; then the caller rolls back. And tables that stay, as warnings.
    pub findings: Vec<Finding>,
}

/// Looks what undoing a run would do, and what is against it. With `lock`, other writers are kept away from the tables until the
/// transaction ends.
pub fn plan(store: &mut Store, run: i64, lock: bool) -> Result<Plan> {
    let undoing = store.changes_of(run, lock)?;
    let counts = |u: &Undoing| Counts { deleted: u.inserted, updated: u.updated, inserted: u.deleted, ..Counts::default() };
    let tables: BTreeMap<String, Counts> = undoing.iter().map(|u| (u.table.clone(), counts(u))).collect();
    let left = |table: &str, rows: usize| tables.get(table).map_or(rows, |c| (rows + c.inserted).saturating_sub(c.deleted));
    let created = store.created_by(run, left)?;
    let mut plan = Plan { run, created, tables, findings: Vec::new(), unlisted: BTreeMap::new(), undoing };
    let undoing = std::mem::take(&mut plan.undoing);
    undoing.iter().try_for_each(|of| plan.ask(store, of))?;
    plan.ask_references(store, &undoing, lock)?;
    plan.undoing = undoing;
    Ok(plan)
}

/// Undoes a run's rows as planned, and notes that the run `by` did. `go_on` is asked between the tables.
pub fn rows(store: &mut Store, mut plan: Plan, by: i64, go_on: &dyn Fn() -> Result<()>) -> Result<Undone> {
    let mut undoing = std::mem::take(&mut plan.undoing);
    undoing.sort_by_key(|u| std::cmp::Reverse(u.first_delete));
    let (mut done, mut expected) = (BTreeMap::<String, Counts>::new(), BTreeMap::new());
    for of in undoing.iter().filter(|u| u.deleted > 0) {
        go_on()?;
        done.entry(of.table.clone()).or_default().inserted = of.insert_again(store)?;
    }
    undoing.sort_by_key(|u| std::cmp::Reverse(u.first));
    for of in &undoing {
        go_on()?;
        let counts = done.entry(of.table.clone()).or_default();
        if of.updated > 0 {
            counts.updated = of.give_back(store)?;
        }
        if of.inserted > 0 {
            counts.deleted = of.delete(store)?;
        }
    }
    std::mem::swap(&mut expected, &mut plan.tables);
    for of in &undoing {
        go_on()?;
        let unlike = of.unlike_before(store)?;
        plan.refuse(of, "not-as-before", unlike, |_, run| {
            let why = format!("was undone and is not as before run {run}: a trigger or rule of the database meddles");
            (why, "restore a backup of before the run".to_owned())
        });
        if done.get(&of.table) != expected.get(&of.table) && plan.findings.is_empty() {
            let message = format!("of the table {} other rows were touched than run {} wrote", of.table, plan.run);
            plan.findings.push(Finding::new(
                Severity::Error,
                Subject::Check,
                "not-as-before",
                message,
                "restore a backup of before the run",
            ));
        }
        of.close(store)?;
    }
    if plan.findings.is_empty() {
        plan.remove_created(store)?;
        store.mark_undone(plan.run, by)?;
    }
    Ok(Undone { tables: done, findings: plan.findings })
}

impl Plan {
    /// What would be done, in a sentence without its end: `31 rows of RentLedger deleted, the table bank_line removed`.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        for (table, counts) in &self.tables {
            let parts = [(counts.deleted, "deleted"), (counts.updated, "given their old values back"), (counts.inserted, "inserted again")];
            for (n, what) in parts.into_iter().filter(|(n, _)| *n > 0) {
                words.push(format!("{n} row{} of {table} {what}", if n == 1 { "" } else { "s" }));
            }
        }
        words.extend(self.created.iter().filter(|c| c.stays.is_none()).map(|c| format!("the table {} removed", c.table)));
        if words.is_empty() { "no rows to undo".to_owned() } else { words.join(", ") }
    }

    /// What is asked of a table alone.
    fn ask(&mut self, store: &mut Store, of: &Undoing) -> Result<()> {
        let later = of.later(store)?;
        self.refuse(of, "written-again", later, |row, run| {
            (format!("was written by run {run}, and again by run {}", row.what), format!("`tieout rollback {}` first", row.what))
        });
        let by_hand = "see what was changed, and by whom; put it back and roll back again, or restore a backup of before the run";
        let gone = of.gone(store)?;
        self.refuse(of, "touched-since", gone, |_, run| {
            (format!("was written by run {run} and is no longer there: somebody else deleted it"), by_hand.to_owned())
        });
        let touched = of.touched(store)?;
        self.refuse(of, "touched-since", touched, |_, run| {
            (format!("is no longer as run {run} left it: somebody else changed it"), by_hand.to_owned())
        });
        let taken = of.taken(store)?;
        self.refuse(of, "key-taken", taken, |row, run| {
            let message = format!("cannot be as before run {run}: another row has its {} since", row.what);
            (message, "find out which row is right, and take the other away".to_owned())
        });
        Ok(())
    }

    /// What is asked of the rows of other tables, the user's among them.
    fn ask_references(&mut self, store: &mut Store, undoing: &[Undoing], lock: bool) -> Result<()> {
        for reference in store.references()? {
            let find = |table: &str| undoing.iter().find(|u| u.table == table);
            let (from, to) = (find(&reference.from), find(&reference.to));
            let columns: Vec<&str> = reference.columns.iter().map(|(from, _)| from.as_str()).collect();
            let columns = columns.join(", ");
            if let Some(parent) = to.filter(|u| u.inserted > 0) {
                if lock {
                    store.keep_writers_away(&reference)?;
                }
                let referred = parent.referred(store, &reference, from)?;
                self.refuse(parent, "still-referred-to", referred, |row, run| {
                    let (rows, refer) = if row.what == "1" { ("row", "refers") } else { ("rows", "refer") };
                    let fate = match reference.on_delete.as_str() {
                        "cascade" => ", and would be deleted with it (their foreign key cascades)",
                        "set null" | "set default" => ", and would lose that (their foreign key is set to nothing)",
                        _ => "",
                    };
                    let message = format!(
                        "was inserted by run {run}, and {} {rows} of {} {refer} to it by {columns}{fate}",
                        row.what, reference.from
                    );
                    (message, "take the rows that refer to it away first, or let them refer to another".to_owned())
                });
            }
            if let Some(child) = from.filter(|u| u.updated + u.deleted > 0) {
                let orphaned = child.orphaned(store, &reference, to)?;
                self.refuse(child, "refers-to-nothing", orphaned, |_, run| {
                    let message = format!("cannot be as before run {run}: what it refers to in {} by {columns} is gone", reference.to);
                    (message, "put that row back first".to_owned())
                });
            }
        }
        Ok(())
    }

    /// Names rows that are against it: `words` says of each what is wrong, and what to do.
    fn refuse(
        &mut self,
        of: &Undoing,
        code: &str,
        (rows, count): (Vec<Refused>, usize),
        words: impl Fn(&Refused, i64) -> (String, String),
    ) {
        if count > rows.len() {
            *self.unlisted.entry((Severity::Error, code.to_owned())).or_default() += count - rows.len();
        }
        for row in &rows {
            let (message, hint) = words(row, self.run);
            let message = format!("the row {} of {} {message}", spoken_key(&row.key), of.table);
            self.findings.push(Finding::new(Severity::Error, Subject::Check, code, message, hint));
        }
    }

    /// Removes the tables that the run made, as far as they are empty now and nobody needs them.
    fn remove_created(&mut self, store: &mut Store) -> Result<()> {
        for created in store.created_by(self.run, |_, rows| rows)? {
            let stays = if created.stays.is_none() { store.remove_table(&created.table)? } else { created.stays };
            if let Some(why) = stays {
                let message = format!("the table {} was made by the run and stays: {why}", created.table);
                self.findings.push(Finding::warning("table-stays", message, "drop it by hand, if nobody needs it"));
            }
        }
        Ok(())
    }
}
