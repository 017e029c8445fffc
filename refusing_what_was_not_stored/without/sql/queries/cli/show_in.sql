-- cli.show_in: all that is known of one incoming message, its numbers masked, its body as a length.
-- $1 id text
SELECT m.id, m.tenant_id, ops.masked(m."from") AS sender, ops.masked(m."to") AS receiver, m.message_type,
       char_length(m.body) AS body_characters, coalesce(jsonb_array_length(m.media), (m.media_url IS NOT NULL)::integer) AS media,
       (SELECT string_agg(k.key, ', ' ORDER BY k.key) FROM jsonb_object_keys(m.details) AS k (key)) AS details,
       m.provider_message_id, m.event_id, m.duplicate_of, m.handled_at, m.correlation_id, m.created_at
FROM messages_in AS m
WHERE m.id = $1::text;
