-- The program's own tables, version 6: the runs are a chain, each sealed with a digest of what it recorded and of the run before.

-- Who ran it; the digest of the run before; and the run's own, of the lines that run_lines.sql gives.
ALTER TABLE tieout_run ADD COLUMN who TEXT;
ALTER TABLE tieout_run ADD COLUMN previous TEXT;
ALTER TABLE tieout_run ADD COLUMN digest TEXT;
CREATE INDEX tieout_change_run ON tieout_change (run_id);

-- What the columns hold that the run compared, as a JSON list of names and kinds.
ALTER TABLE tieout_written ADD COLUMN kinds TEXT;

-- What is recorded when its run is sealed already belongs to the next run that is: "sealed_by" is that run.
ALTER TABLE tieout_resolution ADD COLUMN sealed_by INTEGER;

-- The report of a run once more, with what its hooks did.
CREATE TABLE tieout_report (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id    INTEGER NOT NULL,
  report    TEXT NOT NULL,
  sealed_by INTEGER
);
CREATE INDEX tieout_report_run ON tieout_report (run_id);

-- What became of migration steps, one after the other; tieout_migration only says how it stands now.
CREATE TABLE tieout_step (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  job       TEXT NOT NULL,
  name      TEXT NOT NULL,
  kind      TEXT NOT NULL CHECK (kind IN ('applied', 'adopted', 'begun', 'undone')),
  sha256    TEXT,
  run_id    INTEGER,
  at        TEXT NOT NULL,
  position  INTEGER,
  down      TEXT,
  sealed_by INTEGER
);
INSERT INTO tieout_step (job, name, kind, sha256, run_id, at, position, down) SELECT job, name, kind, sha256, run_id, applied_at, position, down FROM tieout_migration WHERE job <> '' ORDER BY job, position, name;

-- Who stands for a run: an SSH signature over its number, job, role and digest.
CREATE TABLE tieout_signature (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id      INTEGER NOT NULL,
  role        TEXT NOT NULL CHECK (role IN ('preparer', 'reviewer')),
  signer      TEXT NOT NULL,
  public_key  TEXT NOT NULL,
  signature   TEXT NOT NULL,
  signed_at   TEXT NOT NULL,
  sealed_by   INTEGER
);

-- Of each line that a digest covers: kind, number, and the first eight digits of the line's own SHA-256. They prove nothing; where a
-- digest is not what it was, they tell which line is not.
CREATE TABLE tieout_seal (
  run_id INTEGER NOT NULL,
  part   INTEGER NOT NULL,
  seals  TEXT NOT NULL,
  PRIMARY KEY (run_id, part)
);
