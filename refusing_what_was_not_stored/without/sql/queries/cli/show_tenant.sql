-- cli.show_tenant: one shop and its load.
-- $1 id text
SELECT t.id, t.name, t.number, t.sellers, t.opted_out, t.waiting, t.in_flight, t.oldest_due_seconds, t.dead_letters, t.paused,
       t.breaker_open_since, t.calls_at_once, o.created_at
FROM ops.tenants AS t
JOIN tenants AS o ON o.id = t.id
WHERE t.id = $1::text;
