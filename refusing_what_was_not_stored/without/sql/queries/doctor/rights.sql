-- doctor.rights: whether the tables are there for the role that asks, and whether it could drop them.
SELECT c.relnamespace::regnamespace::text AS home, pg_has_role(c.relowner, 'USAGE') AS is_owner,
       to_regclass('messages_out') IS NOT DISTINCT FROM c.oid::regclass AS is_found,
       has_schema_privilege(c.relnamespace, 'USAGE') AS may_use
FROM pg_class AS c
WHERE c.relname = 'messages_out' AND c.relkind IN ('r', 'p')
ORDER BY c.oid IS DISTINCT FROM to_regclass('messages_out')::oid, c.oid
LIMIT 1;
