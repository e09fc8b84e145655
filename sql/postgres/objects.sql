-- What a database is made of, a row each: kind, name, definition. What belongs to an extension comes with it and is left out, as is
-- what pg_dump leaves out: temporary tables, indexes that were never finished. `search_path` is `pg_catalog` when this runs. Tables
-- whose name is like $1 are left out.
WITH member AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), space AS (
    SELECT oid, nspname, CASE nspname WHEN 'public' THEN '' ELSE nspname || '.' END AS prefix FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), rel AS (
    SELECT c.oid, c.relkind, c.relname, s.prefix || c.relname AS called, c AS row FROM pg_class c JOIN space s ON s.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND c.relname NOT LIKE $1 AND (c.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass))
), own_type AS (
    SELECT t.*, t.oid AS id, s.prefix || t.typname AS called FROM pg_type t JOIN space s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r') AND t.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass)
), other AS (
    SELECT 'pg_collation'::regclass AS class, oid AS id FROM pg_collation
    UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
    UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
    UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion
    UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
)
SELECT 'schema' AS kind, nspname::text AS called, '' AS definition FROM space
WHERE nspname <> 'public' AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_namespace'::regclass)
UNION ALL
SELECT 'extension', extname, '' FROM pg_extension
UNION ALL
SELECT CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialised view' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'table' END,
    r.called, concat_ws(' ', CASE WHEN (r.row).relpersistence = 'u' THEN 'unlogged' END,
        CASE WHEN r.relkind = 'p' THEN 'partition by ' || pg_get_partkeydef(r.oid) END,
        (SELECT 'child of ' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = r.oid),
        pg_get_expr((r.row).relpartbound, r.oid),
        CASE WHEN (r.row).relrowsecurity THEN 'row security' END, CASE WHEN (r.row).relforcerowsecurity THEN 'forced' END,
        CASE WHEN (r.row).relreplident NOT IN ('d', 'n') THEN 'replica identity ' || (r.row).relreplident::text END,
        array_to_string((r.row).reloptions, ', '),
        CASE WHEN r.relkind = 'm' AND NOT (r.row).relispopulated THEN 'not populated' END,
        CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END)
FROM rel r WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'column', r.called || '.' || a.attname, concat_ws(' ', row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum),
        format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
        (SELECT 'collate ' || a.attcollation::regcollation FROM pg_type t WHERE t.oid = a.atttypid AND t.typcollation <> a.attcollation),
        CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text END,
        CASE WHEN a.attgenerated <> '' THEN 'generated ' || a.attgenerated::text END,
        (SELECT 'default ' || pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum))
FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'index', s.prefix || n.relname, pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisclustered THEN ' clustered' ELSE '' END
    || CASE WHEN i.indisreplident THEN ' replica identity' ELSE '' END
FROM rel r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class n ON n.oid = i.indexrelid JOIN space s ON s.oid = n.relnamespace
WHERE i.indisready AND (i.indisvalid OR n.relkind = 'I')
UNION ALL
-- The server names a partition's share of a constraint or trigger as it likes.
SELECT 'constraint', coalesce(r.called, t.called) || '.' || k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k LEFT JOIN rel r ON r.oid = k.conrelid LEFT JOIN own_type t ON t.id = k.contypid
WHERE k.contype NOT IN ('n', 't') AND k.conparentid = 0 AND (r.oid IS NOT NULL OR t.id IS NOT NULL)
UNION ALL
SELECT 'trigger', r.called || '.' || t.tgname, pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' enabled ' || t.tgenabled::text END
FROM rel r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal AND coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0'
UNION ALL
SELECT 'rule', r.called || '.' || w.rulename, pg_get_ruledef(w.oid) FROM rel r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', r.called || '.' || p.polname, concat_ws(' ', p.polcmd::text, CASE WHEN p.polpermissive THEN 'permissive' END,
        (SELECT string_agg(CASE x WHEN 0 THEN 'public' ELSE x::regrole::text END, ', ' ORDER BY x) FROM unnest(p.polroles) x),
        'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
FROM rel r JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'function', s.prefix || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE
        (SELECT concat_ws(' ', 'aggregate', g.aggtransfn::regproc, g.aggfinalfn::regproc, format_type(g.aggtranstype, NULL), g.agginitval)
        FROM pg_aggregate g WHERE g.aggfnoid = p.oid) END
FROM pg_proc p JOIN space s ON s.oid = p.pronamespace WHERE p.oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass)
    -- A range type brings its own.
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, t.called, CASE t.typtype
    WHEN 'e' THEN (SELECT 'enum ' || string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.id)
    WHEN 'r' THEN (SELECT 'range of ' || format_type(g.rngsubtype, NULL) FROM pg_range g WHERE g.rngtypid = t.id)
    ELSE concat_ws(' ', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault) END
FROM own_type t
UNION ALL
SELECT 'sequence', r.called, concat_ws(' ', format_type(q.seqtypid, NULL), 'from', q.seqstart, 'by', q.seqincrement, 'in', q.seqmin, q.seqmax,
        'cache', q.seqcache, CASE WHEN q.seqcycle THEN 'cycle' END,
        (SELECT 'of ' || d.refobjid::regclass || '.' || a.attname FROM pg_depend d
            JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
FROM rel r JOIN pg_sequence q ON q.seqrelid = r.oid
UNION ALL
SELECT 'statistics', s.prefix || x.stxname, pg_get_statisticsobjdef(x.oid) FROM pg_statistic_ext x JOIN space s ON s.oid = x.stxnamespace
UNION ALL
SELECT 'event trigger', evtname, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled::text, array_to_string(evttags, ', ')) FROM pg_event_trigger
WHERE oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_event_trigger'::regclass)
UNION ALL
-- Below 16384 is what the server came with.
SELECT i.type, i.identity, '' FROM other o, pg_identify_object(o.class, o.id, 0) i
WHERE o.id >= 16384 AND (o.class::oid, o.id) NOT IN (SELECT classid, objid FROM member)
    -- A range type brings its casts.
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.id AND d.deptype = 'i')
UNION ALL
SELECT 'comment on', i.type || ' ' || i.identity, d.description FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE d.objoid >= 16384 AND d.classoid <> 'pg_extension'::regclass AND (d.classoid, d.objoid) NOT IN (SELECT classid, objid FROM member)
    AND i.schema IS DISTINCT FROM 'pg_toast'
