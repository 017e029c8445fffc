-- Each part is bounded, so that PostgreSQL does not hold the whole for work that is worth compiling (JIT, 80 ms). What a message is found by (seq, id) is looked up row by row, whatever the planner expects.
CREATE VIEW ops.outbox AS
SELECT m.seq, m.id, m.tenant_id, ops.masked(m."to") AS recipient, m.status, m.attempts,
       (open.due_at AT TIME ZONE 'UTC')::timestamp(3) AS due_at, ops.masked_text(m.held_reason) AS held_reason,
       ops.masked_text(m.last_error) AS last_error, m.error_code, open.leased_by, open.unknown_since, m.correlation_id,
       m.created_at, m.send_at, m.expires_at
FROM ((SELECT q.seq, q.due_at, NULL::text AS leased_by, NULL::timestamptz AS unknown_since
       FROM outbox_queue AS q ORDER BY q.due_at, q.seq LIMIT 2000)
      UNION ALL
      (SELECT l.seq, NULL, l.instance_id, l.unknown_since FROM outbox_leases AS l LIMIT 2000)
      UNION ALL
      (SELECT h.seq, NULL, NULL, NULL
       FROM (SELECT x.seq, x.tenant_id, x."to" FROM messages_out AS x
             WHERE x.held_reason IS NOT NULL ORDER BY x.seq LIMIT 2000) AS h
       LEFT JOIN LATERAL (SELECT l.seq FROM outbox_leases AS l
                          WHERE l.tenant_id = h.tenant_id AND l.recipient = h."to" AND l.seq = h.seq OFFSET 0) AS l ON true
       WHERE l.seq IS NULL)
      UNION ALL
      (SELECT x.seq, NULL, NULL, NULL
       FROM (SELECT DISTINCT n.message_id
             FROM (SELECT d.payload ->> 'message_out_id' AS message_id FROM dead_letter_jobs AS d
                   WHERE d.resolved_at IS NULL AND d.job_type = 'message_out'
                   ORDER BY d.created_at DESC LIMIT 2000) AS n) AS d
       CROSS JOIN LATERAL (SELECT x.seq, x.status FROM messages_out AS x WHERE x.id = d.message_id OFFSET 0) AS x
       WHERE x.status IN ('dead', 'sent'))) AS open
CROSS JOIN LATERAL (
    SELECT x.seq, x.id, x.tenant_id, x."to", x.status, x.attempts, x.held_reason, x.last_error, x.error_code, x.correlation_id,
           x.created_at, x.send_at, x.expires_at
    FROM messages_out AS x WHERE x.seq = open.seq OFFSET 0) AS m;
COMMENT ON VIEW ops.outbox IS 'The outgoing messages that are not finished (at most 2,000 of those that wait, the ones due first; of those in flight or of unknown outcome; and of those held), and the newest 2,000 whose dead letter nobody resolved.';
COMMENT ON COLUMN ops.outbox.seq IS 'The order in which messages to one person go out.';
COMMENT ON COLUMN ops.outbox.id IS 'messages_out.id: SELECT ops.explain(id) says why it has not been sent.';
COMMENT ON COLUMN ops.outbox.tenant_id IS 'The shop that sends it.';
COMMENT ON COLUMN ops.outbox.recipient IS 'To whom, masked.';
COMMENT ON COLUMN ops.outbox.status IS 'messages_out.status.';
COMMENT ON COLUMN ops.outbox.attempts IS 'Attempts made so far.';
COMMENT ON COLUMN ops.outbox.due_at IS 'When a claim looks at it (UTC); NULL: it is not in the queue.';
COMMENT ON COLUMN ops.outbox.held_reason IS 'Why it waits for a person; NULL: it does not.';
COMMENT ON COLUMN ops.outbox.last_error IS 'What its last attempt said.';
COMMENT ON COLUMN ops.outbox.error_code IS 'Twilio''s code of that.';
COMMENT ON COLUMN ops.outbox.leased_by IS 'The instance that is sending it, or was when its outcome was lost: ops.instances.id.';
COMMENT ON COLUMN ops.outbox.unknown_since IS 'Since when nobody knows whether it was sent.';
COMMENT ON COLUMN ops.outbox.correlation_id IS 'What belongs together: SELECT * FROM ops.trace(correlation_id).';
COMMENT ON COLUMN ops.outbox.created_at IS 'When it was written (UTC).';
COMMENT ON COLUMN ops.outbox.send_at IS 'Not before; NULL: at once.';
COMMENT ON COLUMN ops.outbox.expires_at IS 'Not from then on; NULL: never.';
