-- migrate.find_ops_dependents: what would be lost with the schema ops and is not ours to drop: a schema of that name that
-- we did not make (its comment has no mark), what others put into ours (the mark lists what we made), whatever holds data,
-- and views of other schemas that read ours.
WITH ops AS MATERIALIZED (
    SELECT n.oid, coalesce(obj_description(n.oid, 'pg_namespace'), '') AS mark FROM pg_namespace AS n WHERE n.nspname = 'ops')
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
SELECT 'the view ' || c.oid::regclass
FROM ops AS o
JOIN pg_class AS source ON source.relnamespace = o.oid
JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = source.oid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_rewrite AS r ON r.oid = d.objid
JOIN pg_class AS c ON c.oid = r.ev_class
WHERE c.relnamespace <> o.oid
ORDER BY 1;
