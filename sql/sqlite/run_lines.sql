-- The lines that the digest of a run covers, in their order; $1 is the run's number. A line is a JSON list of texts.
-- The digest is SHA-256 over the digest of the run before (64 zeros for the first) and these lines, each with a line feed.

SELECT json_array('run', CAST(id AS TEXT), job, job_sha256, command, status, CAST(exit_code AS TEXT), started_at, finished_at, database, version, who, report) AS row
FROM tieout_run WHERE id = CAST($1 AS BIGINT);

SELECT json_array('file', CAST(id AS TEXT), source, path, sha256, CAST(size AS TEXT), encoding, status, rest_sha256) AS row
FROM tieout_file WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

SELECT json_array('written', table_name, columns, row_key, created, kinds) AS row
FROM tieout_written WHERE run_id = CAST($1 AS BIGINT) ORDER BY table_name;

SELECT json_array('change', CAST(id AS TEXT), table_name, row_key, operation, before, after, CAST(file_id AS TEXT), CAST(line AS TEXT), CAST("column" AS TEXT), pointer, derived, CASE WHEN left_digest IS NOT NULL THEN lower(hex(left_digest)) END, row_before) AS row
FROM tieout_change c WHERE run_id = CAST($1 AS BIGINT) AND NOT EXISTS (SELECT 1 FROM tieout_packed p
WHERE p.run_id = c.run_id AND p.table_name = c.table_name AND c.id >= p.first_change AND c.id < p.first_change + p.rows) ORDER BY id;

-- New rows that were packed when the run was sealed: their block is what is sealed, also when they are unpacked later.
SELECT json_array('packed', CAST(id AS TEXT), table_name, CAST(first_change AS TEXT), CAST(rows AS TEXT), head, lower(hex(lines))) AS row
FROM tieout_packed WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

SELECT json_array('check', CAST(id AS TEXT), name, group_name, expected, actual, difference, status, severity, explanation) AS row
FROM tieout_check WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

-- Checks that are like a thousand others stand in blocks.
SELECT json_array('alike', CAST(id AS TEXT), CAST(checks AS TEXT), lower(hex(lines))) AS row
FROM tieout_alike WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

SELECT json_array('reject', CAST(id AS TEXT), path, CAST(line AS TEXT), CAST("column" AS TEXT), pointer, code, message, quote, CAST(record_line AS TEXT), CAST(record_lines AS TEXT), CASE WHEN raw IS NOT NULL THEN lower(hex(raw)) END, worth, CAST(quarantined AS TEXT)) AS row
FROM tieout_reject WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

-- What was recorded since the run before was sealed, by whatever command.
SELECT json_array('step', CAST(id AS TEXT), job, name, kind, sha256, CAST(run_id AS TEXT), at, CAST(position AS TEXT), down) AS row
FROM tieout_step WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

SELECT json_array('resolution', CAST(id AS TEXT), CAST(run_id AS TEXT), job, table_name, row_key, "column", file_value, database_value, accepted, reason, resolved_by, resolved_at) AS row
FROM tieout_resolution WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

SELECT json_array('report', CAST(id AS TEXT), CAST(run_id AS TEXT), report) AS row
FROM tieout_report WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

SELECT json_array('signature', CAST(id AS TEXT), CAST(run_id AS TEXT), role, signer, public_key, signature, signed_at) AS row
FROM tieout_signature WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

-- The runs that this one undid, and how many of their changes.
SELECT json_array('undone', CAST(r.id AS TEXT), CAST(count(c.id) AS TEXT)) AS row
FROM tieout_run r LEFT JOIN tieout_change c ON c.run_id = r.id AND c.undone_by = r.undone_by
WHERE r.undone_by = CAST($1 AS BIGINT) GROUP BY r.id ORDER BY r.id;
