//! New rows of a large first load in the change log: in blocks, not a row each. What a block is; its lines are in `lines`,
//! how blocks are kept in `blocks`.

use super::bounds::Bounds;
use super::lines::{self, Lines, PackedRow};
use super::shape::ShapeColumn;
use crate::digest::hex;
use crate::error::{Result, Stop};
use crate::table::{Column, Kind, Role, Table};
use flate2::Compression;
use flate2::GzBuilder;
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::ops::Range;

/// How many rows a block has; the last one of a load has fewer.
pub(super) const ROWS: usize = 4096;
/// From how many bytes of lines on a block is full, however few rows it has.
pub(super) const BYTES: usize = 4 << 20;

/// What all blocks of a load share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The job's name, of which ids are made.
    pub(super) job: String,
    /// The run's time, canonical: when the rows are said to be created.
    pub(super) at: String,
    /// Every column that is written, in the order of writing.
    pub(super) columns: Vec<HeadColumn>,
}

/// A column as it was when the rows were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeadColumn {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) role: Role,
    /// Its type, as the database spells it.
    pub(super) declared: String,
}

/// A block, without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) id: i64,
    pub(super) run: i64,
    pub(super) table: String,
    /// The number of its first row in the change log.
    pub(super) first: i64,
    pub(super) rows: i64,
    /// How many of its rows were taken out: these stand in `tieout_change`.
    pub(super) taken: i64,
    /// Whether all of them do.
    pub(super) unpacked: bool,
}

/// Where a row comes from.
pub(super) struct Place<'v> {
    pub(super) file: Option<i64>,
    /// Line and column.
    pub(super) position: Option<(usize, usize)>,
    pub(super) pointer: Option<&'v str>,
    pub(super) derived: Option<&'v str>,
}

/// A block on its way.
#[derive(Default)]
pub(super) struct Packing {
    pub(super) lines: Vec<u8>,
    pub(super) rows: usize,
    bounds: Bounds,
}

impl Head {
    pub(super) fn of<'c>(job: &str, at: &str, columns: impl Iterator<Item = (&'c Column, &'c ShapeColumn)>) -> Head {
        let column = |(column, shape): (&Column, &ShapeColumn)| HeadColumn {
            name: column.name.to_string(),
            kind: column.kind,
            role: column.role,
            declared: shape.declared.clone(),
        };
        Head { job: job.to_owned(), at: at.to_owned(), columns: columns.map(column).collect() }
    }

    /// The table that the rows are of, as far as it is known.
    pub(super) fn table(&self, name: &str) -> Table {
        let columns = self.columns.iter().map(|c| Column { name: c.name.clone().into(), kind: c.kind, role: c.role });
        Table { name: name.to_owned().into(), noun: "row", columns: columns.collect(), occurrence: None }
    }

    /// Whether a column's texts stand behind the place in each line.
    pub(super) fn is_other(role: Role) -> bool {
        matches!(role, Role::Data | Role::InsertOnly)
    }
}

impl Block {
    pub(super) fn damaged(&self) -> Stop {
        let message = format!("the block {} of tieout_packed (run {}, {}) cannot be read", self.id, self.run, self.table);
        Stop::database(message, "somebody changed tieout's own records: `tieout verify` says more; restore a backup")
    }

    /// How many of its rows stand nowhere else.
    pub(super) fn packed(&self) -> usize {
        if self.unpacked { 0 } else { usize::try_from(self.rows - self.taken).unwrap_or_default() }
    }

    /// The numbers of its rows in the change log.
    pub(super) fn changes(&self) -> Range<i64> {
        self.first..self.first + self.rows
    }

    /// A line of this block, or of another of the same load, as a row.
    pub(super) fn row<'l>(&self, line: &'l str, change: i64, head: &Head) -> Result<PackedRow<'l>> {
        lines::read(line, change, head.columns.len()).ok_or_else(|| self.damaged())
    }

    /// What stands in it; `taken` are the numbers of the rows that were taken out.
    pub(super) fn lines(&self, head: &str, packed: &[u8], mut taken: Vec<i64>) -> Result<Lines> {
        taken.sort_unstable();
        let head: Head = serde_json::from_str(head).map_err(|_| self.damaged())?;
        let mut text = String::new();
        // Nobody but us writes blocks; still, one that was tampered with must not fill the memory.
        GzDecoder::new(packed).take(1 << 30).read_to_string(&mut text).map_err(|_| self.damaged())?;
        let rows = text.bytes().filter(|byte| *byte == b'\n').count();
        if i64::try_from(rows) == Ok(self.rows) { Ok(Lines::of(head, text, self.clone(), taken)) } else { Err(self.damaged()) }
    }
}

impl Packing {
    /// Takes in a row: its key as recorded, its place, and the texts that are neither key nor made up.
    pub(super) fn row<'v>(&mut self, key: &str, place: Place<'v>, others: impl Iterator<Item = Option<&'v str>>) {
        let Place { file, position, pointer, derived } = place;
        self.bounds.take(key);
        let lines = &mut self.lines;
        // A vector takes whatever is written to it.
        let _ = write!(lines, "[{key}");
        let numbers = [file, position.map(|p| p.0 as i64), position.map(|p| p.1 as i64)];
        for number in numbers {
            let _ = match number {
                Some(number) => write!(lines, ",{number}"),
                None => write!(lines, ",null"),
            };
        }
        for text in [pointer, derived].into_iter().chain(others) {
            lines.push(b',');
            let _ = serde_json::to_writer(&mut *lines, &text);
        }
        lines.extend(b"]\n");
        self.rows += 1;
    }

    /// How many bytes its lines have.
    pub(super) fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// The block's lines as they are kept, in hexadecimal digits; nothing is left here.
    pub(super) fn finish(&mut self) -> (usize, String) {
        let bounds = std::mem::take(&mut self.bounds).comment();
        let packing = bounds.into_iter().fold(GzBuilder::new(), GzBuilder::comment);
        let mut packed = packing.write(Vec::with_capacity(self.lines.len() / 3), Compression::fast());
        let _ = packed.write_all(&self.lines);
        let packed = packed.finish().unwrap_or_default();
        self.lines.clear();
        (std::mem::take(&mut self.rows), hex(&packed))
    }
}
