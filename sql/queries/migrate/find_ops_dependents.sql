-- migrate.find_ops_dependents: what stands in the schema ops, or on it, and is not ours to drop: whatever holds data,
-- and views of other schemas that read ours.
SELECT 'the table ' || c.oid::regclass
FROM pg_class AS c
WHERE c.relnamespace = to_regnamespace('ops') AND c.relkind IN ('r', 'p', 'm', 'f')
UNION
SELECT 'the view ' || c.oid::regclass
FROM pg_class AS source
JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = source.oid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_rewrite AS r ON r.oid = d.objid
JOIN pg_class AS c ON c.oid = r.ev_class
WHERE source.relnamespace = to_regnamespace('ops') AND c.relnamespace <> source.relnamespace
ORDER BY 1;
