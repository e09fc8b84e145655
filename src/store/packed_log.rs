//! What readers of the change log get of blocks: each of them asks `tieout_change` for itself, and here for what is packed.

use super::lines::{Lines, PackedRow, Part};
use super::packed::{Block, Head};
use super::{Logged, Revision, Store, Written};
use crate::error::Result;
use crate::table::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A file as rows refer to it.
struct OfFile {
    path: String,
    sha256: String,
    encoding: String,
}

/// The files of runs, by number.
#[derive(Default)]
pub(super) struct Files(BTreeMap<i64, OfFile>);

impl Files {
    /// Those of a run; of very many they are read once.
    pub(super) fn all(store: &mut Store, run: i64) -> Result<Arc<Files>> {
        if let Some((_, files)) = store.files.as_ref().filter(|(of, _)| *of == run) {
            return Ok(Arc::clone(files));
        }
        let files = Arc::new(Files::read(store, run, None)?);
        store.files = Some((run, Arc::clone(&files)));
        Ok(files)
    }

    /// Those of a run, as far as they are wanted.
    fn read(store: &mut Store, run: i64, wanted: Option<&BTreeSet<i64>>) -> Result<Files> {
        let mut files = BTreeMap::new();
        let from = "FROM tieout_file WHERE run_id = CAST($1 AS BIGINT)";
        store.for_each(&["id", "path", "sha256", "encoding"], from, &[Some(&run.to_string())], |row| {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            let id = next().parse().unwrap_or_default();
            if wanted.is_none_or(|wanted| wanted.contains(&id)) {
                files.insert(id, OfFile { path: next(), sha256: next(), encoding: next() });
            }
            Ok(())
        })?;
        Ok(Files(files))
    }

    fn of(&self, row: &PackedRow<'_>) -> Option<&OfFile> {
        self.0.get(&row.file?)
    }

    pub(super) fn logged(&self, run: i64, head: &Head, row: &PackedRow<'_>) -> Logged {
        let file = self.of(row);
        Logged {
            run,
            operation: "insert".into(),
            before: None,
            after: Some(row.after(head)),
            path: file.map(|f| f.path.clone()),
            sha256: file.map(|f| f.sha256.clone()),
            line: row.line,
            column: row.column,
            pointer: row.pointer.as_deref().map(str::to_owned),
            derived: row.derived.as_deref().map(str::to_owned),
        }
    }
}

impl Store {
    /// Gives every row of blocks to `each`.
    pub(super) fn packed_rows(&mut self, blocks: &[Block], mut each: impl FnMut(&Lines, &PackedRow<'_>) -> Result<()>) -> Result<()> {
        self.over_blocks(blocks, |_| (), |lines, ()| lines.rows(Part::Packed).try_for_each(|row| each(lines, &row?)))
    }

    /// The natural key of every row of blocks, as recorded.
    pub(super) fn packed_keys(&mut self, blocks: &[Block], mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
        self.over_blocks(blocks, |_| (), |lines, ()| lines.keyed().try_for_each(|(_, key, _)| each(key)))
    }

    /// Of each block that a run left packed, what `look` makes of the rows: number of the change, table, key. On any core.
    pub fn packed_of_run<T: Send>(
        &mut self,
        run: i64,
        look: impl Fn(&mut dyn Iterator<Item = (i64, &str, &str)>) -> T + Sync,
        mut each: impl FnMut(T),
    ) -> Result<()> {
        let blocks = self.blocks(Some(run), None)?;
        let rows = |lines: &Lines| look(&mut lines.keyed().map(|(change, key, _)| (change, lines.block.table.as_str(), key)));
        self.over_blocks(&blocks, rows, |_, looked| {
            each(looked);
            Ok(())
        })
    }

    /// The columns of a table's packed rows that are compared, if it has such as of a run.
    pub fn packed_columns(&mut self, job: &str, run: i64, table: &str) -> Result<Option<Vec<String>>> {
        let Some(block) = self.blocks_upto(job, run, table)?.into_iter().next() else { return Ok(None) };
        let columns = self.lines_of(&block)?.head.columns.into_iter();
        Ok(Some(columns.filter(|c| matches!(c.role, Role::Key | Role::Data)).map(|c| c.name).collect()))
    }

    /// The texts of some columns of every packed row that a run wrote to a table.
    pub fn packed_texts(&mut self, run: i64, table: &str, columns: &[String], mut each: impl FnMut(&[Option<String>])) -> Result<()> {
        let blocks = self.blocks(Some(run), Some(table))?;
        let look = |lines: &Lines| -> Result<Vec<Vec<Option<String>>>> {
            lines.rows(Part::Packed).map(|row| row.map(|row| columns.iter().map(|c| row.value(&lines.head, c)).collect())).collect()
        };
        self.over_blocks(&blocks, look, |_, rows| {
            rows?.iter().for_each(|texts| each(texts));
            Ok(())
        })
    }

    /// The blocks of a table that stand as of a run, if it was the job's; one load wrote them all.
    pub(super) fn blocks_upto(&mut self, job: &str, run: i64, table: &str) -> Result<Vec<Block>> {
        let mut blocks = self.blocks(None, Some(table))?;
        blocks.retain(|block| block.run <= run);
        let Some(of) = blocks.first().map(|block| block.run).filter(|of| *of != run) else { return Ok(blocks) };
        let rows =
            self.select(&["1"], "FROM tieout_run WHERE id = CAST($1 AS BIGINT) AND job = $2", &[Some(&of.to_string()), Some(job)])?;
        Ok(if rows.is_empty() { Vec::new() } else { blocks })
    }

    /// The rows of a block, as they were logged.
    pub(super) fn logged_packed(&mut self, block: &Block, mut each: impl FnMut(i64, String, String, Logged) -> Result<()>) -> Result<()> {
        let files = Files::all(self, block.run)?;
        self.packed_rows(std::slice::from_ref(block), |lines, row| {
            each(row.change, block.table.clone(), row.key.to_owned(), files.logged(block.run, &lines.head, row))
        })
    }

    /// The packed rows of a table with these keys: where they came from.
    pub(super) fn written_packed(&mut self, table: &str, keys: &BTreeSet<String>) -> Result<Vec<(String, Written)>> {
        let blocks = self.blocks(None, Some(table))?;
        let Some(run) = blocks.first().map(|block| block.run) else { return Ok(Vec::new()) };
        let files = Files::all(self, run)?;
        let mut found = Vec::new();
        self.over_blocks(
            &blocks,
            |_| (),
            |lines, ()| {
                for (change, _, line) in lines.keyed().filter(|(_, key, _)| keys.contains(*key)) {
                    let row = lines.block.row(line, change, &lines.head)?;
                    let Logged { path, sha256, line, column, pointer, derived, .. } = files.logged(run, &lines.head, &row);
                    found.push((row.key.to_owned(), Written { path, line, column, pointer, derived, sha256 }));
                }
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// The packed changes of a row.
    pub(super) fn packed_of(&mut self, table: &str, key: &str) -> Result<Vec<Revision>> {
        let (mut blocks, bounds) = (self.blocks(None, Some(table))?, self.bounds_of(table)?);
        let mut found = None;
        for block in blocks.iter().filter(|block| bounds.may_have(block, key)) {
            if self.lines_of(block)?.holds(key) {
                found = Some(block.clone());
                break;
            }
        }
        blocks.retain(|block| found.as_ref() == Some(block));
        self.packed_revisions(&blocks, |row| row.key == key)
    }

    /// The packed changes with these numbers.
    pub(super) fn packed_numbered(&mut self, changes: &[i64]) -> Result<Vec<Revision>> {
        let mut blocks = self.blocks(None, None)?;
        blocks.retain(|block| changes.iter().any(|change| block.changes().contains(change)));
        self.packed_revisions(&blocks, |row| changes.contains(&row.change))
    }

    /// The packed changes that came from a file, or from a line of it.
    pub(super) fn packed_from(&mut self, path: &str, line: Option<usize>) -> Result<Vec<Revision>> {
        let (files, blocks) = self.packed_of_file(path)?;
        let at = |row: &PackedRow<'_>| row.line.is_some() && (line.is_none() || row.line == line);
        let mut found = self.packed_revisions(&blocks, |row| row.file.is_some_and(|file| files.contains(&file)) && at(row))?;
        found.sort_by_key(|revision| (revision.line, revision.change));
        Ok(found)
    }

    /// The last line of a file before this one on which packed rows begin.
    pub(super) fn packed_line_before(&mut self, path: &str, line: usize) -> Result<Option<usize>> {
        let (files, blocks) = self.packed_of_file(path)?;
        let mut last = None;
        self.packed_rows(&blocks, |_, row| {
            if row.file.is_some_and(|file| files.contains(&file)) && row.line.is_some_and(|at| at < line) {
                last = last.max(row.line);
            }
            Ok(())
        })?;
        Ok(last)
    }

    /// The numbers of a path's files, and the blocks of the runs that read them.
    fn packed_of_file(&mut self, path: &str) -> Result<(BTreeSet<i64>, Vec<Block>)> {
        let rows = self.select(&["id", "run_id"], "FROM tieout_file WHERE path = $1", &[Some(path)])?;
        let number = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<i64>().ok());
        let runs: BTreeSet<i64> = rows.iter().filter_map(|row| number(&row[1])).collect();
        let mut blocks = self.blocks(None, None)?;
        blocks.retain(|block| runs.contains(&block.run));
        Ok((rows.iter().filter_map(|row| number(&row[0])).collect(), blocks))
    }

    fn packed_revisions(&mut self, blocks: &[Block], wanted: impl Fn(&PackedRow<'_>) -> bool) -> Result<Vec<Revision>> {
        let (mut found, mut of) = (Vec::new(), BTreeMap::<i64, BTreeSet<i64>>::new());
        self.packed_rows(blocks, |lines, row| {
            if wanted(row) {
                of.entry(lines.block.run).or_default().extend(row.file);
                let logged = Files::default().logged(lines.block.run, &lines.head, row);
                found.push((row.change, row.file, row.key.to_owned(), lines.block.table.clone(), logged));
            }
            Ok(())
        })?;
        let (mut runs, mut files) = (BTreeMap::new(), BTreeMap::new());
        for (run, wanted) in &of {
            files.extend(Files::read(self, *run, Some(wanted))?.0);
            let from = "FROM tieout_run WHERE id = CAST($1 AS BIGINT)";
            let row = self.select(&["job", "started_at", "who", "digest"], from, &[Some(&run.to_string())])?;
            runs.insert(*run, row.into_iter().next().unwrap_or_default());
        }
        let revision = |(change, file, key, table, logged): (i64, Option<i64>, String, String, Logged)| {
            let file: Option<&OfFile> = file.and_then(|file| files.get(&file));
            let said = |i: usize| runs.get(&logged.run).and_then(|row| row.get(i).cloned().flatten());
            Revision {
                change,
                table,
                key,
                path: file.map(|f| f.path.clone()),
                sha256: file.map(|f| f.sha256.clone()),
                encoding: file.map(|f| f.encoding.clone()),
                job: said(0).unwrap_or_default(),
                at: said(1).unwrap_or_default(),
                who: said(2),
                digest: said(3),
                run: logged.run,
                operation: logged.operation,
                before: logged.before,
                after: logged.after,
                line: logged.line,
                column: logged.column,
                pointer: logged.pointer,
                derived: logged.derived,
                undone_by: None,
                quote: None,
                unquoted: None,
            }
        };
        Ok(found.into_iter().map(revision).collect())
    }
}
