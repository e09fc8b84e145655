//! Blocks of the change log as they are kept: written, found, read on all cores. Numbers for rows that are in blocks.

use super::dialect::Bind;
use super::lines::Lines;
use super::own::number;
use super::packed::Block;
use super::{Store, Texts};
use crate::error::Result;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// That a row was taken out of a block.
const IN_BLOCK: &str = "change_id >= first_change AND change_id < first_change + rows";

/// How many blocks are read at once, for all cores.
const AT_ONCE: usize = 8;

impl Store {
    /// The blocks that are not unpacked: of one run or all, of one table or all, in the order of the change log.
    pub(super) fn blocks(&mut self, run: Option<i64>, table: Option<&str>) -> Result<Vec<Block>> {
        let shown = if self.shows_packed()? { " AND table_name NOT IN (SELECT table_name FROM tieout_unpacked)" } else { "" };
        self.blocks_where(&format!("unpacked_by IS NULL{shown}"), run, table)
    }

    /// The blocks with a property.
    pub(super) fn blocks_where(&mut self, which: &str, run: Option<i64>, table: Option<&str>) -> Result<Vec<Block>> {
        if !self.has_table("tieout_packed")? {
            return Ok(Vec::new());
        }
        let run = run.map(|run| run.to_string());
        let from = format!(
            "FROM tieout_packed WHERE {which} AND run_id = coalesce(CAST($1 AS BIGINT), run_id) AND table_name = coalesce($2, table_name) \
             ORDER BY first_change"
        );
        // An earlier version takes no rows out.
        let taken =
            if self.has_table("tieout_taken")? { format!("(SELECT count(*) FROM tieout_taken WHERE {IN_BLOCK})") } else { "0".into() };
        let columns = ["id", "run_id", "table_name", "first_change", "rows", &taken, "unpacked_by"];
        let read = |row: Texts| {
            let n = |i: usize| row[i].as_deref().and_then(|t| t.parse().ok()).unwrap_or_default();
            let (table, unpacked) = (row[2].clone().unwrap_or_default(), row[6].is_some());
            Block { id: n(0), run: n(1), table, first: n(3), rows: n(4), taken: n(5), unpacked }
        };
        Ok(self.select(&columns, &from, &[run.as_deref(), table])?.into_iter().map(read).collect())
    }

    /// Writes a block.
    pub(super) fn add_block(&mut self, block: &Block, head: &str, lines: String) -> Result<()> {
        let numbers = [block.run, block.first, block.rows].map(|n| Some(n.to_string()));
        let [run, first, rows] = numbers;
        let row = vec![run, Some(block.table.clone()), first, rows, Some(head.to_owned()), Some(lines)];
        let binds = [Bind::Number, Bind::Text, Bind::Number, Bind::Number, Bind::Text, Bind::Hex];
        let names = ["run_id", "table_name", "first_change", "rows", "head", "lines"];
        let columns: Vec<(&str, Bind)> = names.into_iter().zip(binds).collect();
        self.insert_rows("tieout_packed", &columns, &[row])
    }

    /// The lines of a block.
    pub(super) fn lines_of(&mut self, block: &Block) -> Result<Lines> {
        let (head, packed, taken) = self.packed_bytes(block)?;
        block.lines(&head, &packed, taken)
    }

    /// The head of a block, its lines as they are kept, and the numbers of the rows that were taken out.
    fn packed_bytes(&mut self, block: &Block) -> Result<(String, Vec<u8>, Vec<i64>)> {
        let mark = self.dialect().mark(1, Bind::Number);
        let packed = self.bytes(&format!("SELECT lines FROM tieout_packed WHERE id = {mark}"), block.id)?;
        let head = self.select(&["head"], "FROM tieout_packed WHERE id = CAST($1 AS BIGINT)", &[Some(&block.id.to_string())])?;
        let head = head.into_iter().flatten().flatten().next();
        let taken = if block.taken == 0 { Vec::new() } else { self.taken_of(block)? };
        let (head, packed) = head.zip(packed).ok_or_else(|| block.damaged())?;
        Ok((head, packed, taken))
    }

    fn taken_of(&mut self, block: &Block) -> Result<Vec<i64>> {
        let from = format!("FROM tieout_taken, tieout_packed WHERE id = CAST($1 AS BIGINT) AND {IN_BLOCK}");
        let rows = self.select(&["change_id"], &from, &[Some(&block.id.to_string())])?;
        Ok(rows.into_iter().flatten().flatten().filter_map(|change| change.parse().ok()).collect())
    }

    /// Gives the lines of every block to `each`, in order, with what `look` makes of them on any core.
    pub(super) fn over_blocks<T: Send>(
        &mut self,
        blocks: &[Block],
        look: impl Fn(&Lines) -> T + Sync,
        mut each: impl FnMut(&Lines, T) -> Result<()>,
    ) -> Result<()> {
        for some in blocks.chunks(AT_ONCE) {
            let packed = some.iter().map(|block| self.packed_bytes(block)).collect::<Result<Vec<_>>>()?;
            let read: Vec<Result<(Lines, T)>> = some
                .par_iter()
                .zip(packed)
                .map(|(block, (head, packed, taken))| {
                    let lines = block.lines(&head, &packed, taken)?;
                    let looked = look(&lines);
                    Ok((lines, looked))
                })
                .collect();
            for read in read {
                let (lines, looked) = read?;
                each(&lines, looked)?;
            }
        }
        Ok(())
    }

    /// The number that the next row of the change log gets.
    pub(super) fn next_change(&mut self) -> Result<i64> {
        let rows = if self.is_postgres() {
            let of = "pg_get_serial_sequence('tieout_change', 'id')";
            self.select(&[&format!("nextval({of})")], "", &[])?
        } else {
            self.select(&["coalesce(max(seq), 0) + 1"], "FROM sqlite_sequence WHERE name = 'tieout_change'", &[])?
        };
        Ok(number(&rows, 0).unwrap_or(1))
    }

    /// Lets the change log go on with a number.
    pub(super) fn go_on_with_change(&mut self, next: i64) -> Result<()> {
        let next = next.to_string();
        if self.is_postgres() {
            let set = "setval(pg_get_serial_sequence('tieout_change', 'id'), CAST($1 AS BIGINT), false)";
            return self.select(&[set], "", &[Some(&next)]).map(drop);
        }
        self.change("DELETE FROM sqlite_sequence WHERE name = 'tieout_change'", &[])?;
        self.change("INSERT INTO sqlite_sequence (name, seq) VALUES ('tieout_change', CAST($1 AS BIGINT) - 1)", &[Some(&next)]).map(drop)
    }

    /// How many rows are packed, by run and table.
    pub(super) fn packed_counts(&mut self, run: Option<i64>) -> Result<BTreeMap<(i64, String), usize>> {
        let mut counts = BTreeMap::new();
        for block in self.blocks(run, None)? {
            let packed = block.packed();
            *counts.entry((block.run, block.table)).or_default() += packed;
        }
        Ok(counts)
    }
}
