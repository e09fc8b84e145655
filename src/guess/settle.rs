//! From what files look like to a source and its table: names, types, how numbers and days are written, the key. Every
//! guess is tried: the files are read by the format itself, and a column that it cannot read so is a text after all.

use super::keys::{Candidate, Rows};
use super::names::{free, name};
use super::sight::Sight;
use super::values::{DAY_FIRST, DAYS, DIGITS, MONTH_FIRST, STYLES};
use std::collections::BTreeMap;
use tieout_parsers::{Context, Decimal, Field, FieldKind, Format, OptionValue, Options, Record, Severity, parse as parse_bytes, registry};

/// A table as it is guessed.
pub(super) struct Settled {
    pub(super) columns: Vec<Column>,
    pub(super) options: BTreeMap<String, OptionValue>,
    /// Columns of the key; the last one counts equal rows when there is a `nth`.
    pub(super) key: Vec<String>,
    pub(super) nth: Option<String>,
    pub(super) rows: usize,
    /// What a person should look at.
    pub(super) doubts: Vec<String>,
}

/// A column as it is guessed.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the table.
    pub name: String,
    /// Where the file has it.
    pub from: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether every row must have a value.
    pub required: bool,
    /// The sum of its numbers.
    pub sum: Option<Decimal>,
}

/// Why nothing could be settled.
pub(super) enum Unsettled {
    /// Rows of different files contradict each other: they belong into different tables.
    Apart,
    /// The format cannot read them.
    Unreadable(String),
}

/// A file's bytes, and the name that its format sees.
pub(super) type Load<'l> = dyn Fn(usize) -> Result<(String, Vec<u8>), String> + 'l;

/// Settles a table for `files` files that look like `sight`; `whole` where all of them were read to the end.
pub(super) fn settle(sight: &Sight, files: usize, whole: bool, load: &Load<'_>) -> Result<Settled, Unsettled> {
    let mut doubts = sight.doubts.clone();
    let style = style(sight, &mut doubts);
    let days = days(sight, &mut doubts);
    let mut columns = typed(sight, style, &days, &mut doubts);
    let registry = registry();
    let unreadable = |why: &str| Unsettled::Unreadable(why.to_owned());
    let format = registry.find(sight.format).ok_or_else(|| unreadable("no format reads it"))?;
    loop {
        if columns.is_empty() {
            return Err(unreadable("no column of it can be read"));
        }
        let options = options(sight, style, &days, &columns);
        match read(format, sight, &columns, &options, files, load) {
            Ok(rows) => return keyed(columns, options, &rows, whole, doubts),
            Err(Wrong::File(why)) => return Err(Unsettled::Unreadable(why)),
            Err(Wrong::Column(n, why)) if columns[n].kind == FieldKind::Text => {
                doubts.push(format!("{} is not loaded: {why}", columns[n].from));
                columns.remove(n);
            }
            Err(Wrong::Column(n, _)) => columns[n].kind = FieldKind::Text,
        }
    }
}

/// The style that makes most columns numbers; where two do, and mean different numbers, that is a doubt.
fn style(sight: &Sight, doubts: &mut Vec<String>) -> usize {
    let mut order: Vec<usize> = (0..STYLES.len()).collect();
    if sight.delimiter == Some(',') {
        // A comma within a field of a file that commas part is one between thousands.
        order.sort_by_key(|s| STYLES[*s].0 == ",");
    }
    let is_number = |kind| matches!(kind, FieldKind::Integer | FieldKind::Decimal { .. });
    let score = |style: usize| sight.columns.iter().filter(|c| is_number(c.profile.kind(style))).count();
    let best = order.iter().map(|s| score(*s)).max().unwrap_or(0);
    let ties: Vec<usize> = order.into_iter().filter(|s| score(*s) == best).collect();
    let chosen = ties[0];
    for column in sight.columns.iter().filter(|c| is_number(c.profile.kind(chosen))) {
        let sum = |style: usize| column.profile.numbers(style).map(|n| n.sum);
        let other = ties.iter().find_map(|s| sum(*s).filter(|other| Some(*other) != sum(chosen)));
        if let (Some(mine), Some(other)) = (sum(chosen), other) {
            let (title, mark) = (&column.title, spoken_style(chosen));
            doubts.push(format!(
                "the numbers of `{title}` can be read in two ways: is the mark in them before decimals or between thousands? \
                 They are read with {mark} and come to {mine}; read the other way they would come to {other}"
            ));
        }
    }
    chosen
}

pub(super) fn spoken_style(style: usize) -> String {
    let (decimal, thousands) = STYLES[style];
    let decimal = if decimal == "," { "a decimal comma" } else { "a decimal point" };
    match thousands {
        "" => decimal.to_owned(),
        " " => format!("{decimal} and blanks between thousands"),
        mark => format!("{decimal} and `{mark}` between thousands"),
    }
}

/// The patterns of the source's days, so that each text has one reading. Day before month where nothing tells.
fn days(sight: &Sight, doubts: &mut Vec<String>) -> Vec<usize> {
    let dated: Vec<_> = sight.columns.iter().filter(|c| c.profile.kind(0) == FieldKind::Date && c.profile.written).collect();
    let has = |pattern: usize| dated.iter().any(|c| c.profile.days[pattern] && !(c.profile.days[other(pattern)]));
    let (day_first, month_first) = (has(DAY_FIRST), has(MONTH_FIRST));
    let mut patterns = Vec::new();
    for column in &dated {
        let alive: Vec<usize> = (0..DAYS.len()).filter(|p| column.profile.days[*p]).collect();
        let both = alive.contains(&DAY_FIRST) && alive.contains(&MONTH_FIRST);
        let chosen = if both && month_first && !day_first { MONTH_FIRST } else { alive[0] };
        if both && !day_first && !month_first {
            doubts.push(format!(
                "the days of `{}` fit both {} and {}; the first is taken: check one whose month you know",
                column.title, DAYS[DAY_FIRST], DAYS[MONTH_FIRST]
            ));
        }
        if chosen == DIGITS {
            doubts.push(format!("the eight digits of `{}` are taken for days; if they are numbers, make it an integer", column.title));
        }
        let contradicts = patterns.contains(&other(chosen)) && other(chosen) != chosen;
        if contradicts {
            doubts.push(format!("`{}` writes days with the month in another place than other columns, so it is a text", column.title));
        } else if !patterns.contains(&chosen) {
            patterns.push(chosen);
        }
    }
    patterns
}

/// The pattern that one text can fit as well.
fn other(pattern: usize) -> usize {
    match pattern {
        DAY_FIRST => MONTH_FIRST,
        MONTH_FIRST => DAY_FIRST,
        same => same,
    }
}

fn typed(sight: &Sight, style: usize, days: &[usize], doubts: &mut Vec<String>) -> Vec<Column> {
    let mut taken: Vec<String> = Vec::new();
    let mut columns = Vec::new();
    for (n, seen) in sight.columns.iter().enumerate() {
        let profile = &seen.profile;
        if let Some(what) = profile.unusable() {
            doubts.push(format!("`{}` is not loaded: it has {what} in it", seen.title));
            continue;
        }
        let kind = match profile.kind(style) {
            FieldKind::Date if profile.written && !days.iter().any(|p| profile.days[*p]) => FieldKind::Text,
            kind => kind,
        };
        if profile.is_too_long(style) {
            doubts.push(format!("the numbers of `{}` have more digits than every database keeps exactly, so it is a text", seen.title));
        }
        if profile.filled == 0 {
            doubts.push(format!("`{}` has no values, so nothing says what it holds", seen.title));
        }
        let name = free(name(&seen.title, &format!("column_{}", n + 1)), &taken);
        taken.push(name.clone());
        columns.push(Column { name, from: seen.from.clone(), kind, required: false, sum: None });
    }
    columns
}

fn options(sight: &Sight, style: usize, days: &[usize], columns: &[Column]) -> BTreeMap<String, OptionValue> {
    let text = |t: &str| OptionValue::Text(t.to_owned());
    let mut options = BTreeMap::new();
    let mut set = |name: &str, value: OptionValue| options.insert(name.to_owned(), value);
    if let Some(delimiter) = sight.delimiter.filter(|d| *d != ',') {
        set("delimiter", text(&delimiter.to_string()));
    }
    if sight.format == "csv" && !sight.headed {
        set("header", OptionValue::Bool(false));
    }
    if sight.skip > 0 {
        set("skip", OptionValue::Integer(i64::try_from(sight.skip).unwrap_or(0)));
    }
    sight.sheet.as_ref().map(|sheet| set("sheet", text(sheet)));
    sight.records.as_ref().filter(|r| !r.is_empty()).map(|records| set("records", text(records)));
    let numbers = columns.iter().any(|c| matches!(c.kind, FieldKind::Integer | FieldKind::Decimal { .. }));
    let (decimal, thousands) = STYLES[style];
    if numbers && decimal != "." {
        set("decimal", text(decimal));
    }
    if numbers && !thousands.is_empty() {
        set("thousands", text(thousands));
    }
    let dates: Vec<String> = days.iter().map(|p| DAYS[*p].to_owned()).collect();
    if columns.iter().any(|c| c.kind == FieldKind::Date) && !dates.is_empty() && dates != [DAYS[0]] {
        set("dates", OptionValue::Words(dates));
    }
    let is_typed = |from: &str| columns.iter().any(|c| c.from == *from && c.kind != FieldKind::Text);
    let mut nothing: Vec<String> =
        sight.columns.iter().filter(|c| is_typed(&c.from)).flat_map(|c| c.profile.nothing.iter().cloned()).collect();
    nothing.sort();
    nothing.dedup();
    if !nothing.is_empty() {
        nothing.insert(0, String::new());
        set("nulls", OptionValue::Words(nothing));
    }
    options
}

/// Why files cannot be read so.
enum Wrong {
    Column(usize, String),
    File(String),
}

fn read(
    format: &dyn Format,
    sight: &Sight,
    columns: &[Column],
    options: &BTreeMap<String, OptionValue>,
    files: usize,
    load: &Load<'_>,
) -> Result<Rows, Wrong> {
    let field = |c: &Column| Field { name: c.name.clone(), from: c.from.clone(), kind: c.kind, required: false };
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let options = Options::new(format, options.clone()).map_err(|e| Wrong::File(e.message))?;
    let timezone = jiff::tz::TimeZone::UTC;
    let mut rows = Rows::new(columns.len());
    for file in 0..files {
        let (path, bytes) = load(file).map_err(Wrong::File)?;
        let context = Context {
            path: &path,
            timezone: &timezone,
            encoding: sight.bytes.encoding(),
            fields: &fields,
            worth: None,
            only: None,
            options: &options,
        };
        let parsed = parse_bytes(format, &bytes, &context);
        if let Some(wrong) = parsed.diagnostics.iter().find(|d| d.severity == Severity::Error) {
            let about = fields.iter().position(|f| wrong.message.starts_with(&format!("{}: ", f.name)));
            let why = format!("line {}: {}", wrong.span.line, wrong.message);
            return Err(about.map_or(Wrong::File(why.clone()), |n| Wrong::Column(n, why)));
        }
        rows.add_file(
            parsed.records.iter().filter_map(|r| if let Record::Row { values } = &r.value { Some(values.as_slice()) } else { None }),
        );
    }
    if rows.len() == 0 { Err(Wrong::File("it has no rows".into())) } else { Ok(rows) }
}

fn keyed(
    mut columns: Vec<Column>,
    options: BTreeMap<String, OptionValue>,
    rows: &Rows,
    whole: bool,
    doubts: Vec<String>,
) -> Result<Settled, Unsettled> {
    let candidates: Vec<Candidate<'_>> = columns.iter().map(|c| Candidate { name: &c.name, kind: c.kind }).collect();
    let key = rows.key(&candidates).ok_or(Unsettled::Apart)?;
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    let nth = key.counted.then(|| free("nth".into(), &names));
    let key = key.columns.iter().map(|n| names[*n].clone()).chain(nth.clone()).collect();
    for (n, column) in columns.iter_mut().enumerate() {
        let exact = matches!(column.kind, FieldKind::Decimal { .. } | FieldKind::Date | FieldKind::Month | FieldKind::Timestamp);
        column.required = exact && whole && rows.filled[n] == rows.len();
        if let FieldKind::Decimal { scale, .. } = column.kind {
            column.sum = rows.sums[n].map(|mut sum| {
                sum.rescale(scale);
                sum
            });
        }
    }
    Ok(Settled { columns, options, key, nth, rows: rows.len(), doubts })
}
