-- console.reveal: a number, a body or a raw event, and the row of event_log that tells who looked and why: both or neither.
-- $1 message_out, message_in or webhook_event text  $2 id text  $3 number, body or raw text  $4 who text  $5 reason text
-- returns  NULL: there is no such thing, or nothing of that kind
WITH found AS MATERIALIZED (
    SELECT m.tenant_id, m.correlation_id, CASE $3::text WHEN 'number' THEN m."to" WHEN 'body' THEN m.body END AS value,
           CASE WHEN $3 = 'body' AND m.media_url IS NOT NULL THEN jsonb_build_array(m.media_url) ELSE '[]' END AS media
    FROM messages_out AS m WHERE $1::text = 'message_out' AND m.id = $2::text
    UNION ALL
    SELECT m.tenant_id, m.correlation_id, CASE $3 WHEN 'number' THEN m."from" WHEN 'body' THEN m.body END,
           CASE WHEN $3 <> 'body' THEN '[]'
                WHEN jsonb_typeof(m.media) = 'array'
                THEN coalesce((SELECT jsonb_agg(x.one ->> 'url') FROM jsonb_array_elements(m.media) AS x (one) WHERE x.one ->> 'url' IS NOT NULL), '[]')
                WHEN m.media_url IS NOT NULL THEN jsonb_build_array(m.media_url) ELSE '[]' END
    FROM messages_in AS m WHERE $1 = 'message_in' AND m.id = $2
    UNION ALL
    SELECT (SELECT m.tenant_id FROM messages_in AS m
            WHERE e.key LIKE 'msg:%' AND m.provider_message_id = substr(e.key, 5) AND m.duplicate_of IS NULL),
           e.correlation_id, CASE $3 WHEN 'raw' THEN jsonb_pretty(e.payload) END, '[]'
    FROM webhook_events AS e
    WHERE $1 = 'webhook_event' AND e.id = CASE WHEN $2 ~ '^[0-9]{1,18}$' THEN $2::bigint END),
audit AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT f.tenant_id, 'message_revealed', $1, $2, f.correlation_id, 'operator',
           jsonb_build_object('by', ops.masked_text($4::text), 'reason', ops.masked_text($5::text), 'what', $3)
    FROM found AS f WHERE f.value IS NOT NULL
    RETURNING id)
SELECT jsonb_build_object('kind', $1, 'id', $2, 'what', $3, 'value', f.value, 'media', f.media, 'audit_id', a.id)
FROM found AS f, audit AS a;
