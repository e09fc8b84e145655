//! The pictures, as SVG. Written by hand: rectangles and labels in whole pixels, coloured by the page's style sheet in light and
//! dark, each with its figures as a tooltip. A charting library would bring fonts, floats and colours of its own.

use super::escape::escaped;
use crate::evidence::{Check, Status};
use crate::report::form::Lang;
use crate::report::{Monthly, Outcome};
use rust_decimal::prelude::ToPrimitive;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use tieout_parsers::{Decimal, Month, exact_decimal};

/// How many months a picture has at most: the last ones.
const MONTHS: usize = 240;
/// How many series a picture has at most.
const SERIES: usize = 24;

/// All pictures that the outcome has figures for: heading and SVG.
pub(super) fn all(outcome: &Outcome, lang: Lang) -> Vec<(String, String)> {
    let mut pictures = Vec::new();
    for (name, checks) in by_month(outcome) {
        let of_bills = outcome.account.formulas.iter().any(|f| f.check == name && f.formula.contains("ElectricityBill.amount"));
        let stacks = if of_bills { stacked(&outcome.account.monthly, "ElectricityBill") } else { BTreeMap::new() };
        let title = if of_bills {
            lang.say("Electricity bills by month, against the configured value").to_owned()
        } else {
            format!("{name}: {}", lang.say("By month"))
        };
        pictures.push((title.clone(), bars(&title, &checks, &stacks, lang)));
    }
    let rent = stacked(&outcome.account.monthly, "RentLedger");
    if !rent.is_empty() {
        let title = lang.say("Rent by tenant and month").to_owned();
        pictures.push((title.clone(), heat(&title, &rent)));
    }
    if let Some(svg) = coverage(outcome, lang) {
        pictures.push((lang.say("Coverage by month").to_owned(), svg));
    }
    if !outcome.sources.is_empty() {
        let title = lang.say("What became of the lines and values of each source").to_owned();
        pictures.push((title.clone(), fates(outcome, &title, lang)));
    }
    pictures
}

/// The comparisons of money that go by months, by name.
fn by_month(outcome: &Outcome) -> Vec<(&str, Vec<&Check>)> {
    let mut found: Vec<(&str, Vec<&Check>)> = Vec::new();
    for check in outcome.checks.iter().filter(|c| c.money && Month::parse(&c.group).is_some()) {
        match found.iter_mut().find(|(name, _)| *name == check.name) {
            Some((_, checks)) => checks.push(check),
            None => found.push((&check.name, vec![check])),
        }
    }
    found.retain(|(_, checks)| checks.len() > 1);
    for (_, checks) in &mut found {
        checks.sort_by(|a, b| a.group.cmp(&b.group));
        let from = checks.len().saturating_sub(MONTHS);
        checks.drain(..from);
    }
    found.truncate(SERIES);
    found
}

/// The sums of a table: by month, then whose.
fn stacked<'m>(monthly: &'m [Monthly], table: &str) -> BTreeMap<&'m str, BTreeMap<&'m str, Decimal>> {
    let mut stacks: BTreeMap<&str, BTreeMap<&str, Decimal>> = BTreeMap::new();
    for cell in monthly.iter().filter(|m| m.table == table) {
        let sum = cell.sum.as_deref().and_then(exact_decimal).unwrap_or_default();
        stacks.entry(&cell.month).or_default().insert(&cell.of, sum);
    }
    stacks
}

/// So many pixels of `height` as `value` is of `most`.
fn scaled(value: Decimal, most: Decimal, height: i64) -> i64 {
    let part = value.checked_mul(Decimal::from(height)).and_then(|v| v.checked_div(most));
    part.and_then(|p| p.round().to_i64()).unwrap_or_default().clamp(0, height)
}

/// The lines of an axis above its zero.
const LINES: i64 = 4;

/// The smallest round figure of which so many reach `most`: 1, 2, 2.5 or 5, with zeros.
fn round_step(most: Decimal) -> Decimal {
    let ten = Decimal::TEN;
    let mut digit = Decimal::ONE;
    loop {
        let steps = [digit, digit * Decimal::TWO, digit * ten / Decimal::from(4), digit * Decimal::from(5)];
        if let Some(step) = steps.into_iter().find(|s| s.saturating_mul(Decimal::from(LINES)) >= most) {
            return step;
        }
        match digit.checked_mul(Decimal::ONE_HUNDRED) {
            Some(_) => digit *= ten,
            None => return digit,
        }
    }
}

fn open(out: &mut String, width: i64, height: i64, title: &str) {
    let title = escaped(title);
    let _ = write!(out, "<svg role=\"img\" aria-label=\"{title}\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">");
}

/// A rectangle with its figures: left, top, width, height.
fn rect(out: &mut String, class: &str, (x, y, w, h): (i64, i64, i64, i64), said: &str) {
    let _ = write!(out, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"><title>{}</title></rect>", escaped(said));
}

fn label(out: &mut String, class: &str, x: i64, y: i64, text: &str) {
    let _ = write!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
}

/// Sums by month in bars, stacked where it is known of what; the value they should have as a line, differences marked.
fn bars(title: &str, checks: &[&Check], stacks: &BTreeMap<&str, BTreeMap<&str, Decimal>>, lang: Lang) -> String {
    let number = |text: &Option<String>| text.as_deref().and_then(exact_decimal);
    let most = checks.iter().flat_map(|c| [number(&c.actual), number(&c.expected)]).flatten().max().unwrap_or_default().max(Decimal::ONE);
    let rule = round_step(most);
    let most = rule.saturating_mul(Decimal::from(LINES));
    let series: Vec<&str> = stacks.values().flat_map(|s| s.keys().copied()).collect::<BTreeSet<_>>().into_iter().take(SERIES).collect();
    let (step, left, top, height) = (if checks.len() > 60 { 10 } else { 24 }, 56, 40, 170);
    let width = left + step * checks.len() as i64 + 12;
    let mut out = String::new();
    open(&mut out, width.max(560) + 40, top + height + 52, title);
    for line in 0..=LINES {
        let y = top + height - height * line / LINES;
        let value = rule * Decimal::from(line);
        let _ = write!(out, "<line class=\"rule\" x1=\"{left}\" x2=\"{width}\" y1=\"{y}\" y2=\"{y}\"/>");
        label(&mut out, "axis end", left - 6, y + 4, &value.normalize().to_string());
    }
    for (n, check) in checks.iter().enumerate() {
        let (x, wide) = (left + step * n as i64 + 2, step - 5);
        let figures = stacks.get(check.group.as_str());
        let mut y = top + height;
        let whole = BTreeMap::from([("", number(&check.actual).unwrap_or_default())]);
        for (of, value) in figures.unwrap_or(&whole) {
            let class = format!("s{}", series.iter().position(|s| s == of).unwrap_or_default() % 6);
            let tall = scaled(*value, most, height);
            y -= tall;
            rect(&mut out, &class, (x, y, wide, tall), &format!("{} {of} {}", check.group, value.normalize()));
        }
        if let Some(expected) = number(&check.expected) {
            let at = top + height - scaled(expected, most, height);
            rect(
                &mut out,
                "target",
                (x - 2, at - 1, wide + 4, 2),
                &format!("{} {}: {expected}", check.group, lang.say("configured value")),
            );
        }
        if check.difference.as_deref().is_some_and(|d| d != "0") && check.status != Status::Derived {
            let class = if check.status.passes() { "mark tolerated" } else { "mark wrong" };
            let said = format!("{}: {} ({})", check.group, check.difference.as_deref().unwrap_or_default(), lang.say(check.status.words()));
            let (at, middle) = (y.min(top + height - scaled(number(&check.expected).unwrap_or_default(), most, height)) - 5, x + wide / 2);
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{} {} h10 l-5 6 z\"><title>{}</title></path>",
                middle - 5,
                at - 6,
                escaped(&said)
            );
        }
        if step > 10 && n % 3 == 0 || n % 12 == 0 {
            label(&mut out, "axis", x, top + height + 16, &check.group);
        }
    }
    let mut x = left;
    for (n, name) in series.iter().take(6).enumerate() {
        key(&mut out, &format!("s{n}"), &mut x, top + height + 36, name);
    }
    key(&mut out, "target", &mut x, top + height + 36, lang.say("configured value"));
    key(&mut out, "tolerated", &mut x, top + height + 36, lang.say("tolerated difference"));
    key(&mut out, "wrong", &mut x, top + height + 36, lang.say("difference"));
    out + "</svg>"
}

/// A colour and what it means.
fn key(out: &mut String, class: &str, x: &mut i64, y: i64, text: &str) {
    rect(out, class, (*x, y, 10, 10), text);
    label(out, "axis", *x + 15, y + 9, text);
    *x += 30 + 7 * text.chars().count() as i64;
}

/// Whose in rows, months in columns, the sum in each cell.
fn heat(title: &str, stacks: &BTreeMap<&str, BTreeMap<&str, Decimal>>) -> String {
    let months: Vec<&str> = stacks.keys().copied().rev().take(MONTHS).collect::<Vec<_>>().into_iter().rev().collect();
    let names: Vec<&str> = stacks.values().flat_map(|s| s.keys().copied()).collect::<BTreeSet<_>>().into_iter().take(60).collect();
    let most = stacks.values().flat_map(|s| s.values()).max().copied().unwrap_or_default().max(Decimal::ONE);
    let (left, step, tall) = (130, if months.len() > 16 { 16 } else { 66 }, 24);
    let mut out = String::new();
    open(&mut out, left + step * months.len() as i64 + 8, 30 + tall * names.len() as i64 + 6, title);
    for (column, month) in months.iter().enumerate() {
        let x = left + step * column as i64;
        if step > 20 || column % 6 == 0 {
            label(&mut out, "axis", x + 2, 18, month);
        }
        for (row, name) in names.iter().enumerate() {
            let y = 28 + tall * row as i64;
            if column == 0 {
                let short: String = name.chars().take(18).collect();
                label(&mut out, "axis end", left - 8, y + 15, &short);
            }
            let Some(value) = stacks.get(month).and_then(|s| s.get(name)) else {
                rect(&mut out, "none", (x, y, step - 2, tall - 2), &format!("{name}, {month}: –"));
                continue;
            };
            let level = scaled(*value, most, 5);
            rect(&mut out, &format!("h{level}"), (x, y, step - 2, tall - 2), &format!("{name}, {month}: {}", value.normalize()));
            if step > 20 {
                label(&mut out, &format!("cell on{level}"), x + step / 2 - 1, y + 15, &value.normalize().to_string());
            }
        }
    }
    out + "</svg>"
}

/// Which month has rows of what.
fn coverage(outcome: &Outcome, lang: Lang) -> Option<String> {
    let account = &outcome.account;
    let (from, to) = (Month::parse(account.from.as_deref()?)?, Month::parse(account.to.as_deref()?)?);
    let mut rows: BTreeMap<(&str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for cell in &account.monthly {
        // Tenants come and go: of the ledger it is the month that counts.
        let of = if cell.table == "RentLedger" { "" } else { cell.of.as_str() };
        *rows.entry((&cell.table, of)).or_default().entry(&cell.month).or_default() += cell.rows;
    }
    let mut months: Vec<String> = Vec::new();
    let mut month = to;
    while month >= from && months.len() < MONTHS {
        months.push(month.to_string());
        month = month.plus(-1);
    }
    months.reverse();
    let (left, step, tall) = (190, if months.len() > 60 { 9 } else { 18 }, 20);
    let shown = rows.len().min(SERIES);
    let mut out = String::new();
    open(&mut out, left + step * months.len() as i64 + 50, 30 + tall * shown as i64 + 6, lang.say("Coverage by month"));
    for (column, month) in months.iter().enumerate().filter(|(column, month)| *column == 0 || month.ends_with("-01")) {
        label(&mut out, "axis", left + step * column as i64, 18, month);
    }
    for (row, ((table, of), there)) in rows.iter().take(SERIES).enumerate() {
        let y = 28 + tall * row as i64;
        let name: String = format!("{table} {of}").trim().chars().take(28).collect();
        label(&mut out, "axis end", left - 8, y + 13, &name);
        for (column, month) in months.iter().enumerate() {
            let count = there.get(month.as_str()).copied().unwrap_or_default();
            let class = if count > 0 { "there" } else { "none" };
            rect(&mut out, class, (left + step * column as i64, y, step - 2, tall - 4), &format!("{name}, {month}: {count}"));
        }
    }
    Some(out + "</svg>")
}

/// Of each source, what became of its lines or values.
fn fates(outcome: &Outcome, title: &str, lang: Lang) -> String {
    let mut sources: BTreeMap<(&str, &str), [usize; 5]> = BTreeMap::new();
    for file in &outcome.sources {
        let counts = sources.entry((&file.source, &file.unit)).or_default();
        let own = [file.loaded, file.superseded, file.duplicate, file.ignored.values().sum(), file.rejected];
        counts.iter_mut().zip(own).for_each(|(sum, n)| *sum += n);
    }
    sources.retain(|_, counts| counts.iter().any(|n| *n > 0));
    let names = ["loaded", "superseded", "duplicate", "ignored", "rejected"];
    let (left, long, tall) = (190, 460, 30);
    let shown = sources.len().min(SERIES) as i64;
    let mut out = String::new();
    open(&mut out, left + long + 110, tall * shown + 34, title);
    for (row, ((source, unit), counts)) in sources.iter().take(SERIES).enumerate() {
        let (read, y): (usize, i64) = (counts.iter().sum(), 4 + tall * row as i64);
        let short: String = source.chars().take(26).collect();
        label(&mut out, "axis end", left - 8, y + 15, &short);
        let mut x = left;
        for (name, count) in names.iter().zip(counts).filter(|(_, count)| **count > 0) {
            let wide = scaled(Decimal::from(*count), Decimal::from(read), long).max(2);
            let said = format!("{source}: {count} {unit} {}", lang.say(name));
            rect(&mut out, &format!("f-{name}"), (x, y, wide, tall - 8), &said);
            if wide > 34 {
                label(&mut out, &format!("cell f-{name}-on"), x + wide / 2, y + 15, &count.to_string());
            }
            x += wide;
        }
        label(&mut out, "axis", left + long + 10, y + 15, &format!("{read} {unit}"));
    }
    let mut x = left;
    for name in names {
        key(&mut out, &format!("f-{name}"), &mut x, tall * shown + 14, lang.say(name));
    }
    out + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_figures() {
        for (most, step) in [("6118", "2000"), ("8000", "2000"), ("8001", "2500"), ("12", "5"), ("4", "1"), ("99999.5", "25000")] {
            assert_eq!(round_step(most.parse().unwrap()), step.parse().unwrap(), "{most}");
        }
        assert!(round_step(Decimal::MAX) > Decimal::ZERO);
    }
}
