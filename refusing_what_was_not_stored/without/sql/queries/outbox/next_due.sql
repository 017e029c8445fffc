-- outbox.next_due: in how many milliseconds the next message falls due; 0 when one of these tenants has one due that was not
-- claimable; no row when none waits. What is due of other tenants is held up by something that is not a matter of
-- time (a pause), or whose time the claim knows (a rate, a breaker). A week at the most: send_at may be 'infinity'.
-- $1 tenants text[]  $2 the mark of each, in µs since 1970 bigint[]; NULL: from the first due row on
WITH held_up AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM unnest($1::text[], $2::bigint[]) AS t (id, mark_us)
        WHERE (SELECT q.seq FROM outbox_queue AS q
               WHERE q.tenant_id = ANY (ARRAY[t.id]) AND q.due_at <= now()
                 AND q.due_at >= coalesce(to_timestamp(t.mark_us / 1e6::float8), '-infinity')
               ORDER BY q.tenant_id, q.due_at, q.seq
               LIMIT 1) IS NOT NULL) AS yes)
SELECT CASE WHEN h.yes THEN 0
            ELSE greatest(1, ceil(extract(epoch FROM least(n.due_at, clock_timestamp() + interval '7 days') - clock_timestamp()) * 1000))::bigint END AS due_in_ms
FROM held_up AS h,
     (SELECT (SELECT q.due_at FROM outbox_queue AS q WHERE q.due_at > now() ORDER BY q.due_at, q.seq LIMIT 1) AS due_at) AS n
WHERE n.due_at IS NOT NULL OR h.yes;
