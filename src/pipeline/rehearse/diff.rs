//! The rows of a database before and after, compared: what was there is kept in a file, in order, and merged with what is.

use crate::error::{Result, Stop, io_words};
use crate::report::{Sample, TableChange};
use crate::store::{Listing, Store, Texts};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Lines, Seek, Write};
use std::path::Path;

/// How many rows of a kind are shown.
const SHOWN: usize = 3;

/// How many characters of a value are shown.
const LONG: usize = 80;

/// Every row of a database at one time.
pub(super) struct Before(Vec<(Listing, File)>);

impl Before {
    /// Reads all rows into unnamed files in `dir`.
    pub(super) fn read(store: &mut Store, dir: &Path) -> Result<Before> {
        let mut tables = Vec::new();
        for listing in store.listings()? {
            let mut file = BufWriter::new(tempfile::tempfile_in(dir).map_err(|e| cannot(&e))?);
            store.rows_in_order(&listing, |row| {
                serde_json::to_writer(&mut file, &row).map_err(|e| cannot(&e.into()))?;
                file.write_all(b"\n").map_err(|e| cannot(&e))
            })?;
            let mut file = file.into_inner().map_err(|e| cannot(e.error()))?;
            file.rewind().map_err(|e| cannot(&e))?;
            tables.push((listing, file));
        }
        Ok(Before(tables))
    }

    /// What became of the rows since.
    pub(super) fn compare(self, store: &mut Store) -> Result<BTreeMap<String, TableChange>> {
        let mut changes = BTreeMap::new();
        let mut before = self.0;
        for now in store.listings()? {
            let was = before.iter().position(|(b, _)| b.identity == now.identity).map(|at| before.swap_remove(at));
            let mut merge = Merge::new(was, now);
            let listing = merge.now.clone();
            store.rows_in_order(&listing, |row| merge.row(row))?;
            merge.end()?;
            if merge.change.any() {
                changes.insert(listing.table, merge.change);
            }
        }
        for (gone, file) in before {
            let mut merge = Merge::new(Some((gone.clone(), file)), gone.without_columns());
            merge.end()?;
            if merge.change.any() {
                changes.insert(gone.table, merge.change);
            }
        }
        Ok(changes)
    }
}

fn cannot(error: &std::io::Error) -> Stop {
    Stop::database(format!("the rows of the copy cannot be kept aside: {}", io_words(error)), "make room on the disk")
}

/// Walks through the rows before and now, both in the order of their keys.
struct Merge {
    now: Listing,
    was: Option<Listing>,
    lines: Option<Lines<BufReader<File>>>,
    next: Option<Texts>,
    /// Columns that both have: place before, place now.
    common: Vec<(usize, usize)>,
    /// Places of columns that are new.
    added: Vec<usize>,
    change: TableChange,
}

impl Merge {
    fn new(before: Option<(Listing, File)>, now: Listing) -> Merge {
        let (was, file) = before.map_or((None, None), |(listing, file)| (Some(listing), Some(file)));
        let place = |of: &Listing, identity: &str| of.columns.iter().position(|(i, _)| i == identity);
        let pairs = was.iter().flat_map(|was| was.columns.iter().enumerate().filter_map(|(b, (i, _))| Some((b, place(&now, i)?))));
        let common: Vec<(usize, usize)> = pairs.collect();
        let added =
            if was.is_some() { (0..now.columns.len()).filter(|n| common.iter().all(|(_, c)| c != n)).collect() } else { Vec::new() };
        let renamed = was.as_ref().filter(|was| was.table != now.table).map(|was| was.table.clone());
        let change = TableChange { was: renamed, ..TableChange::default() };
        Merge { lines: file.map(|f| BufReader::new(f).lines()), next: None, now, was, common, added, change }
    }

    /// The next row before, without taking it.
    fn peek(&mut self) -> Result<Option<&Texts>> {
        if self.next.is_none()
            && let Some(line) = self.lines.as_mut().and_then(Iterator::next)
        {
            let line = line.map_err(|e| cannot(&e))?;
            self.next = Some(serde_json::from_str(&line).map_err(|e| cannot(&e.into()))?);
            self.change.before += 1;
        }
        Ok(self.next.as_ref())
    }

    fn key(of: &Listing, row: &Texts) -> Texts {
        of.key.iter().map(|at| row.get(*at).cloned().flatten()).collect()
    }

    fn row(&mut self, row: Texts) -> Result<()> {
        self.change.after += 1;
        let key = Merge::key(&self.now, &row);
        loop {
            self.peek()?;
            let Some(before) = self.next.take() else { break };
            let was = self.was.as_ref().map_or_else(Texts::new, |was| Merge::key(was, &before));
            match was.cmp(&key) {
                Ordering::Less => self.gone(&before),
                Ordering::Equal => {
                    self.both(&before, &row);
                    return Ok(());
                }
                Ordering::Greater => {
                    self.next = Some(before);
                    break;
                }
            }
        }
        self.change.inserted += 1;
        self.sample("inserted", &key, Vec::new(), self.change.inserted);
        Ok(())
    }

    fn both(&mut self, before: &Texts, now: &Texts) {
        let mut columns = Vec::new();
        for (b, n) in &self.common {
            if before[*b] != now[*n] {
                columns.push((self.now.columns[*n].1.clone(), shown(&before[*b]), shown(&now[*n])));
            }
        }
        let filled = self.added.iter().filter(|n| now[**n].as_deref().is_some_and(|t| t != "NULL"));
        for n in filled {
            *self.change.columns.entry(self.now.columns[*n].1.clone()).or_default() += 1;
        }
        if !columns.is_empty() {
            for (name, ..) in &columns {
                *self.change.columns.entry(name.clone()).or_default() += 1;
            }
            self.change.updated += 1;
            let key = Merge::key(&self.now, now);
            self.sample("updated", &key, columns, self.change.updated);
        }
    }

    fn gone(&mut self, before: &Texts) {
        self.change.deleted += 1;
        let key = self.was.as_ref().map_or_else(Texts::new, |was| Merge::key(was, before));
        self.sample("deleted", &key, Vec::new(), self.change.deleted);
    }

    fn sample(&mut self, what: &str, key: &Texts, columns: Vec<(String, Option<String>, Option<String>)>, nth: u64) {
        if nth <= SHOWN as u64 {
            let key: Vec<String> = key.iter().map(|t| shown(t).unwrap_or_else(|| "NULL".into())).collect();
            self.change.samples.push(Sample { what: what.into(), key: key.join(", "), columns });
        }
    }

    fn end(&mut self) -> Result<()> {
        while self.peek()?.is_some() {
            if let Some(before) = self.next.take() {
                self.gone(&before);
            }
        }
        Ok(())
    }
}

fn shown(text: &Option<String>) -> Option<String> {
    let text = text.as_ref()?;
    match text.char_indices().nth(LONG) {
        Some((at, _)) => Some(format!("{}…", &text[..at])),
        None => Some(text.clone()),
    }
}
