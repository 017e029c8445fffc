-- migrate.read_ops_grants: the privileges that were given on the schema ops and on what is in it, as statements that
-- give them again: the schema is dropped and made anew.
-- returns  kind, object (as to_regclass or to_regprocedure finds it, a column behind its view), place, statement; in the order in which to run them
WITH objects AS (
    SELECT 'schema' AS kind, format('%I', nspname) AS name, '' AS columns, format('SCHEMA %I', nspname) AS target, nspacl AS acl
    FROM pg_namespace WHERE nspname = 'ops'
    UNION ALL
    SELECT 'relation', format('ops.%I', relname), '', format('TABLE ops.%I', relname), relacl
    FROM pg_class WHERE relnamespace = to_regnamespace('ops') AND relkind IN ('v', 'S')
    UNION ALL
    SELECT 'column', format('ops.%I.%I', c.relname, a.attname), format(' (%I)', a.attname), format('TABLE ops.%I', c.relname), a.attacl
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
    WHERE c.relnamespace = to_regnamespace('ops') AND c.relkind = 'v'
    UNION ALL
    SELECT 'function', oid::regprocedure::text, '', 'FUNCTION ' || oid::regprocedure::text, proacl
    FROM pg_proc WHERE pronamespace = to_regnamespace('ops'))
SELECT kind, name, 0 AS place, format('REVOKE ALL ON %s FROM PUBLIC', target) AS statement
FROM objects WHERE acl IS NOT NULL AND kind <> 'column'
UNION ALL
SELECT o.kind, o.name, 1,
       format('GRANT %s%s ON %s TO %s%s', a.privilege_type, o.columns, o.target,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM objects AS o, aclexplode(o.acl) AS a
ORDER BY place, kind, name, statement;
