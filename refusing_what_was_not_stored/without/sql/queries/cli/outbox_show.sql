-- cli.outbox_show: all that is known of one message, its number masked, its body as a length.
-- $1 id text
SELECT m.id, m.tenant_id, ops.masked(m."to") AS recipient, char_length(m.body) AS body_characters, m.media_url IS NOT NULL AS has_media,
       m.content_sid, m.status, m.attempts, m.send_at, m.expires_at, m.dedupe_key, (q.due_at AT TIME ZONE 'UTC')::timestamp(3) AS due_at, ops.masked_text(m.held_reason) AS held_reason, ops.masked_text(m.last_error) AS last_error, m.error_code, m.provider_message_id,
       ops.masked(m.sent_from) AS sent_from, m.sent_at, m.delivery_status, m.delivered_at, m.read_at,
       m.undelivered_at, l.instance_id AS leased_by, l.unknown_since, m.correlation_id,
       m.created_at, m.updated_at
FROM messages_out AS m
LEFT JOIN outbox_queue AS q ON q.seq = m.seq
LEFT JOIN outbox_leases AS l ON l.tenant_id = m.tenant_id AND l.recipient = m."to" AND l.seq = m.seq
WHERE m.id = $1::text;
