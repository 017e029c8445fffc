-- Each part is bounded and reads an index that holds only what waits.
CREATE VIEW ops.stuck AS
SELECT 'message' AS entity, m.id, m.tenant_id,
       'its lease ended ' || ops.span(now() - l.expires_at) || ' ago and nobody swept it' AS why, m.correlation_id,
       l.expires_at AS since, 'Is a sender running? SELECT * FROM ops.instances' AS advice
FROM (SELECT x.seq, x.expires_at FROM outbox_leases AS x
      WHERE x.unknown_since IS NULL AND x.expires_at < now() - interval '30 s' ORDER BY x.expires_at LIMIT 1000) AS l
CROSS JOIN LATERAL (SELECT x.id, x.tenant_id, x.correlation_id FROM messages_out AS x WHERE x.seq = l.seq OFFSET 0) AS m
UNION ALL
-- Twilio's list settles what it can within two minutes.
SELECT 'message', m.id, m.tenant_id,
       'nobody knows whether it was sent' || CASE WHEN m.held_reason IS NOT NULL THEN ', held: ' || ops.masked_text(m.held_reason)
                                                  WHEN l.look_at = 'infinity' THEN ', held for a person'
                                                  WHEN l.look_failures > 0 THEN ', and Twilio''s list does not answer'
                                                  ELSE '' END,
       m.correlation_id, l.unknown_since,
       'Look in Twilio''s console whether it was sent, then SELECT ops.settle_unknown(id, true), or false'
FROM (SELECT x.seq, x.unknown_since, x.look_at, x.look_failures FROM outbox_leases AS x
      WHERE x.unknown_since IS NOT NULL AND (x.unknown_since < now() - interval '2 min' OR x.look_at = 'infinity')
      LIMIT 1000) AS l
CROSS JOIN LATERAL (SELECT x.id, x.tenant_id, x.correlation_id, x.held_reason
                    FROM messages_out AS x WHERE x.seq = l.seq OFFSET 0) AS m
UNION ALL
SELECT 'message', h.id, h.tenant_id, 'held: ' || ops.masked_text(h.held_reason), h.correlation_id, h.updated_at AT TIME ZONE 'UTC',
       CASE h.status WHEN 'unknown' THEN 'Look in Twilio''s console whether it was sent, then SELECT ops.settle_unknown(id, true), or false'
                     ELSE 'SELECT ops.release_message(id) sends it, SELECT ops.cancel_message(id) does not' END
FROM (SELECT x.id, x.seq, x.tenant_id, x."to", x.status, x.held_reason, x.correlation_id, x.updated_at FROM messages_out AS x
      WHERE x.held_reason IS NOT NULL ORDER BY x.seq LIMIT 1000) AS h
LEFT JOIN LATERAL (SELECT l.seq FROM outbox_leases AS l
                   WHERE l.tenant_id = h.tenant_id AND l.recipient = h."to" AND l.seq = h.seq OFFSET 0) AS l ON true
WHERE l.seq IS NULL
UNION ALL
SELECT 'sending', NULL, NULL, 'messages are due and no sender is running', NULL, q.due_at,
       'Start pgcourier serve with the role sender. SELECT * FROM ops.instances'
FROM (SELECT x.due_at FROM outbox_queue AS x WHERE x.due_at < now() - interval '1 min' ORDER BY x.due_at, x.seq LIMIT 1) AS q
WHERE NOT EXISTS (SELECT FROM instances AS i
                  WHERE i.heartbeat_at >= now() - interval '30 s' AND 'sender' = ANY (string_to_array(i.roles, ',')))
UNION ALL
SELECT 'pause', CASE p.kind WHEN 'sender' THEN ops.masked(p.id) ELSE nullif(p.id, '') END, CASE p.kind WHEN 'tenant' THEN p.id END,
       'paused by ' || p.paused_by || coalesce(': ' || ops.masked_text(nullif(p.reason, '')), '') || ', and messages wait', NULL,
       p.paused_at, format('SELECT ops.resume_sending(%L%s)', p.kind, CASE p.kind WHEN 'all' THEN '' WHEN 'tenant' THEN ', ' || ops.sql_word(p.id) ELSE ', number' END)
FROM outbox_pauses AS p
WHERE CASE p.kind
          WHEN 'all' THEN (SELECT q.due_at FROM outbox_queue AS q ORDER BY q.due_at, q.seq LIMIT 1)
          WHEN 'tenant' THEN (SELECT q.due_at FROM outbox_queue AS q WHERE q.tenant_id = p.id ORDER BY q.due_at, q.seq LIMIT 1)
          ELSE (SELECT min(f.due_at)
                FROM tenant_senders AS s
                CROSS JOIN LATERAL (SELECT q.due_at FROM outbox_queue AS q
                                    WHERE q.tenant_id = s.tenant_id ORDER BY q.due_at, q.seq LIMIT 1) AS f
                WHERE s.number = p.id)
      END <= now()
UNION ALL
SELECT 'event', e.id::text, NULL, 'not routed', e.correlation_id, e.received_at, 'Is a router running? SELECT * FROM ops.instances'
FROM (SELECT x.id FROM webhook_queue AS x WHERE x.due_at IS NULL ORDER BY x.id LIMIT 100) AS q
CROSS JOIN LATERAL (SELECT x.id, x.correlation_id, x.received_at FROM webhook_events AS x WHERE x.id = q.id OFFSET 0) AS e
WHERE e.received_at < now() - interval '1 min'
UNION ALL
SELECT 'event', e.id::text, NULL, 'failed ' || q.attempts || CASE q.attempts WHEN 1 THEN ' time' ELSE ' times' END || ', and its next attempt is overdue', e.correlation_id, q.due_at,
       'Is a router running? SELECT * FROM ops.instances'
FROM (SELECT x.id, x.attempts, x.due_at FROM webhook_queue AS x
      WHERE x.due_at < now() - interval '1 min' ORDER BY x.due_at LIMIT 100) AS q
CROSS JOIN LATERAL (SELECT x.id, x.correlation_id FROM webhook_events AS x WHERE x.id = q.id OFFSET 0) AS e
UNION ALL
SELECT 'event', e.id::text, NULL, 'not routed, since somebody else has a row of its tenant locked', e.correlation_id, e.received_at,
       'Whose transaction is open? SELECT pid, application_name, xact_start FROM pg_stat_activity WHERE state LIKE ''idle in%'' ORDER BY xact_start'
FROM (SELECT x.id FROM webhook_queue AS x WHERE x.due_at >= now() - interval '1 min' AND x.is_postponed ORDER BY x.due_at LIMIT 100) AS q
CROSS JOIN LATERAL (SELECT x.id, x.correlation_id, x.received_at FROM webhook_events AS x WHERE x.id = q.id OFFSET 0) AS e
WHERE e.received_at < now() - interval '1 min'
UNION ALL
SELECT 'callback', d.id::text, NULL, 'Twilio told that a message is ' || d.status || ', and nobody has taken that over', d.correlation_id,
       d.received_at, 'Is a sender running? SELECT * FROM ops.instances'
FROM ((SELECT x.id, x.status, x.correlation_id, x.received_at FROM delivery_events AS x
       WHERE x.settled_at IS NULL AND x.look_again_at IS NULL ORDER BY x.id LIMIT 100)
      UNION ALL
      (SELECT x.id, x.status, x.correlation_id, x.received_at FROM delivery_events AS x
       WHERE x.settled_at IS NULL AND x.look_again_at < now() ORDER BY x.look_again_at LIMIT 100)) AS d
WHERE d.received_at < now() - interval '10 min'
UNION ALL
SELECT 'backfill', b.id::text, NULL,
       'what was missed from ' || ops.moment(b.since) || ' on is not fetched'
       || CASE WHEN b.last_error IS NOT NULL THEN ', Twilio''s list cannot be read: ' || ops.masked_text(b.last_error) ELSE ', and nobody does it' END,
       NULL, b.asked_at,
       CASE WHEN b.last_error LIKE '%HTTP 401%' THEN 'Set the right credentials of Twilio: docs/runbooks/bad-credentials.md'
            ELSE format('Does Twilio answer, and is a sender running? SELECT * FROM ops.instances; pgcourier backfill --since %L tries at once',
                        to_char(b.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) END
FROM (SELECT x.id, x.since, x.asked_at, x.last_error FROM backfills AS x
      WHERE x.ended_at IS NULL AND (x.failures >= 3 OR x.due_at < now() - interval '2 min') ORDER BY x.due_at LIMIT 100) AS b;
COMMENT ON VIEW ops.stuck IS 'What does not move by itself; empty when all is well. An unknown outcome is here after 2 minutes, or at once when it is held for a person.';
COMMENT ON COLUMN ops.stuck.entity IS 'message, event, callback; backfill: Twilio''s list for a gap; sending: nobody sends; pause: a person''s, while messages wait for its end.';
COMMENT ON COLUMN ops.stuck.id IS 'messages_out.id, webhook_events.id, delivery_events.id, backfills.id, or what is paused.';
COMMENT ON COLUMN ops.stuck.tenant_id IS 'The shop that it is of.';
COMMENT ON COLUMN ops.stuck.why IS 'What holds it up.';
COMMENT ON COLUMN ops.stuck.correlation_id IS 'What belongs together: SELECT * FROM ops.trace(correlation_id).';
COMMENT ON COLUMN ops.stuck.since IS 'Since when.';
COMMENT ON COLUMN ops.stuck.advice IS 'What to do.';
