-- migrate.read_ops_grants: the privileges that were given on the schema ops and on what is in it, as statements that
-- give them again: the schema is dropped and made anew.
-- returns  kind, object (as to_regclass or to_regprocedure finds it), place, statement; in the order in which to run them
WITH objects AS (
    SELECT 'schema' AS kind, format('%I', nspname) AS name, 'SCHEMA' AS word, nspacl AS acl
    FROM pg_namespace WHERE nspname = 'ops'
    UNION ALL
    SELECT 'relation', format('ops.%I', relname), 'TABLE', relacl
    FROM pg_class WHERE relnamespace = to_regnamespace('ops') AND relkind IN ('v', 'S')
    UNION ALL
    SELECT 'function', oid::regprocedure::text, 'FUNCTION', proacl
    FROM pg_proc WHERE pronamespace = to_regnamespace('ops'))
SELECT kind, name, 0 AS place, format('REVOKE ALL ON %s %s FROM PUBLIC', word, name) AS statement
FROM objects WHERE acl IS NOT NULL
UNION ALL
SELECT o.kind, o.name, 1,
       format('GRANT %s ON %s %s TO %s%s', a.privilege_type, o.word, o.name,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM objects AS o, aclexplode(o.acl) AS a
ORDER BY kind, name, place, statement;
