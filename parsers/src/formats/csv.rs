//! `csv`: delimited text. With a declared table any columns; without one the two tables of the domain, configuration
//! (`key,period,value`) and tenants (`id,name,email,…`), told apart by their header.

use crate::delimited::{Account, Row, Wrong, last_row_end, rows};
use crate::diagnostic::{Severity, nearest};
use crate::fields::{Field, READING, Reading};
use crate::format::{Blocks, Context, Format, OptionSpec, OptionValue};
use crate::known_tables::{Shape, find_shape, knows};
use crate::parsed::Parsed;
use crate::record::Record;
use crate::text::Text;
use std::ops::ControlFlow;

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

    fn rejects_records(&self) -> bool {
        true
    }

    fn blocks<'c>(&self, context: &'c Context<'_>) -> Option<Box<dyn Blocks + 'c>> {
        let delimiter = context.options.text("delimiter", ",").as_bytes().first().copied().unwrap_or(b',');
        Some(if context.fields.is_empty() {
            Box::new(Known { delimiter, context, shape: None })
        } else {
            Box::new(Declared { delimiter, context, reading: Reading::new(context.options, context.timezone), header: None })
        })
    }
}

/// One of the two tables of the domain.
struct Known<'c> {
    delimiter: u8,
    context: &'c Context<'c>,
    /// The table and its header, once that was read.
    shape: Option<(&'static Shape, Vec<String>)>,
}

impl Blocks for Known<'_> {
    fn cut(&mut self, text: &str) -> Option<usize> {
        last_row_end(text, self.delimiter)
    }

    fn read(&mut self, text: &Text<'_>, _last: bool, out: &mut Parsed) -> ControlFlow<()> {
        rows(text, self.delimiter, self.context.only, out, |out, row| {
            let Some((shape, header)) = &self.shape else {
                return match find_shape(&row) {
                    Ok(found) => {
                        self.shape = Some((found, row.record.iter().map(|c| c.trim().to_owned()).collect()));
                        Account::Ignored("header")
                    }
                    Err(wrong) => {
                        row.refuse(out, wrong);
                        Account::GiveUp
                    }
                };
            };
            let row = row.under(header);
            match row.complete().and_then(|()| (shape.read)(&row)) {
                Ok(record) => Account::Used(record),
                Err(wrong) => {
                    row.refuse(out, wrong);
                    Account::Rejected(None)
                }
            }
        })
    }
}

/// A declared table.
struct Declared<'c> {
    delimiter: u8,
    context: &'c Context<'c>,
    reading: Reading<'c>,
    /// The names of the columns, and which of them the fields are in, once the first row was read.
    header: Option<(Vec<String>, Vec<usize>)>,
}

impl Blocks for Declared<'_> {
    fn cut(&mut self, text: &str) -> Option<usize> {
        last_row_end(text, self.delimiter)
    }

    fn read(&mut self, text: &Text<'_>, _last: bool, out: &mut Parsed) -> ControlFlow<()> {
        rows(text, self.delimiter, self.context.only, out, |out, row| {
            if self.header.is_none() {
                match self.first_row(text, out, row) {
                    Ok(header) => self.header = Some(header),
                    Err(wrong) => {
                        row.refuse(out, wrong);
                        return Account::GiveUp;
                    }
                }
                if self.context.options.flag("header", true) {
                    return Account::Ignored("header");
                }
            }
            let Some((names, at)) = &self.header else { return Account::GiveUp };
            let row = row.under(names);
            if let Err(wrong) = row.complete() {
                row.refuse(out, wrong);
                return Account::Rejected(None);
            }
            let given = |n: usize, _: &Field| row.record.get(at[n]).unwrap_or_default();
            match self.reading.row(self.context, text, out, given, |n, _| row.span(at[n])) {
                Ok(values) => Account::Used(Record::Row { values }),
                Err(worth) => Account::Rejected(worth),
            }
        })
    }
}

impl Declared<'_> {
    /// The names of the columns, and which of them the fields are in.
    fn first_row(&self, text: &Text<'_>, out: &mut Parsed, row: Row<'_>) -> Result<(Vec<String>, Vec<usize>), Wrong> {
        let headed = self.context.options.flag("header", true);
        let header: Vec<String> = row.record.iter().map(|c| c.trim().to_owned()).collect();
        let mut found = Vec::new();
        for field in self.context.fields {
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
                    return Err(Wrong { field: 0, code: "unknown-header", message, hint });
                }
            }
        }
        let left: Vec<&str> = header.iter().enumerate().filter(|(n, _)| !found.contains(n)).map(|(_, h)| h.as_str()).collect();
        if headed && !left.is_empty() {
            let message = format!("columns that are not loaded: {}", left.join(", "));
            out.note(Severity::Info, "not-loaded", text, row.span(0), message, "name them in `columns` of the source to load them");
        }
        Ok((header, found))
    }
}
