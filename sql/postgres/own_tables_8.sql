-- The program's own tables, version 8: some rows of a block may stand in the change log on their own, while the others stay in it.

-- "change_id" is the number of such a row, in the block and in tieout_change; "taken_by" the run that was to write to its table.
CREATE TABLE tieout_taken (
  change_id BIGINT PRIMARY KEY,
  taken_by  BIGINT NOT NULL
);
