-- An event is looked up where its column is asked for: there are few of these, in a large table. A message is looked up letter by
-- letter, whatever the planner expects.
CREATE VIEW ops.dead_letters AS
SELECT d.id, d.tenant_id, d.job_type, coalesce(d.payload ->> 'message_out_id', d.payload ->> 'webhook_event_id') AS entity_id,
       ops.masked_text(d.error_message) AS reason, d.attempts, d.created_at, m.error_code AS code, m.status = 'sent' AS was_sent,
       ops.masked(m."to") AS recipient,
       coalesce(m.correlation_id, (SELECT e.correlation_id FROM webhook_events AS e
                                   WHERE d.job_type = 'webhook_event'
                                     AND e.id = CASE WHEN d.payload ->> 'webhook_event_id' ~ '^[0-9]{1,18}$'
                                                     THEN (d.payload ->> 'webhook_event_id')::bigint END)) AS correlation_id
FROM (SELECT x.id, x.tenant_id, x.job_type, x.payload, x.error_message, x.attempts, x.created_at FROM dead_letter_jobs AS x
      WHERE x.resolved_at IS NULL
      ORDER BY x.created_at DESC
      LIMIT 10000) AS d
LEFT JOIN LATERAL (SELECT x."to", x.error_code, x.status, x.correlation_id FROM messages_out AS x
                   WHERE d.job_type = 'message_out' AND x.id = d.payload ->> 'message_out_id' OFFSET 0) AS m ON true;
COMMENT ON VIEW ops.dead_letters IS 'What was given up on and waits for a person: SELECT ops.retry_dead_letter(id) or ops.discard_dead_letter(id). Of more than 10,000 the newest.';
COMMENT ON COLUMN ops.dead_letters.id IS 'For ops.retry_dead_letter and ops.discard_dead_letter.';
COMMENT ON COLUMN ops.dead_letters.tenant_id IS 'The shop; NULL: an event of which no shop is known.';
COMMENT ON COLUMN ops.dead_letters.job_type IS 'message_out: a message that was not sent or not delivered; webhook_event: an event that could not be routed.';
COMMENT ON COLUMN ops.dead_letters.entity_id IS 'messages_out.id or webhook_events.id.';
COMMENT ON COLUMN ops.dead_letters.reason IS 'Why it was given up.';
COMMENT ON COLUMN ops.dead_letters.attempts IS 'Attempts made.';
COMMENT ON COLUMN ops.dead_letters.created_at IS 'When it was given up (UTC).';
COMMENT ON COLUMN ops.dead_letters.code IS 'Twilio''s code.';
COMMENT ON COLUMN ops.dead_letters.was_sent IS 'Twilio took the message and could not deliver it: a retry writes it again, as a new row.';
COMMENT ON COLUMN ops.dead_letters.recipient IS 'To whom, masked.';
COMMENT ON COLUMN ops.dead_letters.correlation_id IS 'What belongs together: SELECT * FROM ops.trace(correlation_id).';

CREATE VIEW ops.dead_letter_reasons AS
SELECT d.job_type, ops.masked_text(d.error_message) AS reason, count(*) AS dead_letters, min(d.created_at) AS first_at,
       max(d.created_at) AS last_at, (array_agg(d.id ORDER BY d.created_at DESC))[1] AS example
FROM (SELECT x.id, x.job_type, x.error_message, x.created_at FROM dead_letter_jobs AS x
      WHERE x.resolved_at IS NULL
      ORDER BY x.created_at DESC
      LIMIT 10000) AS d
GROUP BY d.job_type, d.error_message;
COMMENT ON VIEW ops.dead_letter_reasons IS 'The dead letters that nobody resolved, grouped by why; of more than 10,000 the newest.';
COMMENT ON COLUMN ops.dead_letter_reasons.job_type IS 'message_out or webhook_event.';
COMMENT ON COLUMN ops.dead_letter_reasons.reason IS 'Why they were given up.';
COMMENT ON COLUMN ops.dead_letter_reasons.dead_letters IS 'How many.';
COMMENT ON COLUMN ops.dead_letter_reasons.first_at IS 'When the first was given up (UTC).';
COMMENT ON COLUMN ops.dead_letter_reasons.last_at IS 'When the newest was given up (UTC).';
COMMENT ON COLUMN ops.dead_letter_reasons.example IS 'The newest one''s id: ops.dead_letters.id.';
