-- The program's own tables, version 7: the new rows of a large first load stand in the change log in blocks, not a row each.

-- "first_change" is the number that the first of its "rows" has in the change log, the others follow. "head" says what the lines are made
-- of. "lines" is gzip of a line a row, each a JSON list: natural key, file, line, column, pointer, derived, then the other values.
-- "unpacked_by" is the run before which the rows that were still in it were put into tieout_change, each in a row of its own.
CREATE TABLE tieout_packed (
  id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id       BIGINT NOT NULL,
  table_name   TEXT NOT NULL,
  first_change BIGINT NOT NULL,
  rows         BIGINT NOT NULL,
  head         TEXT NOT NULL,
  lines        BYTEA NOT NULL,
  unpacked_by  BIGINT
);
CREATE INDEX tieout_packed_run ON tieout_packed (run_id, table_name, first_change);
