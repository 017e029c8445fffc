-- outbox.first_due: since when messages of each tenant are due, read from the start in the order of time, which is the order in which
-- they lie: what is long claimed costs an eighth of what it costs tenant by tenant (Mark). Serves from outbox_queue_due_at_idx.
-- $1 due messages to read integer
-- returns  tenant, in µs since 1970 since when; then one without a tenant: of all others nothing is due that is older; how many µs
--          this took, how many messages it read
WITH head AS MATERIALIZED (
    SELECT q.tenant_id, q.due_at FROM outbox_queue AS q
    WHERE q.due_at <= now()
    ORDER BY q.due_at, q.seq
    LIMIT $1::integer),
found AS (
    SELECT h.tenant_id, min(h.due_at) AS due_at, count(*) AS messages FROM head AS h GROUP BY h.tenant_id
    UNION ALL
    SELECT NULL, CASE WHEN count(*) < $1::integer THEN now() ELSE max(h.due_at) END, count(*) FROM head AS h)
SELECT f.tenant_id, (extract(epoch FROM greatest(f.due_at, 'epoch')) * 1000000)::bigint AS due_us,
       (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint AS took_us, f.messages
FROM found AS f;
