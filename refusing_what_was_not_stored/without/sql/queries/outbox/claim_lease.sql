-- outbox.claim_lease: the first half of a claim. Leases the conversations of the first due messages of each lane that are heads.
-- Serves from outbox_queue_tenant_idx. The primary key of outbox_leases is the fence: of two claims that want the same
-- conversation one inserts nothing. What is found behind another message of its conversation goes out of the way of later
-- claims: behind a retry until that is due, behind a lease until that is settled (promote.sql). For the latter the lease
-- row is locked, so that its settling comes after us and sees what we put behind it; the minute is only a net.
-- A message that somebody else has locked goes back for a moment, as a retry, which keeps its place: nobody else waits for that.
-- What stands ahead is due by the clock, not by our transaction's time: whoever made it due may have begun after us.
-- $1 token text  $2 tenants text[]  $3 messages of each integer[]  $4 the number that each sends from text[]
-- $5 due rows to look at beyond those integer  $6 lease in ms bigint  $7 instance id text
-- $8 lanes whose message is a probe boolean[]: then the one that was put back least often
-- $9 Twilio's account text  $10 since when something of each is due, in µs since 1970 bigint[]
-- returns  how many rows were looked at, how many put behind or back, whether a lane had more than was looked at; what was leased
--          stands in pgcourier.claimed for claim_take.sql, which needs a snapshot of its own
WITH lanes AS MATERIALIZED (
    SELECT l.tenant_id, l.messages, l.sender, l.is_probe,
           CASE WHEN l.first_due_us > 0 THEN to_timestamp(l.first_due_us / 1e6::float8) ELSE '-infinity' END AS begins
    FROM unnest($2::text[], $3::integer[], $4::text[], $8::boolean[], $10::bigint[])
         AS l (tenant_id, messages, sender, is_probe, first_due_us)),
looked AS MATERIALIZED (
    SELECT k.place, k.seq, k.message_id, l.tenant_id, k.recipient, k.due_at, l.messages, l.sender,
           CASE WHEN l.is_probe THEN k.deferrals ELSE 0 END AS rank
    FROM lanes AS l
    CROSS JOIN LATERAL (
        SELECT q.ctid AS place, q.seq, q.message_id, q.recipient, q.due_at, q.deferrals
        FROM outbox_queue AS q
        WHERE q.tenant_id = ANY (ARRAY[l.tenant_id]) AND q.due_at >= l.begins AND q.due_at <= now()
        ORDER BY q.tenant_id, q.due_at, q.seq
        LIMIT l.messages + $5::integer
        FOR UPDATE SKIP LOCKED) AS k),
judged AS MATERIALIZED (
    SELECT k.place, k.seq, k.message_id, k.tenant_id, k.recipient, k.due_at, k.rank, k.messages, k.sender,
           l.seq IS NOT NULL AS is_leased, a.due_at AS ahead_due_at
    FROM looked AS k
    LEFT JOIN LATERAL (
        SELECT l.seq FROM outbox_leases AS l
        WHERE l.tenant_id = k.tenant_id AND l.recipient = k.recipient
        LIMIT 1) AS l ON true
    LEFT JOIN LATERAL (
        SELECT h.due_at FROM outbox_queue AS h
        WHERE h.tenant_id = ANY (ARRAY[k.tenant_id]) AND h.recipient = k.recipient AND h.seq < k.seq
          AND (h.due_at <= clock_timestamp() OR h.is_retry OR h.is_behind)
        ORDER BY h.tenant_id, h.seq
        LIMIT 1) AS a ON true),
heads AS MATERIALIZED (
    SELECT r.seq, r.message_id, r.tenant_id, r.recipient, r.sender, r.queued_at
    FROM (SELECT j.place AS queued_at, j.seq, j.message_id, j.tenant_id, j.recipient, j.sender, j.messages,
                 row_number() OVER (PARTITION BY j.tenant_id ORDER BY j.rank, j.due_at, j.seq) AS place
          FROM judged AS j
          WHERE NOT j.is_leased AND j.ahead_due_at IS NULL) AS r
    WHERE r.place <= r.messages),
ours AS MATERIALIZED (
    SELECT h.seq, h.message_id, h.tenant_id, h.recipient, h.sender, m.attempts
    FROM heads AS h
    JOIN messages_out AS m ON m.seq BETWEEN h.seq AND h.seq
    ORDER BY h.seq
    FOR NO KEY UPDATE OF m SKIP LOCKED),
anothers AS (
    UPDATE outbox_queue AS q SET due_at = clock_timestamp() + CASE WHEN q.is_retry THEN interval '2 s' ELSE interval '250 ms' END, is_retry = true
    FROM (SELECT h.queued_at FROM heads AS h WHERE h.seq NOT IN (SELECT o.seq FROM ours AS o) OFFSET 0) AS h
    WHERE q.ctid = h.queued_at
    RETURNING q.seq),
taken AS (
    INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, instance_id, sender, claimed_at, expires_at,
                               account_sid)
    SELECT o.tenant_id, o.recipient, o.seq, o.message_id, $1::text, o.attempts + 1, $7::text, o.sender, clock_timestamp(),
           clock_timestamp() + $6::bigint * interval '1 ms', nullif($9::text, '')
    FROM ours AS o
    ORDER BY o.tenant_id, o.recipient
    ON CONFLICT (tenant_id, recipient) DO NOTHING
    RETURNING tenant_id, recipient, seq),
held AS MATERIALIZED (
    SELECT l.tenant_id, l.recipient
    FROM (SELECT DISTINCT j.tenant_id, j.recipient FROM judged AS j WHERE j.is_leased) AS b
    JOIN outbox_leases AS l ON l.tenant_id = ANY (ARRAY[b.tenant_id]) AND l.recipient BETWEEN b.recipient AND b.recipient
    FOR KEY SHARE OF l SKIP LOCKED),
postponed AS (
    UPDATE outbox_queue AS q
    SET is_behind = true,
        due_at = CASE WHEN j.is_leased OR j.ahead_due_at <= now() THEN now() + interval '1 min' ELSE j.ahead_due_at END
    FROM judged AS j
    WHERE q.ctid = j.place
      AND CASE WHEN j.is_leased THEN (j.tenant_id, j.recipient) IN (SELECT h.tenant_id, h.recipient FROM held AS h)
               WHEN j.ahead_due_at <= now() THEN (j.tenant_id, j.recipient) IN (SELECT t.tenant_id, t.recipient FROM taken AS t)
               ELSE j.ahead_due_at IS NOT NULL END
    RETURNING q.seq)
SELECT (SELECT count(*) FROM looked) AS looked_at, (SELECT count(*) FROM postponed) + (SELECT count(*) FROM anothers) AS put_behind,
       EXISTS (SELECT FROM looked AS k GROUP BY k.tenant_id, k.messages HAVING count(*) >= k.messages + $5::integer) AS saw_not_all,
       set_config('pgcourier.claimed', coalesce((SELECT array_agg(j.place)::text FROM judged AS j
                                                 WHERE j.seq IN (SELECT t.seq FROM taken AS t)), '{}'), true) AS claimed,
       set_config('pgcourier.act', 'claim', true) AS act;
