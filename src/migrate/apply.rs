//! Runs the script of a step, statement by statement, and holds it to what its directives say. The transaction is the
//! caller's, where there is one.

use super::steps::StepScript;
use super::{Touched, adopt};
use crate::error::{Result, Stop};
use crate::evidence::{Check, Finding, Operand, Severity, Side, Status, Subject};
use crate::script::{Condition, Expectation, Keep, Object, Says, Statement};
use crate::store::Store;

/// What became of a script.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// What was left out or made again, in words.
    pub(super) notes: Vec<String>,
    /// The rows that its statements touched.
    pub(super) changes: Vec<Touched>,
    /// What its directives claim.
    pub(super) checks: Vec<Check>,
    /// What stands otherwise than it should.
    pub(super) findings: Vec<Finding>,
}

/// Runs a step's script. What its directives claim and does not hold is in the checks; SQL that the database refuses is a
/// stop that says where it stands.
pub(super) fn run(store: &mut Store, step: &str, script: &StepScript) -> Result<Applied> {
    let mut applied = Applied { notes: script.vetted.notes.clone(), ..Applied::default() };
    if script.vetted.additive {
        // What stands otherwise is said before anything is run, and all of it: a statement that builds on it could fail first.
        for statement in &script.vetted.script.statements {
            leave_out(store, step, script, statement, &mut applied).map_err(|stop| placed(step, script, statement.line, stop))?;
        }
        if !applied.findings.is_empty() {
            return Ok(applied);
        }
    }
    let keeps: Vec<(usize, &Keep)> =
        script.vetted.script.directives().filter_map(|d| if let Says::Keeps(k) = &d.says { Some((d.line, k)) } else { None }).collect();
    let mut before = Vec::new();
    for (line, keep) in &keeps {
        before.push(store.scalar(&keep.before).map_err(|stop| placed(step, script, *line, stop))?);
    }
    let rebuilt = store.before_rebuild(&script.vetted.remade).map_err(|stop| placed(step, script, 1, stop))?;
    for statement in &script.vetted.script.statements {
        let at = |stop| placed(step, script, statement.line, stop);
        if leave_out(store, step, script, statement, &mut applied).map_err(at)? {
            applied.changes.extend(touched(statement, 0));
            continue;
        }
        match statement.change() {
            Some(_) => applied.changes.extend(touched(statement, store.change(&statement.sql, &[]).map_err(at)?)),
            None if statement.renamed_to().is_some() && !script.vetted.remade.is_empty() => {
                let old = statement.altered_table().unwrap_or_default();
                let apart = script.vetted.remade.iter().any(|r| r.whole && r.table.eq_ignore_ascii_case(&old));
                store.rename_table(&statement.sql, apart).map_err(at)?;
            }
            None => store.execute(&statement.sql).map_err(at)?,
        }
    }
    let dropped: Vec<(String, String)> = script.vetted.script.statements.iter().filter_map(Statement::dropped).collect();
    let (made, gone) = store.after_rebuild(rebuilt, &dropped).map_err(|stop| placed(step, script, 1, stop))?;
    applied.notes.extend(made);
    applied.findings.extend(gone.into_iter().map(|words| {
        let hint = "the step does not make it again; where that is not meant, make it anew in a step behind";
        Finding::new(Severity::Warning, Subject::Database, "went-with-table", format!("step {step}, {}: {words}", script.file), hint)
    }));
    store.end_script(script.vetted.outside).map_err(|stop| placed(step, script, 1, stop))?;
    expectations(step, script, &mut applied);
    for ((line, keep), before) in keeps.into_iter().zip(before) {
        let after = store.scalar(&keep.after).map_err(|stop| placed(step, script, line, stop))?;
        let held = before == after;
        let mut check = figures("keeps", step, line, before, after, held);
        check.explanation = Some(format!("`{}` before the step, `{}` behind it", keep.before, keep.after));
        applied.checks.push(check);
    }
    Ok(applied)
}

/// Asks the queries of `before.sql` or `verify.sql`: each row is something that is wrong.
pub(super) fn ask(store: &mut Store, name: &str, step: &str, script: &StepScript) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for statement in &script.vetted.script.statements {
        let mut rows = 0usize;
        let mut operands = Vec::new();
        let asked = store.ask(&statement.sql, |row| {
            rows += 1;
            if operands.len() < SHOWN {
                let words: Vec<String> = row.iter().map(|t| t.unwrap_or("NULL").to_owned()).collect();
                operands.push(Operand::new(Side::Actual, format!("row {rows}"), words.join(", ")));
            }
            Ok(())
        });
        asked.map_err(|stop| placed(step, script, statement.line, stop))?;
        let mut check = figures(name, step, statement.line, Some("0".into()), Some(rows.to_string()), rows == 0);
        check.explanation = (rows > 0).then(|| {
            let first: Vec<&str> = operands.iter().map(|o: &Operand| o.value.as_str()).collect();
            let more = rows - first.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}:{}: the query gives a row for what is wrong: {}{more}", script.file, statement.line, first.join("; "))
        });
        check.operands = operands;
        checks.push(check);
    }
    Ok(checks)
}

/// How many rows of what is wrong are shown.
const SHOWN: usize = 10;

fn placed(step: &str, script: &StepScript, line: usize, stop: Stop) -> Stop {
    Stop { message: format!("step {step}, {}:{line}: {}", script.file, stop.message), ..stop }
}

fn touched(statement: &Statement, rows: usize) -> Option<Touched> {
    let (verb, table) = statement.change()?;
    Some(Touched { line: statement.line, operation: verb.to_lowercase(), table, rows })
}

/// Whether a statement is left out because what it makes stands, or what it needs does not.
fn leave_out(store: &mut Store, step: &str, script: &StepScript, statement: &Statement, applied: &mut Applied) -> Result<bool> {
    let conditions: Vec<&Condition> =
        statement.directives.iter().filter_map(|d| if let Says::Only(c) = &d.says { Some(c) } else { None }).collect();
    let mut left_out = false;
    for condition in conditions {
        if store.stands(&condition.object)? != condition.stands {
            left_out = true;
            if !condition.stands {
                compare(store, step, script, statement, &condition.object, applied)?;
            }
        }
    }
    if !left_out && statement.if_not_exists() && !statement.creates_qualified() {
        // The database leaves it out itself, but does not look whether what stands there is the same.
        let object = statement.created_table().map(Object::Table).or_else(|| statement.created_index().map(Object::Index));
        if let Some(object) = object
            && store.stands(&object)?
        {
            compare(store, step, script, statement, &object, applied)?;
        }
    }
    Ok(left_out)
}

/// Says how what stands differs from what a statement would make.
fn compare(
    store: &mut Store,
    step: &str,
    script: &StepScript,
    statement: &Statement,
    object: &Object,
    applied: &mut Applied,
) -> Result<()> {
    // What is tried to that end leaves no trace, but needs a transaction.
    if script.vetted.outside {
        store.begin()?;
    }
    let differences = adopt::otherwise(store, object, statement);
    if script.vetted.outside {
        store.rollback();
    }
    for difference in differences? {
        let severity = if script.vetted.additive { Severity::Error } else { Severity::Warning };
        let message = format!("step {step}, {}:{}: {difference}", script.file, statement.line);
        let hint = "what stands there is left alone; bring it to that shape, or write the step as it is";
        applied.findings.push(Finding::new(severity, Subject::Database, "shape-differs", message, hint));
    }
    Ok(())
}

/// What `-- expect:` says against the rows that were touched: of the statement behind it, or of all that do the same.
fn expectations(step: &str, script: &StepScript, applied: &mut Applied) {
    let same =
        |e: &Expectation, operation: &str, table: &str| e.verb.eq_ignore_ascii_case(operation) && e.table.eq_ignore_ascii_case(table);
    let statements = script.vetted.script.statements.iter().map(|s| (Some(s), &s.directives));
    for (statement, directives) in statements.chain([(None, &script.vetted.script.rest)]) {
        for directive in directives {
            let Says::Expect(expected) = &directive.says else { continue };
            let own = statement.filter(|s| s.change().is_some_and(|(verb, table)| same(expected, verb, &table))).map(|s| s.line);
            let counted =
                applied.changes.iter().filter(|c| same(expected, &c.operation, &c.table) && own.is_none_or(|line| c.line == line));
            let rows: usize = counted.clone().map(|c| c.rows).sum();
            let (none, holds) = (counted.count() == 0, expected.holds(rows));
            let mut check = figures("expect", step, directive.line, Some(expected.words()), Some(rows.to_string()), holds && !none);
            let what = format!("rows of {} that the step may {}", expected.table, expected.verb.to_lowercase());
            check.explanation = Some(if none { format!("{what}; no statement of the step does that") } else { what });
            applied.checks.push(check);
        }
    }
}

fn figures(name: &str, step: &str, line: usize, expected: Option<String>, actual: Option<String>, holds: bool) -> Check {
    let mut check = Check::new(name, format!("{step}:{line}"), Severity::Error);
    let number = |t: &Option<String>| t.as_deref().and_then(|t| t.parse::<i128>().ok());
    check.difference = number(&expected).zip(number(&actual)).map(|(e, a)| (a - e).to_string());
    check.status = if holds { Status::Match } else { Status::Difference };
    (check.expected, check.actual) = (expected, actual);
    check
}
