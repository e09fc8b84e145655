//! Which steps already stand in a database that another tool brought there. The shape after each step is found by
//! trying the steps on nothing; the database's own shape is compared with each. A half-way shape is refused.

use super::Step;
use crate::error::{Result, Stop};
use crate::script::{Object, Says, Statement};
use crate::store::{Shape, Store, TableShape, quote, shapes_after};
use std::collections::{BTreeMap, BTreeSet};

/// How many of the steps stand in a database without a history of ours. A step that leaves no shape to compare (one that
/// only changes rows) is never taken for done because of what stands before it.
pub(super) fn stands(store: &mut Store, steps: &[Step]) -> Result<usize> {
    let actual = store.shape()?;
    if actual.is_empty() {
        return Ok(0);
    }
    let (shapes, why) = shapes(store, steps)?;
    let ever = ever(&shapes);
    let closest = (0..shapes.len()).map(|n| (differences(&shapes[n], &ever, &actual), n));
    // The latest of the closest: where what a step adds is there, the step stands.
    let (mut differences, mut n) = closest.min_by_key(|(d, n)| (d.len(), steps.len() - n)).unwrap_or_default();
    // Else a step may say itself what it does where its tables stand, however they are.
    let without_asked = (0..shapes.len()).rev().find(|at| {
        let asked: BTreeSet<String> = steps[*at..].iter().flat_map(asks_about).collect();
        let rest = ever.iter().filter(|(table, _)| !asked.contains(&table.to_lowercase()));
        self::differences(&shapes[*at], &rest.map(|(table, columns)| (*table, columns.clone())).collect(), &actual).is_empty()
    });
    if let Some(at) = without_asked.filter(|_| !differences.is_empty()) {
        (differences, n) = (Vec::new(), at);
    }
    if differences.is_empty() {
        while n > 0 && shapes[n] == shapes[n - 1] {
            n -= 1;
        }
        return Ok(n);
    }
    let after = n.checked_sub(1).map_or("no step at all".to_owned(), |i| format!("step {}", steps[i].name));
    Err(Stop::database(
        format!(
            "the database's tables are not as any of the migrations leaves them{}; closest is {after}, but {}",
            untried(steps, &shapes, why.as_deref()),
            differences.join("; ")
        ),
        "bring the tables to that shape, or correct the migrations, and run again; nothing was written",
    ))
}

/// The tables that a step's own conditions ask about, in small letters.
fn asks_about(step: &Step) -> Vec<String> {
    let mut tables = Vec::new();
    for statement in &step.up.vetted.script.statements {
        for directive in &statement.directives {
            if let Says::Only(condition) = &directive.says {
                tables.extend(match &condition.object {
                    Object::Table(table) | Object::Column(table, _) => Some(table.to_lowercase()),
                    _ => statement.on_table().or_else(|| statement.altered_table()).map(|table| table.to_lowercase()),
                });
            }
        }
    }
    tables
}

/// That the first `count` steps stand, those too that leave no shape, because somebody says so: the shapes must agree.
pub(super) fn must_stand(store: &mut Store, steps: &[Step], count: usize) -> Result<usize> {
    let actual = store.shape()?;
    let (shapes, why) = shapes(store, steps)?;
    if shapes.len() <= count {
        let message = format!("whether {} stands cannot be told{}", steps[count - 1].name, untried(steps, &shapes, why.as_deref()));
        let hint = "on PostgreSQL, let the role create a database to try the steps in (ALTER ROLE … CREATEDB); else name an earlier step with --at";
        return Err(Stop::database(message, hint));
    }
    let differences = differences(&shapes[count], &ever(&shapes), &actual);
    if differences.is_empty() {
        return Ok(count);
    }
    let message = format!("the step {} is said to stand, but {}", steps[count - 1].name, differences.join("; "));
    Err(Stop::database(message, "name the step that does stand with --at, or bring the tables to that shape; nothing was written"))
}

/// How many steps another tool says it applied, from its own history; `None` where there is none.
pub(super) fn claimed(store: &mut Store, steps: &[Step]) -> Result<Option<usize>> {
    let Some((tool, names)) = store.foreign_history()? else { return Ok(None) };
    let digits = |name: &str| -> String {
        let head = name.split('_').next().unwrap_or_default();
        head.chars().filter(|c| *c != '-').collect()
    };
    let is = |step: &Step, name: &String| step.name == *name || digits(&step.name) == digits(name);
    if let Some(unknown) = names.iter().find(|name| !steps.iter().any(|s| is(s, name))) {
        let message = format!("{tool} says that {unknown} was applied, which is not among the migrations");
        return Err(Stop::database(message, "is it the right folder? `--at STEP` says which step stands instead"));
    }
    let count = steps.iter().take_while(|s| names.iter().any(|name| is(s, name))).count();
    match steps[count..].iter().find(|s| names.iter().any(|name| is(s, name))) {
        Some(late) => {
            let message = format!("{tool} says that {} was applied, but not {} before it", late.name, steps[count].name);
            Err(Stop::database(message, "`--at STEP` says which step stands"))
        }
        None => Ok(Some(count).filter(|n| *n > 0)),
    }
}

/// The shape before the first step and behind each, as far as they can be tried; and why not all can be.
fn shapes(store: &mut Store, steps: &[Step]) -> Result<(Vec<Shape>, Option<String>)> {
    let sql: Vec<Vec<&str>> = steps.iter().map(|s| s.up.vetted.script.statements.iter().map(|s| s.sql.as_str()).collect()).collect();
    let mut shapes = vec![Shape::new()];
    let tried = shapes_after(store, &sql)?;
    shapes.extend(tried.shapes);
    Ok((shapes, tried.why))
}

fn untried(steps: &[Step], shapes: &[Shape], why: Option<&str>) -> String {
    match (steps.get(shapes.len() - 1), why) {
        (Some(step), Some(why)) => format!(" (the step {} and those behind it could not be tried: {why})", step.name),
        _ => String::new(),
    }
}

/// The tables that the steps are about, and the columns that each has had.
type Ever<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn ever(shapes: &[Shape]) -> Ever<'_> {
    let mut ever = Ever::new();
    for (table, shape) in shapes.iter().flatten() {
        ever.entry(table).or_default().extend(shape.columns.iter().map(|c| c.name.as_str()));
    }
    ever
}

/// How those tables differ from a shape.
fn differences(shape: &Shape, ever: &Ever<'_>, actual: &Shape) -> Vec<String> {
    let mut found = Vec::new();
    for (table, ever) in ever {
        match (shape.get(*table), actual.get(*table)) {
            (None, None) => {}
            (Some(_), None) => found.push(format!("the table {table} is missing")),
            (None, Some(_)) => found.push(format!("the table {table} is there")),
            (Some(should), Some(is)) => compare(table, should, is, ever, &mut found),
        }
    }
    found
}

/// How an object that stands differs from what a statement would make, in sentences; nothing where that cannot be tried.
pub(super) fn otherwise(store: &mut Store, object: &Object, statement: &Statement) -> Result<Vec<String>> {
    let mut found = Vec::new();
    match object {
        Object::Table(name) if statement.created_table().is_some() => {
            let (made, is) = (store.table_made(&statement.sql, name)?, store.table_shape(name)?);
            if let (Some(should), Some(is)) = (made, is) {
                compare(name, &should, &is, &BTreeSet::new(), &mut found);
            }
        }
        Object::Column(table, column) if statement.altered_table().is_some() => {
            let made = store.column_made(&statement.sql, table, column)?;
            if let (Some(column), Some(is)) = (made, store.table_shape(table)?) {
                let should = TableShape { columns: vec![column], ..TableShape::default() };
                compare(table, &should, &is, &BTreeSet::new(), &mut found);
            }
        }
        Object::Index(name) => {
            if let (Some(index), Some(table)) = (statement.created_index(), statement.on_table()) {
                let (should, is) = (store.index_made(&statement.sql, &index, &table)?, store.index_words(name)?);
                if let (Some(should), Some(is)) = (should, is)
                    && should != is
                {
                    found.push(format!("the index {} is {is} instead of {should}", quote(name)));
                }
            }
        }
        _ => {}
    }
    Ok(found)
}

/// What another tool added (a column or an index that no step knows) is left alone.
fn compare(table: &str, should: &TableShape, is: &TableShape, ever: &BTreeSet<&str>, found: &mut Vec<String>) {
    for column in &should.columns {
        match is.column(&column.name) {
            None => found.push(format!("{table}.{} is missing", column.name)),
            Some(other) if other.declared != column.declared => {
                found.push(format!("{table}.{} is {} instead of {}", column.name, other.declared, column.declared));
            }
            Some(other) if other.required != column.required => {
                let word = if other.required { "NOT NULL" } else { "nullable" };
                found.push(format!("{table}.{} is {word}", column.name));
            }
            Some(other) if other.generated != column.generated || other.default != column.default => {
                found.push(format!("{table}.{} has the default `{}` instead of `{}`", column.name, other.default, column.default));
            }
            Some(_) => {}
        }
    }
    for column in &is.columns {
        if should.column(&column.name).is_none() && ever.contains(column.name.as_str()) {
            found.push(format!("{table}.{} is there", column.name));
        }
    }
    found.extend(should.indexes.difference(&is.indexes).map(|i| format!("{table} lacks the {i}")));
    found.extend(should.foreign_keys.difference(&is.foreign_keys).map(|k| format!("{table} lacks the foreign key {k}")));
}
