-- migrate.find_ops_dependents: what would be lost with the schema ops and is not ours to drop: a schema of that name that
-- we did not make (its comment has no mark), what others put into ours (the mark lists what we made), whatever holds data,
-- and what stands elsewhere and uses ours: views, defaults, rules of tables, functions.
WITH ops AS MATERIALIZED (
    SELECT n.oid, coalesce(obj_description(n.oid, 'pg_namespace'), '') AS mark FROM pg_namespace AS n WHERE n.nspname = 'ops'),
inside AS MATERIALIZED (
    SELECT 'pg_class'::regclass AS classid, c.oid AS objid FROM pg_class AS c JOIN ops AS o ON c.relnamespace = o.oid
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid FROM pg_proc AS p JOIN ops AS o ON p.pronamespace = o.oid
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid FROM pg_type AS t JOIN ops AS o ON t.typnamespace = o.oid)
SELECT 'the whole of it, which pgcourier did not make,'
FROM ops AS o
WHERE o.mark NOT LIKE '%[sha256:%'
UNION
SELECT format('the %s %s', i.type, i.identity)
FROM ops AS o
JOIN pg_depend AS d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = o.oid AND d.classid <> 'pg_default_acl'::regclass
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
WHERE split_part(i.identity, '(', 1) <> ALL (string_to_array(substring(o.mark FROM '\[holds ([^]]*)\]'), ' '))
UNION
SELECT 'the table ' || c.oid::regclass
FROM ops AS o
JOIN pg_class AS c ON c.relnamespace = o.oid AND c.relkind IN ('r', 'p', 'm', 'f')
UNION
SELECT CASE WHEN r.oid IS NOT NULL THEN 'the view ' || r.ev_class::regclass ELSE format('the %s %s', i.type, i.identity) END
FROM inside AS o
JOIN pg_depend AS d ON d.refclassid = o.classid AND d.refobjid = o.objid AND d.deptype IN ('n', 'a')
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
WHERE (d.classid, d.objid) NOT IN (SELECT x.classid, x.objid FROM inside AS x)
  -- A part of what is inside, as the rule of a view is.
  AND NOT EXISTS (SELECT FROM pg_depend AS whole JOIN inside AS x ON whole.refclassid = x.classid AND whole.refobjid = x.objid
                  WHERE whole.classid = d.classid AND whole.objid = d.objid AND whole.deptype = 'i')
ORDER BY 1;
