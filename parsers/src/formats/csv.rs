//! `csv`: delimited text. With a declared table any columns; without one the two tables of the domain, configuration
//! (`key,period,value`) and tenants (`id,name,email,…`), told apart by their header.

use crate::delimited::{Account, Wrong, rows};
use crate::diagnostic::{Severity, nearest};
use crate::fields::{Field, READING, Reading};
use crate::format::{Context, Format, OptionSpec, OptionValue, Parsed};
use crate::known_tables::{Shape, find_shape, knows};
use crate::record::{Located, Record};
use crate::text::Text;

/// The format, for the registry.
pub struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "delimited text: the columns of a declared table, or the configuration (key,period,value) and tenants of the main job"
    }

    fn example(&self) -> &'static str {
        "key,period,value\nel,2025-09,2424"
    }

    fn holds_tenants(&self) -> bool {
        true
    }

    fn claims(&self, name: &str, text: &str) -> bool {
        let header: Vec<&str> = text.lines().next().unwrap_or_default().split(',').map(str::trim).collect();
        name.ends_with(".csv") && knows(&header)
    }

    fn reads_tables(&self) -> bool {
        true
    }

    fn options(&self) -> &'static [OptionSpec] {
        const DELIMITER: OptionSpec = OptionSpec {
            name: "delimiter",
            takes: "one character, such as \";\"; a comma when it is not given",
            fits: |v| matches!(v, OptionValue::Text(t) if t.len() == 1 && t != "\"" && t.is_ascii()),
        };
        const HEADER: OptionSpec = OptionSpec {
            name: "header",
            takes: "true (the first line names the columns) or false (columns are known by their number, from 1)",
            fits: |v| matches!(v, OptionValue::Bool(_)),
        };
        &[DELIMITER, HEADER, READING[0], READING[1], READING[2], READING[3], READING[4], READING[5]]
    }

    fn parse(&self, text: &Text<'_>, context: &Context<'_>, out: &mut Parsed) {
        let delimiter = context.options.text("delimiter", ",").as_bytes().first().copied().unwrap_or(b',');
        if context.fields.is_empty() { known(text, delimiter, out) } else { declared(text, delimiter, context, out) }
    }
}

fn known(text: &Text<'_>, delimiter: u8, out: &mut Parsed) {
    let mut shape: Option<(&Shape, Vec<String>)> = None;
    rows(text, delimiter, out, |out, row| match &shape {
        None => match find_shape(&row) {
            Ok(found) => {
                shape = Some((found, row.record.iter().map(|c| c.trim().to_owned()).collect()));
                Account::Ignored("header")
            }
            Err(wrong) => {
                row.refuse(out, wrong);
                Account::GiveUp
            }
        },
        Some((shape, header)) => {
            let row = row.under(header);
            match row.complete().and_then(|()| (shape.read)(&row)) {
                Ok(value) => {
                    out.records.push(Located { value, span: row.span(0) });
                    Account::Used
                }
                Err(wrong) => {
                    row.refuse(out, wrong);
                    Account::Rejected
                }
            }
        }
    });
}

fn declared(text: &Text<'_>, delimiter: u8, context: &Context<'_>, out: &mut Parsed) {
    let reading = Reading::new(context.options, context.timezone);
    let headed = context.options.flag("header", true);
    let mut at: Option<Vec<usize>> = None;
    let mut names: Vec<String> = Vec::new();
    rows(text, delimiter, out, |out, row| {
        let header: Vec<String> = row.record.iter().map(|c| c.trim().to_owned()).collect();
        if at.is_none() {
            let mut found = Vec::new();
            for field in context.fields {
                let place = if headed {
                    header.iter().position(|h| *h == field.from)
                } else {
                    field.from.parse::<usize>().ok().and_then(|n| n.checked_sub(1))
                };
                match place {
                    Some(n) if n < header.len() => found.push(n),
                    _ => {
                        let hint = match nearest(&field.from, header.iter().map(String::as_str)) {
                            Some(near) if headed => format!("did you mean `{near}`? See `columns` of the source"),
                            _ if headed => format!("the header has: {}", header.join(", ")),
                            _ => format!("there are {} columns; number them from 1 in `columns` of the source", header.len()),
                        };
                        let message = format!("the column `{}` for {} is missing", field.from, field.name);
                        row.refuse(out, Wrong { field: 0, code: "unknown-header", message, hint });
                        return Account::GiveUp;
                    }
                }
            }
            let left: Vec<&str> = header.iter().enumerate().filter(|(n, _)| !found.contains(n)).map(|(_, h)| h.as_str()).collect();
            if headed && !left.is_empty() {
                let message = format!("columns that are not loaded: {}", left.join(", "));
                out.note(Severity::Info, "not-loaded", text, row.span(0), message, "name them in `columns` of the source to load them");
            }
            at = Some(found);
            names = header;
            if headed {
                return Account::Ignored("header");
            }
        }
        let row = row.under(&names);
        if let Err(wrong) = row.complete() {
            row.refuse(out, wrong);
            return Account::Rejected;
        }
        let columns: &[usize] = at.as_deref().unwrap_or_default();
        let given = |n: usize, _: &Field| row.record.get(columns[n]).unwrap_or_default();
        match reading.row(context.fields, text, out, given, |n, _| row.span(columns[n])) {
            Some(values) => {
                out.records.push(Located { value: Record::Row { values }, span: row.span(0) });
                Account::Used
            }
            None => Account::Rejected,
        }
    });
}
