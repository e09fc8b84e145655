-- The program's own tables, version 3: rows may be taken away, and conflicts settled on purpose.

-- SQLite cannot change a CHECK: the table is made anew, with 'delete' among the operations ("before" is what stood there).
CREATE TABLE tieout_change_3 (
  id         INTEGER PRIMARY KEY,
  run_id     INTEGER NOT NULL,
  table_name TEXT NOT NULL,
  row_key    TEXT NOT NULL,
  operation  TEXT NOT NULL CHECK (operation IN ('insert', 'update', 'adopt', 'delete')),
  before     TEXT,
  after      TEXT,
  file_id    INTEGER,
  line       INTEGER,
  "column"   INTEGER,
  pointer    TEXT,
  derived    TEXT
);
INSERT INTO tieout_change_3 SELECT id, run_id, table_name, row_key, operation, before, after, file_id, line, "column", pointer, derived FROM tieout_change;
DROP TABLE tieout_change;
ALTER TABLE tieout_change_3 RENAME TO tieout_change;
CREATE INDEX tieout_change_key ON tieout_change (table_name, row_key, id);

-- One row per value that a conflict was about and somebody settled: it holds as long as both sides stay as they were.
CREATE TABLE tieout_resolution (
  id             INTEGER PRIMARY KEY,
  run_id         INTEGER NOT NULL,
  job            TEXT NOT NULL,
  table_name     TEXT NOT NULL,
  row_key        TEXT NOT NULL,
  "column"       TEXT NOT NULL,
  file_value     TEXT,
  database_value TEXT,
  accepted       TEXT NOT NULL CHECK (accepted IN ('file', 'database')),
  reason         TEXT NOT NULL,
  resolved_by    TEXT NOT NULL,
  resolved_at    TEXT NOT NULL
);
CREATE INDEX tieout_resolution_key ON tieout_resolution (table_name, row_key);
