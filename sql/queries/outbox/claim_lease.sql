-- outbox.claim_lease: the first half of a claim. Leases the conversations of the first due messages that are heads.
-- Serves from outbox_queue_due_at_idx. The primary key of outbox_leases is the fence: of two claims that want the same
-- conversation one inserts nothing. What is found behind another message of its conversation goes out of the way of later
-- claims: behind a retry until that is due, behind a lease until that is settled (promote.sql). For the latter the lease
-- row is locked, so that its settling comes after us and sees what we put behind it; the minute is only a net.
-- $1 token text  $2 limit integer  $3 rows to look at integer  $4 lease in ms bigint  $5 instance id text
-- returns  how many rows were looked at, how many put behind; what was leased stands in pgcourier.claimed for claim_take.sql, which needs a
--          snapshot of its own
WITH looked AS MATERIALIZED (
    SELECT q.seq, q.message_id, q.tenant_id, q.recipient, q.due_at
    FROM outbox_queue AS q
    WHERE q.due_at <= now()
    ORDER BY q.due_at, q.seq
    LIMIT $3::integer
    FOR UPDATE SKIP LOCKED),
judged AS MATERIALIZED (
    SELECT k.seq, k.message_id, k.tenant_id, k.recipient, k.due_at, l.seq IS NOT NULL AS is_leased, a.due_at AS ahead_due_at
    FROM looked AS k
    LEFT JOIN LATERAL (
        SELECT l.seq FROM outbox_leases AS l
        WHERE l.tenant_id = k.tenant_id AND l.recipient = k.recipient
        LIMIT 1) AS l ON true
    LEFT JOIN LATERAL (
        SELECT h.due_at FROM outbox_queue AS h
        WHERE h.tenant_id = k.tenant_id AND h.recipient = k.recipient AND h.seq < k.seq
          AND (h.due_at <= now() OR h.is_retry OR h.is_behind)
        ORDER BY h.seq
        LIMIT 1) AS a ON true),
heads AS MATERIALIZED (
    SELECT j.seq, j.message_id, j.tenant_id, j.recipient
    FROM judged AS j
    WHERE NOT j.is_leased AND j.ahead_due_at IS NULL
    ORDER BY j.due_at, j.seq
    LIMIT $2::integer),
taken AS (
    INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, instance_id, claimed_at, expires_at)
    SELECT h.tenant_id, h.recipient, h.seq, h.message_id, $1::text, m.attempts + 1, $5::text, clock_timestamp(),
           clock_timestamp() + $4::bigint * interval '1 ms'
    FROM heads AS h
    JOIN messages_out AS m ON m.seq = h.seq
    ON CONFLICT (tenant_id, recipient) DO NOTHING
    RETURNING tenant_id, recipient, seq),
held AS MATERIALIZED (
    SELECT l.tenant_id, l.recipient
    FROM (SELECT DISTINCT j.tenant_id, j.recipient FROM judged AS j WHERE j.is_leased) AS b
    JOIN outbox_leases AS l ON l.tenant_id = b.tenant_id AND l.recipient = b.recipient
    FOR KEY SHARE OF l SKIP LOCKED),
postponed AS (
    UPDATE outbox_queue AS q
    SET is_behind = true,
        due_at = CASE WHEN j.is_leased OR j.ahead_due_at <= now() THEN now() + interval '1 min' ELSE j.ahead_due_at END
    FROM judged AS j
    WHERE q.seq = j.seq
      AND CASE WHEN j.is_leased THEN (j.tenant_id, j.recipient) IN (SELECT h.tenant_id, h.recipient FROM held AS h)
               WHEN j.ahead_due_at <= now() THEN (j.tenant_id, j.recipient) IN (SELECT t.tenant_id, t.recipient FROM taken AS t)
               ELSE j.ahead_due_at IS NOT NULL END
    RETURNING q.seq)
SELECT (SELECT count(*) FROM looked) AS looked_at, (SELECT count(*) FROM postponed) AS put_behind,
       set_config('pgcourier.claimed', coalesce((SELECT array_agg(t.seq)::text FROM taken AS t), '{}'), true) AS claimed,
       set_config('pgcourier.act', 'claim', true) AS act;
