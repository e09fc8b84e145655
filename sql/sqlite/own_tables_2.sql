-- The program's own tables, version 2: refused records are kept as they are in the file, and can be taken up again.

-- Of a file with records in quarantine: SHA-256 of its other lines, which proves that a mended file is the same but for them.
ALTER TABLE tieout_file ADD COLUMN rest_sha256 TEXT;

-- The record that a finding is about: its first line, how many lines it takes, its bytes (the first 64 KiB), what it is
-- worth where that can be read, and whether it went into quarantine (1) or stopped the run (0).
ALTER TABLE tieout_reject ADD COLUMN record_line INTEGER;
ALTER TABLE tieout_reject ADD COLUMN record_lines INTEGER;
ALTER TABLE tieout_reject ADD COLUMN raw BLOB;
ALTER TABLE tieout_reject ADD COLUMN worth TEXT;
ALTER TABLE tieout_reject ADD COLUMN quarantined INTEGER;
CREATE INDEX tieout_reject_run ON tieout_reject (run_id);
