-- outbox.ripen: the end of a claim: lets what had to wait for its time be claimed when that has come, and says when the
-- next message falls due. It comes last, and waits for no row, so that it holds none up.
-- Serves from outbox_queue_delayed_idx.
-- $1 tenants text[]  $2 limit integer
-- returns  how many may be claimed now that could not before; in how many ms the next one falls due: 0 when one of these
--          tenants has one that was not claimable, NULL when none waits. What is due of other tenants is held up by
--          something that is not a matter of time (a pause), or whose time the claim knows (a rate, a breaker)
WITH ripe AS MATERIALIZED (
    SELECT q.seq FROM outbox_queue AS q
    WHERE q.is_delayed AND q.due_at <= now()
    ORDER BY q.due_at, q.seq
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED),
ripened AS (
    UPDATE outbox_queue AS q SET is_delayed = false FROM ripe AS r WHERE q.seq = r.seq
    RETURNING q.seq)
SELECT (SELECT count(*) FROM ripened) AS ripened,
       CASE WHEN EXISTS (
                SELECT FROM unnest($1::text[]) AS t (id)
                WHERE EXISTS (SELECT FROM outbox_queue AS q WHERE q.tenant_id = t.id AND NOT q.is_delayed AND q.due_at <= now()))
            THEN 0
            ELSE (SELECT greatest(1, ceil(extract(epoch FROM q.due_at - clock_timestamp()) * 1000))::bigint
                  FROM outbox_queue AS q
                  WHERE q.is_delayed AND q.due_at > now()
                  ORDER BY q.due_at, q.seq LIMIT 1) END AS due_in_ms;
