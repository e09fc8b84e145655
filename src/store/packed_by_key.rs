//! Packed rows by key, as many as are wanted: without unpacking every block for the first of them, where the blocks say between which keys
//! they stand.

use super::bounds::Bounded;
use super::packed::{Block, Head};
use super::packed_log::Files;
use super::{Imported, Store};
use crate::error::Result;
use std::sync::Arc;

/// How many rows are sorted at once.
const AT_ONCE: usize = 100_000;

/// How many blocks are looked at before it is asked whether more need be.
const BLOCKS: usize = 8;

/// Packed rows of one load by key, as far as they are not given yet.
pub(super) struct PackedByKey {
    blocks: Vec<Block>,
    head: Head,
    files: Arc<Files>,
    bounds: Bounded,
    behind: String,
    left: usize,
}

impl PackedByKey {
    /// One of them, as it was imported.
    pub(super) fn imported(&self, (key, change, line): (String, i64, String)) -> Result<Imported> {
        let block = &self.blocks[0];
        let logged = self.files.logged(block.run, &self.head, &block.row(&line, change, &self.head)?);
        Ok(Imported { key, changes: vec![logged] })
    }
}

/// The rows that come first by key: key, number of the change, line.
struct First {
    wanted: usize,
    rows: Vec<(String, i64, String)>,
    /// The last of those wanted, as far as is known.
    last: Option<String>,
}

impl First {
    fn offer(&mut self, row: (&str, i64, &str)) {
        if self.last.as_deref().is_some_and(|last| row.0 > last) {
            return;
        }
        self.rows.push((row.0.to_owned(), row.1, row.2.to_owned()));
        self.close(self.wanted + self.wanted / 4);
    }

    /// Where there are more than so many, lets go of those that are not wanted.
    fn close(&mut self, most: usize) {
        if self.rows.len() > most {
            let (_, last, _) = self.rows.select_nth_unstable(self.wanted - 1);
            self.last = Some(last.0.clone());
            self.rows.truncate(self.wanted);
        }
    }

    fn sorted(mut self) -> Vec<(String, i64, String)> {
        self.rows.sort_unstable();
        self.rows.truncate(self.wanted);
        self.rows
    }
}

/// Blocks in the order of their least keys.
fn sorted(mut blocks: Vec<Block>, bounds: &Bounded) -> Vec<Block> {
    blocks.sort_by(|one, other| bounds.least(one).cmp(bounds.least(other)));
    blocks
}

/// The rows that come first, of blocks in the order of their least keys; `read` offers those of some.
fn first_of(blocks: &[Block], bounds: &Bounded, wanted: usize, mut read: impl FnMut(&[Block], &mut First) -> Result<()>) -> Result<First> {
    let mut first = First { wanted, rows: Vec::with_capacity(wanted + wanted / 4 + 1), last: None };
    for some in blocks.chunks(BLOCKS) {
        if first.last.as_deref().is_some_and(|last| some.iter().all(|block| bounds.least(block) > last)) {
            break;
        }
        read(some, &mut first)?;
        first.close(wanted);
    }
    Ok(first)
}

impl Store {
    /// The packed rows of blocks, to be given by key.
    pub(super) fn packed_by_key(&mut self, blocks: Vec<Block>) -> Result<Option<PackedByKey>> {
        let Some(first) = blocks.first() else { return Ok(None) };
        let (head, files) = (self.lines_of(first)?.head, Files::all(self, first.run)?);
        let bounds = self.bounds_of(&first.table)?;
        let left = blocks.iter().map(Block::packed).sum();
        Ok(Some(PackedByKey { left, blocks: sorted(blocks, &bounds), head, files, bounds, behind: String::new() }))
    }

    /// The next of them, by key: key, number of the change, line. At most so many; `None` when there are no more.
    pub(super) fn next_by_key(&mut self, by: &mut PackedByKey, most: usize) -> Result<Option<Vec<(String, i64, String)>>> {
        let wanted = by.left.min(most).min(AT_ONCE);
        if wanted == 0 {
            return Ok(None);
        }
        by.blocks.retain(|block| by.bounds.reaches_behind(block, &by.behind));
        let first = first_of(&by.blocks, &by.bounds, wanted, |some, first| {
            self.over_blocks(
                some,
                |_| (),
                |lines, ()| {
                    let rows = lines.keyed().filter(|(_, key, _)| *key > by.behind.as_str());
                    rows.for_each(|(change, key, line)| first.offer((key, change, line)));
                    Ok(())
                },
            )
        })?;
        let rows = first.sorted();
        by.left = by.left.saturating_sub(rows.len());
        Ok(rows.last().map(|row| by.behind.clone_from(&row.0)).map(|()| rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_rows_by_key_are_those_of_all_blocks(
            blocks in proptest::collection::vec((proptest::collection::btree_set("[a-f]{1,4}", 1..9), proptest::bool::weighted(0.8)), 1..60),
            wanted in 1..40usize,
        ) {
            let mut bounds = Bounded::default();
            for (n, (keys, _)) in blocks.iter().enumerate().filter(|(_, (_, known))| *known) {
                bounds.stand(n as i64, keys.first().unwrap(), keys.last().unwrap());
            }
            let block = |n: usize| Block { id: n as i64, run: 1, table: String::new(), first: 0, rows: 9, taken: 0, unpacked: false };
            let sorted = sorted((0..blocks.len()).map(block).collect(), &bounds);
            let mut read = 0;
            let first = first_of(&sorted, &bounds, wanted, |some, first| {
                read += some.len();
                some.iter().flat_map(|block| &blocks[block.id as usize].0).for_each(|key| first.offer((key, 0, "")));
                Ok(())
            }).unwrap();
            let mut all: Vec<&String> = blocks.iter().flat_map(|(keys, _)| keys).collect();
            all.sort_unstable();
            all.truncate(wanted);
            let first = first.sorted();
            prop_assert_eq!(first.iter().map(|row| &row.0).collect::<Vec<_>>(), all);
            prop_assert!(read <= blocks.len());
        }
    }

    #[test]
    fn blocks_behind_the_last_row_that_is_wanted_stay_packed() {
        let block = |n: i64| Block { id: n, run: 1, table: String::new(), first: 0, rows: 2, taken: 0, unpacked: false };
        let mut bounds = Bounded::default();
        (0..40).for_each(|n| bounds.stand(n, &format!("{n:02}"), &format!("{n:02}b")));
        let (mut read, blocks) = (0, sorted((0..40).rev().map(block).collect(), &bounds));
        let first = first_of(&blocks, &bounds, 3, |some, first| {
            read += some.len();
            some.iter().for_each(|block| ["", "b"].iter().for_each(|end| first.offer((&format!("{:02}{end}", block.id), 0, ""))));
            Ok(())
        });
        assert_eq!((first.unwrap().sorted().iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), read), (vec!["00", "00b", "01"], BLOCKS));
    }
}
