//! Files held against the blocks of an earlier load, line by line: what is as its block has it need not be staged again. The others
//! are, and their rows leave their blocks. Nothing is said here of what the table holds.

use super::{Run, Stage};
use crate::error::{Result, Stop};
use crate::store::Store;
use crate::store::lines::{Lines, is_of, key_of, states};
use crate::store::packed::Head;
use crate::table::{Column, Role, Row, Table};
use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, sync_channel};

/// The most rows that are taken for different; where there are more, all are staged.
const MOST: usize = 100_000;

/// Rows that are as their block has them.
#[derive(Debug, Default)]
pub struct Alike {
    /// How many.
    pub rows: usize,
    /// Of which files, by index in the run's list.
    pub by_file: BTreeMap<usize, usize>,
}

/// What files state otherwise than the blocks.
pub struct Difference {
    /// The rows that both have.
    pub alike: Alike,
    /// The rows of the files that are in no block, or otherwise, in the order of reading.
    pub rows: Vec<Row>,
    /// The rows of the blocks that no file states so: number in the change log, line.
    taken: Vec<(i64, String)>,
    /// One of the blocks.
    of: Lines,
}

impl Stage<'_> {
    /// Whether the rows of the table, or some, stand in blocks.
    pub fn is_packed(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Compares rows with the blocks. `None` where that does not say enough: the blocks are of another job or of other columns, a
    /// row stands in the files twice, or nothing is alike or too much different. `each` sees the rows that are alike.
    pub fn differences<I: Iterator<Item = Result<Row>>>(
        &self,
        store: &mut Store,
        rows: &(impl Fn() -> I + Sync),
        run: &Run<'_>,
        each: impl FnMut(&Row) + Send,
    ) -> Result<Option<Difference>> {
        let Some(first) = self.blocks.first() else { return Ok(None) };
        let of = store.lines_of(first)?;
        let head = Head::of(run.job, &of.head.at, self.used.iter().map(|(_, column, shape)| (*column, shape)));
        if head != of.head {
            return Ok(None);
        }
        let others: Vec<(usize, &Column)> =
            self.used.iter().filter(|(_, c, _)| Head::is_other(c.role)).map(|(i, column, _)| (*i, *column)).collect();
        let (found, read) = std::thread::scope(|scope| {
            let (send, receive) = sync_channel(2);
            let comparing = Comparing { table: self.table, others, each, found: Found::default(), blocks: Blocks::of(receive) };
            let comparing = scope.spawn(move || comparing.all(rows()));
            // This thread reads blocks, since the connection is its own; who compares may have seen enough before the last.
            let read = self.blocks.iter().try_for_each(|block| {
                let _ = send.send(store.lines_of(block)?);
                Ok(())
            });
            drop(send);
            (comparing.join().unwrap_or_else(|_| Err(Stop::database("the rows could not be compared", "this is a fault of tieout"))), read)
        });
        read?;
        let Some(mut found) = found? else { return Ok(None) };
        let mut twice = false;
        if !found.waiting.is_empty() {
            // A second row of a key finds its line taken by the first.
            store.packed_keys(&self.blocks, |key| {
                twice |= found.waiting.contains_key(key);
                Ok(())
            })?;
        }
        if twice || found.alike.rows == 0 {
            return Ok(None);
        }
        found.rows.extend(found.waiting.into_values());
        found.rows.sort_unstable_by_key(|(number, _)| *number);
        found.taken.extend(found.passed.into_values());
        found.taken.sort_unstable();
        let rows = found.rows.into_iter().map(|(_, row)| row).collect();
        Ok(Some(Difference { alike: found.alike, rows, taken: found.taken, of }))
    }

    /// Takes what differs out of the blocks.
    pub fn take_out(&self, store: &mut Store, difference: &Difference, run: &Run<'_>) -> Result<()> {
        store.take_out(&difference.of, &difference.taken, run.id)
    }

    /// Takes everything out of the blocks; what was staged before is forgotten.
    pub fn unpack(&mut self, store: &mut Store, run: &Run<'_>) -> Result<()> {
        self.indexed.set(false);
        let packed = !std::mem::take(&mut self.blocks).is_empty();
        if packed && !run.dry { store.unpack(&self.table.name, run.id) } else { Ok(()) }
    }
}

/// What was found so far. Rows of the files are numbered in the order of reading.
#[derive(Default)]
struct Found {
    alike: Alike,
    rows: Vec<(usize, Row)>,
    taken: Vec<(i64, String)>,
    /// Rows of the files that no block had so far, by key.
    waiting: HashMap<String, (usize, Row)>,
    /// Rows of the blocks that no file had so far, by key.
    passed: HashMap<String, (i64, String)>,
}

/// Files and blocks, gone through side by side. They are mostly in the same order; what is not waits for the other side.
struct Comparing<'c, F> {
    table: &'c Table,
    /// What stands behind the place in each line: place in a row, column.
    others: Vec<(usize, &'c Column)>,
    each: F,
    found: Found,
    blocks: Blocks,
}

impl<F: FnMut(&Row)> Comparing<'_, F> {
    /// `None` where a row comes twice, or too much is different.
    fn all(mut self, rows: impl Iterator<Item = Result<Row>>) -> Result<Option<Found>> {
        for (number, row) in rows.enumerate() {
            let row = row?;
            let key = self.table.key_of(&row.values);
            if !self.row(number, key, row) || self.found.most() > MOST {
                return Ok(None);
            }
        }
        while let Some((change, line)) = self.blocks.next() {
            let key = key_of(line).unwrap_or_default();
            match self.found.waiting.remove(key) {
                Some((number, row)) => self.found.pair(number, row, (change, line), key, &self.others, &mut self.each),
                None => self.found.taken.push((change, line.to_owned())),
            }
            if self.found.most() > MOST {
                return Ok(None);
            }
        }
        Ok(Some(self.found))
    }

    /// Takes up a row of a file. Whether none with its key waits.
    fn row(&mut self, number: usize, key: String, row: Row) -> bool {
        let Comparing { others, each, found, blocks, .. } = self;
        if let Some((change, line)) = found.passed.remove(&key) {
            found.pair(number, row, (change, &line), &key, others, each);
            return true;
        }
        while let Some((change, line)) = blocks.next() {
            if is_of(line, &key) {
                found.pair(number, row, (change, line), &key, others, each);
                return true;
            }
            let of_line = key_of(line).unwrap_or_default();
            let Some((earlier, waiting)) = found.waiting.remove(of_line) else {
                found.passed.insert(of_line.to_owned(), (change, line.to_owned()));
                break;
            };
            // The files had it earlier: they are ahead by one row less from here on.
            found.pair(earlier, waiting, (change, line), of_line, others, each);
        }
        found.waiting.insert(key, (number, row)).is_none()
    }
}

impl Found {
    /// How many rows it holds.
    fn most(&self) -> usize {
        (self.rows.len() + self.waiting.len()).max(self.taken.len() + self.passed.len())
    }

    /// A row of a file, and the line of a block that has its key.
    fn pair(
        &mut self,
        number: usize,
        row: Row,
        (change, line): (i64, &str),
        key: &str,
        others: &[(usize, &Column)],
        each: &mut impl FnMut(&Row),
    ) {
        // What the app owns after the first writing is not compared.
        let wanted = others.iter().map(|(i, column)| (column.role == Role::Data).then(|| row.values[*i].as_deref()));
        if states(line, key, wanted) {
            each(&row);
            self.alike.rows += 1;
            if let Some(file) = row.origin.file {
                *self.alike.by_file.entry(file).or_default() += 1;
            }
        } else {
            self.rows.push((number, row));
            self.taken.push((change, line.to_owned()));
        }
    }
}

/// The packed rows of blocks as they come, one after another.
struct Blocks {
    from: Receiver<Lines>,
    now: Option<Lines>,
    /// Where the row that was given last ends, and the number of the next one.
    at: usize,
    change: i64,
}

impl Blocks {
    fn of(from: Receiver<Lines>) -> Blocks {
        Blocks { from, now: None, at: 0, change: 0 }
    }

    /// The next row: number in the change log, line.
    fn next(&mut self) -> Option<(i64, &str)> {
        let (change, line) = loop {
            if let Some(found) = self.now.as_ref().and_then(|lines| lines.next(self.at, self.change)) {
                break found;
            }
            let lines = self.from.recv().ok()?;
            (self.at, self.change) = (0, lines.block.first);
            self.now = Some(lines);
        };
        (self.at, self.change) = (line.end + 1, change + 1);
        Some((change, self.now.as_ref()?.text(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::packed::{Block, Packing, Place};
    use crate::table::{Kind, Origin};
    use proptest::prelude::*;

    const TABLE: [(&str, Kind, Role); 2] = [("id", Kind::Text, Role::Key), ("n", Kind::Text, Role::Data)];

    /// Blocks of so many rows each, all of which stand in the change log from 1 on.
    fn blocks(rows: &[(u8, u8)], size: usize) -> Receiver<Lines> {
        let (send, receive) = sync_channel(rows.len() + 1);
        for (at, rows) in rows.chunks(size).enumerate() {
            let mut packing = Packing::default();
            for (id, n) in rows {
                let place = Place { file: None, position: None, pointer: None, derived: None };
                packing.row(&format!("[\"{id}\"]"), place, [Some(n.to_string())].iter().map(Option::as_deref));
            }
            let text = String::from_utf8(packing.lines).unwrap();
            let first = (at * size) as i64 + 1;
            let block = Block { id: 0, run: 1, table: "t".into(), first, rows: rows.len() as i64, taken: 0, unpacked: false };
            let head = Head { job: String::new(), at: String::new(), columns: Vec::new() };
            send.send(Lines::of(head, text, block, Vec::new())).unwrap();
        }
        receive
    }

    fn compare(files: &[(u8, u8)], packed: &[(u8, u8)], size: usize) -> Option<Found> {
        let table = Table::new("t", "row", &TABLE);
        let others = vec![(1, &table.columns[1])];
        let comparing =
            Comparing { table: &table, others, each: |_: &Row| (), found: Found::default(), blocks: Blocks::of(blocks(packed, size)) };
        let row = |(id, n): &(u8, u8)| Ok(Row { values: vec![Some(id.to_string()), Some(n.to_string())], origin: Origin::default() });
        comparing.all(files.iter().map(row)).unwrap()
    }

    fn rows() -> impl Strategy<Value = Vec<(u8, u8)>> {
        proptest::collection::btree_map(0..20u8, 0..2u8, 0..20).prop_map(|map| map.into_iter().collect::<Vec<_>>()).prop_shuffle()
    }

    proptest! {
        #[test]
        fn what_differs_is_found_in_any_order(files in rows(), packed in rows(), size in 1..9usize) {
            let found = compare(&files, &packed, size).unwrap();
            let alike = files.iter().filter(|row| packed.contains(row)).count();
            prop_assert_eq!(found.alike.rows, alike);
            let mut others: Vec<usize> = found.rows.iter().chain(found.waiting.values()).map(|(number, _)| *number).collect();
            others.sort_unstable();
            let wanted: Vec<usize> = (0..files.len()).filter(|at| !packed.contains(&files[*at])).collect();
            prop_assert_eq!(others, wanted);
            let mut taken: Vec<i64> = found.taken.iter().chain(found.passed.values()).map(|(change, _)| *change).collect();
            taken.sort_unstable();
            let wanted: Vec<i64> = (1..).zip(&packed).filter(|(_, row)| !files.contains(row)).map(|(change, _)| change).collect();
            prop_assert_eq!(taken, wanted);
        }

        #[test]
        fn a_row_that_comes_twice_is_never_alike_twice(files in rows(), packed in rows(), again in any::<prop::sample::Index>()) {
            prop_assume!(!files.is_empty());
            let twice = files[again.index(files.len())];
            let rows: Vec<_> = files.iter().copied().chain([(twice.0, 5)]).collect();
            // Either it is noticed, or the second stands among the new ones, whose keys are then looked up in the blocks.
            let noticed = compare(&rows, &packed, 3).is_none_or(|found| found.waiting.contains_key(&format!("[\"{}\"]", twice.0)));
            prop_assert!(noticed);
        }
    }
}
