//! A sheet of an OpenDocument spreadsheet, element by element. Cells and rows that are alike stand there once, with how often
//! they are meant: empty ones cost nothing here, filled ones are counted before they are made.

use super::xml::{Kind, Node, Xml, attribute, count};
use super::{Budget, COLUMNS, Cell, Each, ROWS, Row, bad, choose, package};
use crate::fields::Complaint;
use std::io::{BufRead, BufReader};

/// The names of the sheets.
pub(crate) fn names(bytes: &[u8]) -> Result<Vec<String>, Complaint> {
    let mut archive = package::look_over(bytes)?;
    let mut names = Vec::new();
    tables(BufReader::new(archive.by_name("content.xml").map_err(bad)?), |name, _| {
        names.push(name.to_owned());
        Ok(())
    })?;
    Ok(names)
}

/// Gives each row of the sheet to `each`.
pub(crate) fn read(bytes: &[u8], named: &str, each: &mut dyn FnMut(&str, Row<'_>)) -> Result<(), Complaint> {
    let names = names(bytes)?;
    let mut archive = package::look_over(bytes)?;
    let sheet = choose(&names, named)?;
    if names.iter().filter(|n| **n == sheet).count() > 1 {
        return Err(bad(format!("there are two sheets `{sheet}`")));
    }
    tables(BufReader::new(archive.by_name("content.xml").map_err(bad)?), |name, xml| {
        if name != sheet {
            return Ok(());
        }
        let mut table = Table { budget: Budget::new(), sheet: &sheet, number: 0, cells: Vec::new(), empty: 0 };
        table.read(xml, &mut |row| each(&sheet, row))
    })
}

/// Gives each table that has a name to `each`, which may read it.
fn tables<R: BufRead>(content: R, mut each: impl FnMut(&str, &mut Xml<R>) -> Result<(), Complaint>) -> Result<(), Complaint> {
    let mut xml = Xml::new(content);
    loop {
        match xml.next()? {
            Node::Start(Kind::Table, attributes) => {
                if let Some(name) = attribute(&attributes, "table:name") {
                    each(name, &mut xml)?;
                }
            }
            Node::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The table that is being read, and its row that is being filled.
struct Table<'a> {
    budget: Budget,
    sheet: &'a str,
    number: u64,
    cells: Vec<Cell>,
    /// Empty cells behind those, which need no room unless a filled one follows.
    empty: u64,
}

impl Table<'_> {
    /// Reads to the table's end.
    fn read<R: BufRead>(&mut self, xml: &mut Xml<R>, each: Each<'_>) -> Result<(), Complaint> {
        loop {
            match xml.next()? {
                Node::Start(Kind::Row, attributes) => {
                    let repeat = count(&attributes, "table:number-rows-repeated")?;
                    self.row(xml)?;
                    self.give(repeat, each)?;
                }
                Node::Start(Kind::Table, _) => return Err(bad("there is a table within a table")),
                Node::End(Kind::Table) | Node::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn row<R: BufRead>(&mut self, xml: &mut Xml<R>) -> Result<(), Complaint> {
        self.cells.clear();
        self.empty = 0;
        loop {
            match xml.next()? {
                Node::Start(Kind::Cell, attributes) => self.cell(xml, &attributes)?,
                Node::Start(Kind::Row | Kind::Table, _) => return Err(bad("there is a row within a row")),
                Node::End(Kind::Row) | Node::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn give(&mut self, repeat: u64, each: Each<'_>) -> Result<(), Complaint> {
        if !self.cells.is_empty() {
            if self.number.saturating_add(repeat) > ROWS {
                return Err(bad(format!("it has {repeat} rows alike from row {} on, beyond any sheet", self.number + 1)));
            }
            let text: usize = self.cells.iter().map(|c| c.text().len()).sum();
            let times = |n: usize| repeat.saturating_mul(n as u64);
            self.budget.charge(self.sheet, self.number, times(self.cells.len()), times(text))?;
            each(Row { number: self.number, repeat, cells: &self.cells });
        }
        self.number = self.number.saturating_add(repeat);
        Ok(())
    }

    fn cell<R: BufRead>(&mut self, xml: &mut Xml<R>, attributes: &[(String, String)]) -> Result<(), Complaint> {
        let repeat = count(attributes, "table:number-columns-repeated")?;
        let text = self.content(xml)?;
        let value = value(attributes, text);
        if value.is_empty() {
            self.empty = self.empty.saturating_add(repeat);
            return Ok(());
        }
        let before = self.empty.saturating_add(self.cells.len() as u64);
        if before.saturating_add(repeat) > COLUMNS as u64 {
            return Err(bad(format!("row {} has more columns than any sheet", self.number + 1)));
        }
        // The first of them is accounted for with its row.
        let more = repeat - 1;
        self.budget.charge(self.sheet, self.number, more, more.saturating_mul(value.text().len() as u64))?;
        self.cells.resize(before as usize, Cell::Empty);
        self.cells.extend(std::iter::repeat_n(value, repeat as usize));
        self.empty = 0;
        Ok(())
    }

    /// The paragraphs of a cell, without notes, to the cell's end.
    fn content<R: BufRead>(&mut self, xml: &mut Xml<R>) -> Result<String, Complaint> {
        let mut text = String::new();
        let (mut paragraphs, mut inside, mut notes) = (0, 0, 0);
        loop {
            match xml.next()? {
                Node::Start(Kind::Note, _) => notes += 1,
                Node::End(Kind::Note) => notes -= 1,
                Node::Eof => return Ok(text),
                _ if notes > 0 => {}
                Node::End(Kind::Cell) => return Ok(text),
                Node::Start(Kind::Cell | Kind::Row | Kind::Table, _) => return Err(bad("there is a table within a cell")),
                Node::Start(Kind::Paragraph, _) => {
                    text.push_str(if paragraphs > 0 { "\n" } else { "" });
                    (paragraphs, inside) = (paragraphs + 1, inside + 1);
                }
                Node::End(Kind::Paragraph) => inside -= 1,
                _ if inside == 0 => {}
                Node::Text(more) => text.push_str(&more),
                Node::Start(Kind::Tab, _) => text.push('\t'),
                Node::Start(Kind::Break, _) => text.push('\n'),
                Node::Start(Kind::Spaces, attributes) => {
                    let n = count(&attributes, "text:c")?;
                    self.budget.charge(self.sheet, self.number, 0, n)?;
                    text.extend(std::iter::repeat_n(' ', n as usize));
                }
                _ => {}
            }
        }
    }
}

/// What a cell holds, by what it says of itself; the text that it shows where it says nothing.
fn value(attributes: &[(String, String)], text: String) -> Cell {
    let stated = |key| attribute(attributes, key).map(str::to_owned);
    if attribute(attributes, "calcext:value-type") == Some("error") {
        return Cell::Other(text);
    }
    let number = stated("office:value").map(Cell::Number);
    let date = || stated("office:date-value").map(Cell::Iso);
    let time = || stated("office:time-value").map(Cell::Other);
    let flag = || stated("office:boolean-value").map(|v| Cell::Bool(v == "true" || v == "TRUE"));
    let string = || stated("office:string-value").map(Cell::Text);
    let cell = number.or_else(date).or_else(time).or_else(flag).or_else(string);
    match cell.unwrap_or(match attribute(attributes, "office:value-type") {
        None | Some("string") => Cell::Text(text),
        Some(_) => Cell::Other(text),
    }) {
        nothing if nothing.text().is_empty() => Cell::Empty,
        cell => cell,
    }
}
