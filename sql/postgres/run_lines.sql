-- The lines that the digest of a run covers, in their order; $1 is the run's number. A line is a JSON list of texts.
-- The digest is SHA-256 over the digest of the run before (64 zeros for the first) and these lines, each with a line feed.

SELECT CAST(array_to_json(ARRAY['run', CAST(id AS TEXT), job, job_sha256, command, status, CAST(exit_code AS TEXT), started_at, finished_at, database, version, who, report]) AS TEXT) AS row
FROM tieout_run WHERE id = CAST($1 AS BIGINT);

SELECT CAST(array_to_json(ARRAY['file', CAST(id AS TEXT), source, path, sha256, CAST(size AS TEXT), encoding, status, rest_sha256]) AS TEXT) AS row
FROM tieout_file WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

SELECT CAST(array_to_json(ARRAY['written', table_name, columns, row_key, created, kinds]) AS TEXT) AS row
FROM tieout_written WHERE run_id = CAST($1 AS BIGINT) ORDER BY table_name COLLATE "C";

SELECT CAST(array_to_json(ARRAY['change', CAST(id AS TEXT), table_name, row_key, operation, before, after, CAST(file_id AS TEXT), CAST(line AS TEXT), CAST("column" AS TEXT), pointer, derived, encode(left_digest, 'hex'), row_before]) AS TEXT) AS row
FROM tieout_change c WHERE run_id = CAST($1 AS BIGINT) AND NOT EXISTS (SELECT 1 FROM tieout_packed p
WHERE p.run_id = c.run_id AND p.table_name = c.table_name AND c.id >= p.first_change AND c.id < p.first_change + p.rows) ORDER BY id;

-- New rows that were packed when the run was sealed: their block is what is sealed, also when they are unpacked later.
SELECT CAST(array_to_json(ARRAY['packed', CAST(id AS TEXT), table_name, CAST(first_change AS TEXT), CAST(rows AS TEXT), head, encode(lines, 'hex')]) AS TEXT) AS row
FROM tieout_packed WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

SELECT CAST(array_to_json(ARRAY['check', CAST(id AS TEXT), name, group_name, expected, actual, difference, status, severity, explanation]) AS TEXT) AS row
FROM tieout_check WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

-- Checks that are like a thousand others stand in blocks.
SELECT CAST(array_to_json(ARRAY['alike', CAST(id AS TEXT), CAST(checks AS TEXT), encode(lines, 'hex')]) AS TEXT) AS row
FROM tieout_alike WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

SELECT CAST(array_to_json(ARRAY['reject', CAST(id AS TEXT), path, CAST(line AS TEXT), CAST("column" AS TEXT), pointer, code, message, quote, CAST(record_line AS TEXT), CAST(record_lines AS TEXT), encode(raw, 'hex'), worth, CAST(quarantined AS TEXT)]) AS TEXT) AS row
FROM tieout_reject WHERE run_id = CAST($1 AS BIGINT) ORDER BY id;

-- What was recorded since the run before was sealed, by whatever command.
SELECT CAST(array_to_json(ARRAY['step', CAST(id AS TEXT), job, name, kind, sha256, CAST(run_id AS TEXT), at, CAST(position AS TEXT), down]) AS TEXT) AS row
FROM tieout_step WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

SELECT CAST(array_to_json(ARRAY['resolution', CAST(id AS TEXT), CAST(run_id AS TEXT), job, table_name, row_key, "column", file_value, database_value, accepted, reason, resolved_by, resolved_at]) AS TEXT) AS row
FROM tieout_resolution WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

SELECT CAST(array_to_json(ARRAY['report', CAST(id AS TEXT), CAST(run_id AS TEXT), report]) AS TEXT) AS row
FROM tieout_report WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

SELECT CAST(array_to_json(ARRAY['signature', CAST(id AS TEXT), CAST(run_id AS TEXT), role, signer, public_key, signature, signed_at]) AS TEXT) AS row
FROM tieout_signature WHERE sealed_by = CAST($1 AS BIGINT) ORDER BY id;

-- The runs that this one undid, and how many of their changes.
SELECT CAST(array_to_json(ARRAY['undone', CAST(r.id AS TEXT), CAST(count(c.id) AS TEXT)]) AS TEXT) AS row
FROM tieout_run r LEFT JOIN tieout_change c ON c.run_id = r.id AND c.undone_by = r.undone_by
WHERE r.undone_by = CAST($1 AS BIGINT) GROUP BY r.id ORDER BY r.id;
