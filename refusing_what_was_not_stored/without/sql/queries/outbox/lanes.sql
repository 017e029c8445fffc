-- outbox.lanes: which tenants have messages due, from which number each sends, and whether a person or an outage keeps it
-- from sending: what a claim is dealt out of. While few messages are due, it is their tenants. When there are more than one
-- claim looks at, the index is walked from tenant to tenant, a step each, so that a million messages of one tenant cost no
-- other tenant anything; the walk goes on where the last one ended. With marks, below which nothing of a tenant was due a moment
-- ago, the queue is read from there on, and the walk goes over all tenants: what was claimed may still stand in its indexes (Mark).
-- Serves from outbox_queue_due_at_idx and outbox_queue_tenant_idx.
-- $1 the number that a tenant without one sends from text, or NULL  $2 the walk begins behind this tenant text
-- $3 how many due messages are few integer (0: they are not)  $4 tenants that a walk visits integer
-- $5 the lowest mark, in µs since 1970 bigint; NULL: there are none  $6 that of tenants that are not named bigint
-- $7 those of tenants, µs by id, a JSON object text  $8 due messages that are enough integer: there a walk ends
-- $9 how many of a tenant a walk counts integer
-- returns  a row for each tenant with due messages, or one without a tenant: tenant id, sender (empty: none), due messages
--          (counted to $9 in a walk), the fewest deferrals among them, is_paused, where the next walk begins (empty: at the
--          first), in µs since 1970 when the first of its due messages fell due and what time it is, how many µs this took, whether it was a walk. The
--          senders stand in pgcourier.scopes for scopes.sql
WITH RECURSIVE
marks AS MATERIALIZED (SELECT coalesce(to_timestamp($5::bigint / 1e6::float8), '-infinity') AS lowest, $7::jsonb AS of_tenants),
head AS MATERIALIZED (
    SELECT q.tenant_id, q.deferrals, q.due_at FROM outbox_queue AS q
    WHERE q.due_at <= now() AND q.due_at >= (SELECT m.lowest FROM marks AS m)
    ORDER BY q.due_at, q.seq
    LIMIT $3::integer),
is_many AS MATERIALIZED (SELECT count(*) >= $3::integer AS yes FROM head),
walk (tenant_id, step, due, deferrals, first_due_at, all_due) AS (
    SELECT $2::text, 0, 0::bigint, 0::smallint, NULL::timestamptz, 0::bigint
    FROM is_many AS m WHERE m.yes
    UNION ALL
    SELECT n.tenant_id, w.step + 1, d.due, d.deferrals, d.first_due_at, w.all_due + d.due
    FROM walk AS w
    CROSS JOIN LATERAL (
        SELECT CASE WHEN $5::bigint IS NULL
                    THEN (SELECT q.tenant_id FROM outbox_queue AS q WHERE q.tenant_id > w.tenant_id ORDER BY q.tenant_id LIMIT 1)
                    ELSE (SELECT t.id FROM tenants AS t WHERE t.id > w.tenant_id ORDER BY t.id LIMIT 1) END AS tenant_id
        OFFSET 0) AS n
    CROSS JOIN LATERAL (
        SELECT coalesce(to_timestamp(coalesce((m.of_tenants ->> n.tenant_id)::bigint, $6::bigint) / 1e6::float8), '-infinity') AS begins
        FROM marks AS m OFFSET 0) AS b
    CROSS JOIN LATERAL (
        SELECT count(*) AS due, min(x.deferrals) AS deferrals, min(x.due_at) AS first_due_at
        FROM (SELECT q.deferrals, q.due_at FROM outbox_queue AS q
              WHERE q.tenant_id = ANY (ARRAY[n.tenant_id]) AND q.due_at >= b.begins AND q.due_at <= now()
              ORDER BY q.tenant_id, q.due_at, q.seq
              LIMIT $9::integer) AS x) AS d
    WHERE w.tenant_id IS NOT NULL AND w.step < $4::integer AND w.all_due < $8::integer),
found AS MATERIALIZED (
    SELECT h.tenant_id, count(*) AS due, min(h.deferrals) AS deferrals, min(h.due_at) AS first_due_at
    FROM head AS h CROSS JOIN is_many AS m
    WHERE NOT m.yes
    GROUP BY h.tenant_id
    UNION ALL
    SELECT w.tenant_id, w.due, w.deferrals, w.first_due_at FROM walk AS w WHERE w.due > 0),
lanes AS MATERIALIZED (
    SELECT f.tenant_id, f.due, f.deferrals, f.first_due_at, coalesce(t.whatsapp_phone_number, $1::text, '') AS sender
    FROM found AS f
    LEFT JOIN tenants AS t ON t.id = f.tenant_id),
-- After an outage sending waits until each STOP is known that was said in it, for some seconds at most, also where the clock went back.
gap AS MATERIALIZED (SELECT EXISTS (SELECT FROM backfills AS b
                                    WHERE b.sending_waits_until > clock_timestamp()
                                      AND b.sending_waits_until <= clock_timestamp() + interval '30 s') AS waits)
SELECT l.tenant_id, l.sender, l.due, l.deferrals,
       EXISTS (SELECT FROM outbox_pauses AS p
               WHERE (p.kind, p.id) IN (('all', ''), ('tenant', l.tenant_id), ('sender', l.sender)))
           OR (SELECT g.waits FROM gap AS g) AS is_paused,
       coalesce((SELECT e.tenant_id FROM (SELECT w.tenant_id FROM walk AS w ORDER BY w.step DESC LIMIT 1) AS e
                 WHERE CASE WHEN $5::bigint IS NULL THEN EXISTS (SELECT FROM outbox_queue AS q WHERE q.tenant_id > e.tenant_id)
                            ELSE EXISTS (SELECT FROM tenants AS t WHERE t.id > e.tenant_id) END), '') AS next_walk,
       set_config('pgcourier.scopes', (SELECT coalesce(array_agg(DISTINCT 'sender:' || s.sender), '{}')::text
                                       FROM lanes AS s WHERE s.sender <> ''), true) AS scopes,
       (extract(epoch FROM greatest(l.first_due_at, 'epoch')) * 1000000)::bigint AS first_due_us, (extract(epoch FROM now()) * 1000000)::bigint AS now_us,
       (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint AS took_us, (SELECT m.yes FROM is_many AS m) AS walked
FROM (VALUES (true)) AS always (is_so)
LEFT JOIN lanes AS l ON true
ORDER BY l.tenant_id;
