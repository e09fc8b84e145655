//! Rows straight into an empty table, without being staged, and into blocks of the change log. What does not go smoothly is
//! undone, and goes by the stage, which says what is wrong.

use super::{Run, Stage};
use crate::error::{Result, Stop};
use crate::store::bulk::Rows;
use crate::store::dialect::Dialect;
use crate::store::packed::{BYTES, Block, Head, Packing, Place, ROWS};
use crate::store::shape::ShapeColumn;
use crate::store::{Store, pages, quote};
use crate::table::{Column, Line, Role, Row, Table, row_id};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// From how many rows on it pays: a table's indexes are built anew.
const WORTH: usize = 5000;

/// From how many rows on SQLite gets them in the order of an id that is a text: its index, which cannot be set aside, is then larger than
/// what is kept of it in memory, and would be hit at random places. Builds for tests do so always.
const SORTED: usize = if cfg!(debug_assertions) { WORTH } else { 1_500_000 };

/// What was written.
pub struct Straight {
    /// How many rows.
    pub rows: usize,
    /// Of which files, by index in the run's list.
    pub by_file: BTreeMap<usize, usize>,
}

/// Rows of one block on their way to the database.
struct Batch {
    rows: Rows,
    count: usize,
    lines: String,
}

impl Stage<'_> {
    /// Whether so many rows may go straight into the table: it is empty and ours to fill, every column is written by us, and
    /// nothing in the database has a say in what it then holds.
    pub fn may_go_straight(&self, store: &mut Store, rows: usize, run: &Run<'_>) -> Result<bool> {
        let all = self.kept.len() == self.used.len();
        // What such a column of a strict table holds depends on more than its type.
        let any = self.used.iter().any(|(.., shape)| shape.declared.eq_ignore_ascii_case("ANY"));
        if any || !self.fresh || run.dry || rows < WORTH || !all || self.table.occurrence.is_some() {
            return Ok(false);
        }
        let name = [Some(&*self.table.name)];
        let settled = store.select(&["1"], "FROM tieout_resolution WHERE table_name = $1 LIMIT 1", &name)?;
        let meddles = if store.is_postgres() {
            "FROM pg_class t WHERE t.relname = $1 AND pg_table_is_visible(t.oid) AND (t.relkind <> 'r' OR t.relhasrules OR t.relrowsecurity \
             OR EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal) \
             OR EXISTS (SELECT 1 FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = t.oid AND a.attnum > 0 \
             AND NOT a.attisdropped AND (a.attidentity = 'a' OR y.typnamespace <> 'pg_catalog'::regnamespace)) \
             OR EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = t.oid AND x.indisunique AND NOT (x.indimmediate AND x.indisvalid)) \
             OR EXISTS (SELECT 1 FROM pg_inherits i WHERE t.oid IN (i.inhrelid, i.inhparent)))"
        } else {
            "FROM sqlite_master WHERE type = 'trigger' AND tbl_name = $1 COLLATE NOCASE"
        };
        Ok(settled.is_empty() && store.select(&["1"], meddles, &name)?.is_empty())
    }

    /// Writes the rows, and their blocks. The error of a row is given as such, whatever else stops it as `None`. `each` sees the
    /// canonical texts of every row; about so many are expected.
    pub fn go_straight<I: Iterator<Item = Result<Row>>>(
        &self,
        store: &mut Store,
        rows: &(impl Fn() -> I + Sync),
        expected: usize,
        run: &Run<'_>,
        mut each: impl FnMut(&Row) + Send,
    ) -> Result<Option<Straight>> {
        let first = store.next_change()?;
        let head = Head::of(run.job, run.at, self.used.iter().map(|(_, column, shape)| (*column, shape)));
        let head = serde_json::to_string(&head).unwrap_or_default();
        let of = Making { table: self.table, used: &self.used, run, dialect: store.dialect() };
        let empty = Rows::new(store, self.used.len());
        let sorted = self.to_be_sorted(store, expected)?;
        let into = if sorted.is_some() { "tieout_unsorted" } else { &self.table.name };
        let (made, written) = std::thread::scope(|scope| {
            let (send, receive) = sync_channel(2);
            let maker = scope.spawn(move || of.make(rows(), &mut each, empty, &send));
            // This thread writes, so that what the database keeps in memory is there for it later.
            let written = self.take(store, into, receive, run.id, first, &head);
            (maker.join().unwrap_or_else(|_| Err(Stop::database("the rows could not be made", "this is a fault of tieout"))), written)
        });
        let straight = made?;
        if let (Ok(_), Some(sorted)) = (&written, &sorted) {
            self.put_in_order(store, sorted)?;
        }
        match written {
            Ok(written) if written == straight.rows => {
                store.go_on_with_change(first + i64::try_from(written).unwrap_or_default())?;
                self.describe(store, run.id)?;
                Ok(Some(straight))
            }
            _ => Ok(None),
        }
    }

    /// Writes what comes; gives how many rows came. The first has the number `next` in the change log.
    fn take(&self, store: &mut Store, into: &str, batches: Receiver<Batch>, run: i64, first: i64, head: &str) -> Result<usize> {
        let columns: Vec<&str> = self.used.iter().map(|(_, column, _)| &*column.name).collect();
        let (mut written, mut next) = (0, first);
        for batch in batches {
            store.put(into, &columns, &batch.rows)?;
            let rows = i64::try_from(batch.count).unwrap_or_default();
            let table = self.table.name.to_string();
            let block = Block { id: 0, run, table, first: next, rows, taken: 0, unpacked: false };
            store.add_block(&block, head, batch.lines)?;
            (written, next) = (written + batch.count, next + rows);
        }
        Ok(written)
    }

    /// The column to sort by, where that is worth it. Then there is a temporary table for the rows.
    fn to_be_sorted(&self, store: &mut Store, expected: usize) -> Result<Option<String>> {
        let id = self.used.iter().find(|(_, c, _)| c.role == Role::Id).map(|(_, c, _)| quote(&c.name));
        let Some(id) = id.filter(|_| expected >= SORTED && !store.is_postgres()) else { return Ok(None) };
        let columns = self.used.iter().map(|(_, c, _)| quote(&c.name)).collect::<Vec<_>>().join(", ");
        store.execute(&format!("CREATE TEMP TABLE tieout_unsorted ({columns})"))?;
        // What is sorted takes as much memory as pages do.
        store.keep_pages(pages::READING)?;
        Ok(Some(id))
    }

    fn put_in_order(&self, store: &mut Store, by: &str) -> Result<()> {
        let columns = self.used.iter().map(|(_, c, _)| quote(&c.name)).collect::<Vec<_>>().join(", ");
        store.execute(&format!(
            "INSERT INTO {} ({columns}) SELECT {columns} FROM tieout_unsorted ORDER BY {by}; DROP TABLE tieout_unsorted",
            self.target()
        ))
    }

    /// Whether no two rows of the table have the same natural key.
    pub fn keys_are_unique(&self, store: &mut Store) -> Result<bool> {
        let at = |name: &str| self.used.iter().find(|(_, c, _)| c.name == name);
        let of_key = |name: &str| at(name).is_some_and(|(_, c, shape)| c.role == Role::Key && shape.required);
        let is_id = |key: &[&str]| key.len() == 1 && at(key[0]).is_some_and(|(_, c, _)| c.role == Role::Id);
        let shape = store.table_shape(&self.table.name)?.unwrap_or_default();
        // The id is made of the key: where it is unique, the key is.
        if shape.unique_keys().any(|key| is_id(&key) || key.iter().all(|name| of_key(name))) {
            return Ok(true);
        }
        let keys: Vec<String> = self.with(&[Role::Key]).map(|(_, c, _)| quote(&c.name)).collect();
        let keys = keys.join(", ");
        let twice = format!("FROM {} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1", self.target());
        Ok(store.select(&["1"], &twice, &[])?.is_empty())
    }

    /// Every row of the table: the texts of its key, its other columns that are compared, and those that are only inserted.
    pub fn each_held(&self, store: &mut Store, mut each: impl FnMut(&Line) + Send) -> Result<()> {
        let names: Vec<&str> = self.with(&HELD).map(|(_, c, _)| &*c.name).collect();
        store.column_texts(&self.table.name, &names, |line| {
            each(line);
            Ok(())
        })
    }

    /// The columns of [`Stage::each_held`], with their place in a row.
    pub fn held_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.used.iter().filter(|(_, c, _)| HELD.contains(&c.role)).map(|(i, column, _)| (*i, *column))
    }
}

/// What makes rows and blocks, beside whoever writes them.
struct Making<'m> {
    table: &'m Table,
    used: &'m [(usize, &'m Column, ShapeColumn)],
    run: &'m Run<'m>,
    dialect: Dialect,
}

impl Making<'_> {
    fn make(
        &self,
        rows: impl Iterator<Item = Result<Row>>,
        each: &mut impl FnMut(&Row),
        mut waiting: Rows,
        send: &SyncSender<Batch>,
    ) -> Result<Straight> {
        let mut straight = Straight { rows: 0, by_file: BTreeMap::new() };
        let mut packing = Packing::default();
        for row in rows {
            let row = row?;
            straight.rows += 1;
            if let Some(file) = row.origin.file {
                *straight.by_file.entry(file).or_default() += 1;
            }
            each(&row);
            self.row(row, &mut waiting, &mut packing);
            if packing.rows == ROWS || packing.bytes() > BYTES {
                let (count, lines) = packing.finish();
                let next = waiting.another();
                if send.send(Batch { rows: std::mem::replace(&mut waiting, next), count, lines }).is_err() {
                    return Ok(straight); // The writer says why.
                }
            }
        }
        let (count, lines) = packing.finish();
        if count > 0 {
            let _ = send.send(Batch { rows: waiting, count, lines });
        }
        Ok(straight)
    }

    /// A row, as it is written and as it is packed.
    fn row(&self, row: Row, into: &mut Rows, packing: &mut Packing) {
        let key = self.table.key_of(&row.values);
        let Row { mut values, origin } = row;
        let file = origin.file.and_then(|i| self.run.files.get(i)).copied();
        let position = origin.file.map(|_| (origin.span.line, origin.span.column));
        let others = self.used.iter().filter(|(_, c, _)| Head::is_other(c.role)).map(|(i, ..)| values[*i].as_deref());
        let place = Place { file, position, pointer: origin.span.pointer.as_deref(), derived: origin.derived };
        packing.row(&key, place, others);
        let last = self.used.len() - 1;
        for (at, (i, column, shape)) in self.used.iter().enumerate() {
            match column.role {
                Role::Id => into.push(Some(&row_id(self.run.job, &self.table.name, &key)), at == last),
                Role::CreatedAt | Role::UpdatedAt => into.push(Some(self.run.at), at == last),
                _ => {
                    let text = values[*i].take().map(|text| self.dialect.stored(text, column.kind, shape));
                    into.push(text.as_deref(), at == last);
                }
            }
        }
    }
}

const HELD: [Role; 3] = [Role::Key, Role::Data, Role::InsertOnly];
