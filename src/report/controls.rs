//! Control totals of a table from the files to its closing: stated, counted, read back; opening, added, corrected, removed,
//! closing. What was written is taken from the change log, what stands there from the table, so that the two prove each other.

use super::account::ControlTotal;
use crate::error::Result;
use crate::evidence::Finding;
use crate::load::{Stages, Totals, whole};
use crate::store::Store;
use crate::table::Canonical;
use std::collections::BTreeMap;
use tieout_parsers::exact_decimal;

/// The figures of a table from the files to its closing, and what does not foot.
pub(super) fn control_totals(store: &mut Store, run: i64, stages: Stages) -> Result<(Vec<ControlTotal>, Vec<Finding>)> {
    let table = stages.table;
    let columns: Vec<String> = stages.stated.sums.keys().cloned().collect();
    let closing = whole(store, &table, columns.iter().map(String::as_str))?;
    let mut moved = [(); 3].map(|()| Totals::of(columns.iter().map(String::as_str)));
    store.logged_of(run, &table, |logged| {
        let [added, corrected, removed] = &mut moved;
        let read = |text: &Option<String>| -> BTreeMap<String, Option<String>> {
            text.as_deref().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default()
        };
        match logged.operation.as_str() {
            "insert" => count(added, &read(&logged.after), false),
            "delete" => count(removed, &read(&logged.before), false),
            "update" => {
                // A revision changes what rows come to, not how many there are.
                let rows = corrected.rows;
                count(corrected, &read(&logged.before), true);
                count(corrected, &read(&logged.after), false);
                corrected.rows = rows;
            }
            _ => {}
        }
        Ok(())
    })?;
    store.packed_texts(run, &table, &columns, |texts| {
        moved[0].rows += 1;
        columns.iter().zip(texts).for_each(|(column, text)| moved[0].add(column, text.as_deref()));
    })?;
    let text = |totals: Option<&Totals>, figure: &str| totals.and_then(|t| t.figures().remove(figure));
    let figures = ["rows".to_owned()].into_iter().chain(columns).chain(["hash".to_owned()]);
    let (mut controls, mut findings) = (Vec::new(), Vec::new());
    for figure in figures {
        let mut total = ControlTotal { table: table.clone(), figure: figure.clone(), ..ControlTotal::default() };
        total.counted = text(stages.counted.as_ref(), &figure);
        total.read_back = text(stages.read_back.as_ref(), &figure);
        if figure != "hash" {
            total.stated = text(Some(&stages.stated), &figure);
            total.opening = text(stages.opening.as_ref(), &figure);
            let [added, corrected, removed] = &moved;
            (total.added, total.corrected, total.removed) =
                (text(Some(added), &figure), text(Some(corrected), &figure), text(Some(removed), &figure));
            total.closing = text(Some(&closing), &figure);
        } else if total.counted.is_none() {
            continue;
        }
        total.foots = foots(&total);
        if total.foots == Some(false) {
            findings.push(does_not_foot(&total));
        }
        controls.push(total);
    }
    Ok((controls, findings))
}

fn count(totals: &mut Totals, row: &BTreeMap<String, Option<String>>, away: bool) {
    totals.rows += 1;
    let columns: Vec<String> = totals.sums.keys().cloned().collect();
    for column in columns {
        let Some(text) = row.get(&column).and_then(Option::as_deref) else { continue };
        let turned = exact_decimal(text).filter(|_| away).map(|n| (-n).canonical());
        totals.add(&column, Some(turned.as_deref().unwrap_or(text)));
    }
}

/// Whether a figure's stages agree, as far as they are known.
fn foots(total: &ControlTotal) -> Option<bool> {
    let back = total.counted.as_ref().zip(total.read_back.as_ref()).map(|(counted, back)| counted == back);
    if total.figure == "hash" {
        return back;
    }
    let number = |text: &Option<String>| text.as_deref().and_then(exact_decimal);
    let sides = [&total.opening, &total.added, &total.corrected, &total.removed, &total.closing].map(number);
    let [Some(opening), Some(added), Some(corrected), Some(removed), Some(closing)] = sides else { return back };
    let sum = opening.checked_add(added).and_then(|s| s.checked_add(corrected)).and_then(|s| s.checked_sub(removed));
    Some(sum == Some(closing) && back != Some(false))
}

fn does_not_foot(total: &ControlTotal) -> Finding {
    let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    let message = format!(
        "{} of {}: {} before, {} added, {} corrected and {} taken away do not make {}",
        total.figure,
        total.table,
        side(&total.opening),
        side(&total.added),
        side(&total.corrected),
        side(&total.removed),
        side(&total.closing)
    );
    let hint = "something else writes to the table when we do, such as a trigger: look at what it changed";
    Finding::warning("does-not-foot", message, hint)
}
