-- The program's own tables, version 3: rows may be taken away, and conflicts settled on purpose.

ALTER TABLE tieout_change DROP CONSTRAINT tieout_change_operation_check;
ALTER TABLE tieout_change ADD CONSTRAINT tieout_change_operation_check CHECK (operation IN ('insert', 'update', 'adopt', 'delete'));

-- One row per value that a conflict was about and somebody settled: it holds as long as both sides stay as they were.
CREATE TABLE tieout_resolution (
  id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id         BIGINT NOT NULL,
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
