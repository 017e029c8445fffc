-- doctor.missing_privileges: what `pgcourier serve` and its commands need and the role that asks does not have, an object a
-- row. The list is that of ops.grant_roles. Looked up by name and not by search_path, which leaves out a schema that one may
-- not use.
WITH home AS MATERIALIZED (
    SELECT c.relnamespace AS oid FROM pg_class AS c
    WHERE c.relname = 'messages_out' AND c.relkind IN ('r', 'p')
    ORDER BY c.oid IS DISTINCT FROM to_regclass('messages_out')::oid, c.oid
    LIMIT 1),
needed (place, object, privilege, is_there) AS (
    SELECT 1, 'schema ' || n.nspname, 'USAGE', has_schema_privilege(n.oid, 'USAGE')
    FROM pg_namespace AS n WHERE n.nspname = 'ops' OR n.oid = (SELECT h.oid FROM home AS h)
    UNION ALL
    SELECT 2, 'table ' || c.relname, p.privilege, has_table_privilege(c.oid, p.privilege)
    FROM pg_class AS c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
    WHERE c.relnamespace = (SELECT h.oid FROM home AS h) AND c.relkind IN ('r', 'p')
      AND c.relname IN (
        'tenants', 'seller_phones', 'messages_in', 'messages_out', 'dead_letter_jobs', 'event_log', 'opt_outs', 'opt_out_history',
        'webhook_events', 'webhook_queue', 'delivery_events', 'outbox_queue', 'outbox_leases', 'outbox_scopes', 'outbox_pauses',
        'outbox_dedupe_keys', 'outbox_waits', 'instances', 'alert_watch', 'alerts_open', 'alert_posts',
        'retention_passes', 'erasures', 'receiving', 'backfills', 'former_numbers')
    UNION ALL
    SELECT 3, 'table ' || c.relname, 'SELECT', has_table_privilege(c.oid, 'SELECT')
    FROM pg_class AS c WHERE c.relnamespace = (SELECT h.oid FROM home AS h) AND c.relname = 'pgcourier_migrations'
    UNION ALL
    SELECT 4, CASE WHEN n.nspname = 'ops' THEN 'view ops.' ELSE 'view ' END || c.relname, 'SELECT', has_table_privilege(c.oid, 'SELECT')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'v' AND (n.nspname = 'ops' OR n.oid = (SELECT h.oid FROM home AS h) AND c.relname IN ('routable_events', 'tenant_senders'))
    UNION ALL
    SELECT 5, format('function %s.%s', n.nspname, p.proname), 'EXECUTE', has_function_privilege(p.oid, 'EXECUTE')
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = 'ops' OR n.oid = (SELECT h.oid FROM home AS h) AND p.proname LIKE 'pgcourier\_%')
SELECT x.object, string_agg(DISTINCT x.privilege, ', ') AS privileges
FROM needed AS x
WHERE NOT x.is_there
GROUP BY x.place, x.object
ORDER BY x.place, x.object;
