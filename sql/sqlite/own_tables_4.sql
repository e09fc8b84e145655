-- The program's own tables, version 4: a run can be undone by what was recorded of it.

-- The number of the run that undid this one.
ALTER TABLE tieout_run ADD COLUMN undone_by INTEGER;

-- Of an insert or update: digest of the whole row as the run left it. Of an update or delete: the whole row before, as a list
-- of exact texts in the order of tieout_written.columns. Of a change that does not stand any more: the run that undid it.
ALTER TABLE tieout_change ADD COLUMN left_digest BLOB;
ALTER TABLE tieout_change ADD COLUMN row_before TEXT;
ALTER TABLE tieout_change ADD COLUMN undone_by INTEGER;
DROP INDEX tieout_change_key;
CREATE INDEX tieout_change_key ON tieout_change (table_name, row_key, id) WHERE undone_by IS NULL;

-- One row per table that a run loaded: its columns and natural key (JSON lists), and the shape in which the run made it,
-- where it did.
CREATE TABLE tieout_written (
  run_id     INTEGER NOT NULL,
  table_name TEXT NOT NULL,
  columns    TEXT NOT NULL,
  row_key    TEXT NOT NULL,
  created    TEXT,
  PRIMARY KEY (run_id, table_name)
);
