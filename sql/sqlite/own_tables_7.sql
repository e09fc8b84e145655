-- The program's own tables, version 7: the new rows of a large first load stand in the change log in blocks, not a row each.

-- "first_change" is the number that the first of its "rows" has in the change log, the others follow. "head" says what the lines are made
-- of. "lines" is gzip of a line a row, each a JSON list: natural key, file, line, column, pointer, derived, then the other values.
-- "unpacked_by" is the run before which the rows that were still in it were put into tieout_change, each in a row of its own.
CREATE TABLE tieout_packed (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id       INTEGER NOT NULL,
  table_name   TEXT NOT NULL,
  first_change INTEGER NOT NULL,
  rows         INTEGER NOT NULL,
  head         TEXT NOT NULL,
  lines        BLOB NOT NULL,
  unpacked_by  INTEGER
);
CREATE INDEX tieout_packed_run ON tieout_packed (run_id, table_name, first_change);

-- Numbers that are in blocks are given to no other row: the counter of the change log must know of them.
CREATE TABLE tieout_change_7 (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id      INTEGER NOT NULL,
  table_name  TEXT NOT NULL,
  row_key     TEXT NOT NULL,
  operation   TEXT NOT NULL CHECK (operation IN ('insert', 'update', 'adopt', 'delete')),
  before      TEXT,
  after       TEXT,
  file_id     INTEGER,
  line        INTEGER,
  "column"    INTEGER,
  pointer     TEXT,
  derived     TEXT,
  left_digest BLOB,
  row_before  TEXT,
  undone_by   INTEGER
);
INSERT INTO tieout_change_7 SELECT id, run_id, table_name, row_key, operation, before, after, file_id, line, "column", pointer, derived, left_digest, row_before, undone_by FROM tieout_change;
DROP TABLE tieout_change;
ALTER TABLE tieout_change_7 RENAME TO tieout_change;
CREATE INDEX tieout_change_key ON tieout_change (table_name, row_key, id) WHERE undone_by IS NULL;
CREATE INDEX tieout_change_run ON tieout_change (run_id);
