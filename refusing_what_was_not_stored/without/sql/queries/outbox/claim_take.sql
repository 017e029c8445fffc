-- outbox.claim_take: the second half of a claim. Makes what was leased our messages in flight and gives all that is
-- needed to send them, in sending order. Its snapshot is taken after the leases are ours, so that it sees a STOP that was
-- committed before, and a message that another instance put back at its place while we were waiting for the lease.
-- Messages are found by seq, not by id: those that are sent together were inserted together, while their ids lie anywhere.
-- A message to someone who opted out becomes blocked here, one whose time is over expired; they are not returned.
-- What is taken is paid for in its scopes: the sender's next start moves on, a probe is not given to anybody else.
-- $1 token text  $2 ms between two starts of a sender float8 (0: no rate)  $3 open scopes that it is a probe of text[]
-- $4 ms until they may be probed again if nobody says what became of this probe bigint  $5 ms from now to the first start
-- that was dealt float8
-- returns  what sending needs; its last column: in how many ms its time is over, a day at the most
WITH checked AS MATERIALIZED (
    SELECT q.ctid AS place, q.seq, q.tenant_id, q.recipient, a.seq IS NOT NULL AS is_behind, o.id IS NOT NULL AS is_opted_out,
           q.expires_at, coalesce(q.expires_at <= clock_timestamp(), false) AS is_expired
    FROM unnest(current_setting('pgcourier.claimed')::tid[]) AS c (place)
    JOIN outbox_queue AS q ON q.ctid = c.place
    LEFT JOIN LATERAL (
        SELECT h.seq FROM outbox_queue AS h
        WHERE h.tenant_id = ANY (ARRAY[q.tenant_id]) AND h.recipient = q.recipient AND h.seq < q.seq
          AND (h.due_at <= clock_timestamp() OR h.is_retry OR h.is_behind)
        ORDER BY h.tenant_id, h.seq
        LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (
        SELECT o.id FROM opt_outs AS o
        WHERE o.tenant_id = q.tenant_id
          AND o.phone_number IN (q.recipient, 'whatsapp:' || q.recipient, pgcourier_erased_address(q.tenant_id, q.recipient))
        LIMIT 1) AS o ON true),
sending AS (
    UPDATE messages_out AS m
    SET status = 'sending', attempts = m.attempts + 1, calls = m.calls + 1, lease_token = $1::text, next_attempt_at = NULL,
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM checked AS c
    WHERE m.seq BETWEEN c.seq AND c.seq AND NOT c.is_behind AND NOT c.is_opted_out AND NOT c.is_expired
      AND m.status IN ('pending', 'failed') AND m.held_reason IS NULL
    RETURNING m.id, m.seq, m.tenant_id, m."to", m.body, m.media_url, m.content_sid, m.content_variables, m.attempts,
              m.deferrals, m.calls, m.correlation_id, c.expires_at),
ended AS (
    UPDATE messages_out AS m
    SET status = CASE WHEN c.is_opted_out THEN 'blocked' ELSE 'expired' END,
        last_error = CASE WHEN c.is_opted_out THEN 'the recipient opted out' ELSE 'its time was over before it could be sent' END,
        next_attempt_at = NULL, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM checked AS c
    WHERE m.seq BETWEEN c.seq AND c.seq AND NOT c.is_behind AND (c.is_opted_out OR c.is_expired) AND m.status IN ('pending', 'failed')
    RETURNING m.id, m.tenant_id, m.correlation_id, m.status),
dequeued AS (
    -- Also a row whose message is no longer to be sent.
    DELETE FROM outbox_queue AS q USING checked AS c WHERE q.ctid = c.place AND NOT c.is_behind),
freed AS (
    DELETE FROM outbox_leases AS l USING checked AS c
    WHERE l.tenant_id = ANY (ARRAY[c.tenant_id]) AND l.recipient BETWEEN c.recipient AND c.recipient AND l.token = $1::text
      AND c.seq NOT IN (SELECT s.seq FROM sending AS s)),
-- What claim_lease.sql, an earlier statement of this transaction, had put behind one that ended here may go.
promoted AS (
    UPDATE outbox_queue AS q
    SET due_at = now(), is_behind = false
    FROM (SELECT f.place
          FROM checked AS c
          CROSS JOIN LATERAL (
              SELECT h.seq, h.is_behind FROM outbox_queue AS h
              WHERE h.tenant_id = ANY (ARRAY[c.tenant_id]) AND h.recipient = c.recipient AND h.seq > c.seq
                AND (h.due_at <= clock_timestamp() OR h.is_retry OR h.is_behind)
              ORDER BY h.tenant_id, h.seq
              LIMIT 1) AS n
          CROSS JOIN LATERAL (
              SELECT h.ctid AS place FROM outbox_queue AS h
              WHERE h.tenant_id = ANY (ARRAY[c.tenant_id]) AND h.recipient = c.recipient AND h.seq BETWEEN n.seq AND n.seq
              ORDER BY h.tenant_id, h.seq
              LIMIT 1
              FOR UPDATE SKIP LOCKED) AS f
          WHERE n.is_behind AND NOT c.is_behind AND c.seq NOT IN (SELECT s.seq FROM sending AS s)) AS next
    WHERE q.ctid = next.place),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT e.tenant_id, CASE e.status WHEN 'blocked' THEN 'message_blocked_optout' ELSE 'message_expired' END, 'message_out',
           e.id, e.correlation_id, 'system'
    FROM ended AS e),
ready AS MATERIALIZED (
    SELECT s.id, s.seq, s.tenant_id, s."to", s.body, s.media_url, s.content_sid, s.content_variables, s.attempts, s.deferrals,
           s.calls, s.correlation_id, s.expires_at, l.sender
    FROM sending AS s
    JOIN outbox_leases AS l ON l.tenant_id = ANY (ARRAY[s.tenant_id]) AND l.recipient BETWEEN s."to" AND s."to"),
paid AS (
    UPDATE outbox_scopes AS s
    SET next_start_at = CASE WHEN p.starts > 0
                             THEN greatest(least(s.next_start_at, clock_timestamp() + interval '2 s'), clock_timestamp() + $5::float8 * interval '1 ms')
                                  + p.starts * $2::float8 * interval '1 ms'
                             ELSE s.next_start_at END,
        probe_at = CASE WHEN s.scope = ANY ($3::text[]) THEN clock_timestamp() + $4::bigint * interval '1 ms' ELSE s.probe_at END
    FROM (SELECT x.scope, sum(x.starts) AS starts
          FROM (SELECT 'sender:' || r.sender AS scope, count(*) AS starts FROM ready AS r WHERE $2::float8 > 0 GROUP BY r.sender
                UNION ALL
                SELECT o.scope, 0 FROM unnest($3::text[]) AS o (scope)
                WHERE EXISTS (SELECT FROM ready AS r WHERE o.scope IN ('provider', 'sender:' || r.sender) OR o.scope LIKE 'credentials:%')) AS x
          GROUP BY x.scope) AS p
    WHERE s.scope BETWEEN p.scope AND p.scope)
SELECT r.id, r.seq, r.tenant_id, r."to", r.body, r.media_url, r.content_sid, r.content_variables, r.attempts,
       r.correlation_id, r.sender, r.deferrals, r.calls,
       floor(extract(epoch FROM least(r.expires_at, clock_timestamp() + interval '1 day') - clock_timestamp()) * 1000)::bigint AS expires_in_ms
FROM ready AS r
ORDER BY r.seq;
