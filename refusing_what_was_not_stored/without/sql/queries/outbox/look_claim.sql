-- outbox.look_claim: takes messages of unknown outcome whose next look at Twilio's list is due, the longest waiting first.
-- Whoever takes one moves its time on, so that nobody else looks meanwhile, and somebody does when we die over it.
-- Serves from outbox_leases_look_at_idx.
-- $1 limit integer  $2 the first look, in ms after the attempt bigint  $3 how long a look may take, in ms bigint
WITH due AS MATERIALIZED (
    SELECT l.tenant_id, l.recipient
    FROM outbox_leases AS l
    WHERE l.unknown_since IS NOT NULL AND coalesce(l.look_at, l.claimed_at) <= now()
      AND (l.look_at IS NOT NULL OR l.claimed_at <= now() - $2::bigint * interval '1 ms')
    ORDER BY coalesce(l.look_at, l.claimed_at)
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE outbox_leases AS l SET look_at = clock_timestamp() + $3::bigint * interval '1 ms'
    FROM due AS d
    WHERE l.tenant_id = ANY (ARRAY[d.tenant_id]) AND l.recipient BETWEEN d.recipient AND d.recipient
    RETURNING l.seq, l.token, l.sender, l.claimed_at, l.looks, l.look_failures, l.look_at, l.account_sid)
SELECT m.id, m.seq, m.tenant_id, m.correlation_id, m."to", t.sender, m.body, coalesce(m.content_sid, '') <> '' AS is_template,
       floor(extract(epoch FROM t.claimed_at) * 1000)::bigint AS attempted_ms, m.attempts, t.looks, t.look_failures, t.token,
       (extract(epoch FROM t.look_at) * 1000000)::bigint AS until_us, coalesce(t.account_sid, '') AS account_sid
FROM taken AS t
JOIN messages_out AS m ON m.seq BETWEEN t.seq AND t.seq
WHERE m.status = 'unknown' AND m.lease_token = t.token
ORDER BY t.seq;
