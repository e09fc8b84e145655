-- The program's own tables, version 9: checks that are like a thousand others of their run stand in blocks, not a row each.

-- "lines" is gzip of a line a check, each a JSON list: name, group, expected, actual, difference, status, severity, explanation.
CREATE TABLE tieout_alike (
  id     INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  checks INTEGER NOT NULL,
  lines  BLOB NOT NULL
);
CREATE INDEX tieout_alike_run ON tieout_alike (run_id);
