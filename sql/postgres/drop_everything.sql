-- Drops whatever is the user's in a database, except the extensions named in KEPT. What a cascade has taken already is passed over.
DO $tieout$
DECLARE
    statement text;
    statements text[];
BEGIN
    PERFORM set_config('search_path', 'pg_catalog', true);
    WITH member AS (
        SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
    ), other AS (
        SELECT 'pg_collation'::regclass AS class, oid AS id, 5 AS rank FROM pg_collation
        UNION ALL SELECT 'pg_type'::regclass, oid, 4 FROM pg_type WHERE typtype IN ('e', 'd', 'r')
        UNION ALL SELECT 'pg_proc'::regclass, oid, 3 FROM pg_proc
        UNION ALL SELECT 'pg_operator'::regclass, oid, 5 FROM pg_operator
        UNION ALL SELECT 'pg_opclass'::regclass, oid, 5 FROM pg_opclass
        UNION ALL SELECT 'pg_opfamily'::regclass, oid, 6 FROM pg_opfamily
        UNION ALL SELECT 'pg_cast'::regclass, oid, 5 FROM pg_cast
        UNION ALL SELECT 'pg_conversion'::regclass, oid, 5 FROM pg_conversion
        UNION ALL SELECT 'pg_ts_config'::regclass, oid, 5 FROM pg_ts_config
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid, 6 FROM pg_ts_dict
        UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 5 FROM pg_foreign_server
    ), dropping AS (
        SELECT 0 AS rank, format('DROP EVENT TRIGGER IF EXISTS %I', evtname) AS line FROM pg_event_trigger
        WHERE oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_event_trigger'::regclass)
        UNION ALL
        SELECT 1, format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
            AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_namespace'::regclass)
        UNION ALL
        SELECT 2, format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)
        UNION ALL
        SELECT 3, format('DROP SEQUENCE IF EXISTS %I.%I CASCADE', n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            AND c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)
        UNION ALL
        SELECT o.rank, format('DROP %s IF EXISTS %s CASCADE', upper(i.type), i.identity) FROM other o, pg_identify_object(o.class, o.id, 0) i
        WHERE o.id >= 16384 AND (o.class::oid, o.id) NOT IN (SELECT classid, objid FROM member)
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.id AND d.deptype = 'i')
            AND i.schema IS DISTINCT FROM 'information_schema'
        UNION ALL
        SELECT 7, format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_extension
        WHERE extname <> 'plpgsql' AND extname <> ALL (KEPT) AND pg_has_role(extowner, 'USAGE')
    )
    SELECT array_agg(line ORDER BY rank) INTO statements FROM dropping;
    FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
    END LOOP;
    PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END
$tieout$;
