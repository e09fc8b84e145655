-- The program's own tables, version 1. Nothing of ours stays in the user's tables.

-- One row per run, failed ones too. "report" is the whole outcome as JSON.
CREATE TABLE tieout_run (
  id          INTEGER PRIMARY KEY,
  job         TEXT NOT NULL,
  job_sha256  TEXT NOT NULL,
  command     TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('committed', 'unchanged', 'failed')),
  exit_code   INTEGER NOT NULL,
  started_at  TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  database    TEXT NOT NULL,
  version     TEXT NOT NULL,
  report      TEXT NOT NULL
);

-- One row per source file of a run.
CREATE TABLE tieout_file (
  id       INTEGER PRIMARY KEY,
  run_id   INTEGER NOT NULL,
  source   TEXT NOT NULL,
  path     TEXT NOT NULL,
  sha256   TEXT NOT NULL,
  size     INTEGER NOT NULL,
  encoding TEXT NOT NULL,
  status   TEXT NOT NULL
);
CREATE INDEX tieout_file_run ON tieout_file (run_id);

-- One row per written row of a user table: provenance, history and undo in one. "after" is what we imported, the
-- middle leg of the three-way comparison at the next run. Operation "adopt" records a row that already stood there.
CREATE TABLE tieout_change (
  id         INTEGER PRIMARY KEY,
  run_id     INTEGER NOT NULL,
  table_name TEXT NOT NULL,
  row_key    TEXT NOT NULL,
  operation  TEXT NOT NULL CHECK (operation IN ('insert', 'update', 'adopt')),
  before     TEXT,
  after      TEXT,
  file_id    INTEGER,
  line       INTEGER,
  "column"   INTEGER,
  pointer    TEXT,
  derived    TEXT
);
CREATE INDEX tieout_change_key ON tieout_change (table_name, row_key, id);

-- One row per finding of error level, with the quoted line.
CREATE TABLE tieout_reject (
  id       INTEGER PRIMARY KEY,
  run_id   INTEGER NOT NULL,
  path     TEXT,
  line     INTEGER,
  "column" INTEGER,
  pointer  TEXT,
  code     TEXT NOT NULL,
  message  TEXT NOT NULL,
  quote    TEXT
);

-- One row per check and group.
CREATE TABLE tieout_check (
  id          INTEGER PRIMARY KEY,
  run_id      INTEGER NOT NULL,
  name        TEXT NOT NULL,
  group_name  TEXT NOT NULL,
  expected    TEXT,
  actual      TEXT,
  difference  TEXT,
  status      TEXT NOT NULL,
  severity    TEXT NOT NULL,
  explanation TEXT
);
CREATE INDEX tieout_check_run ON tieout_check (run_id);

-- One row per migration step that stands: applied by us, or found standing and adopted. Job '' is this file.
CREATE TABLE tieout_migration (
  job        TEXT NOT NULL,
  name       TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('applied', 'adopted')),
  run_id     INTEGER,
  applied_at TEXT NOT NULL,
  PRIMARY KEY (job, name)
);
