-- The program's own tables, version 5: a step keeps its place and its way back, and may be begun and not yet done.

-- SQLite cannot change a CHECK: the table is made anew. "down" is the SQL of the way back as it was when the step was
-- applied, "position" the step's place among the steps of its job, from 0.
CREATE TABLE tieout_migration_5 (
  job        TEXT NOT NULL,
  name       TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('applied', 'adopted', 'begun')),
  run_id     INTEGER,
  applied_at TEXT NOT NULL,
  position   INTEGER,
  down       TEXT,
  PRIMARY KEY (job, name)
);
INSERT INTO tieout_migration_5 (job, name, sha256, kind, run_id, applied_at) SELECT job, name, sha256, kind, run_id, applied_at FROM tieout_migration;
DROP TABLE tieout_migration;
ALTER TABLE tieout_migration_5 RENAME TO tieout_migration;
