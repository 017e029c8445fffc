-- cli.show_event: all that is known of one received event, its numbers masked, its body as a length.
-- $1 id text
SELECT e.id, e.kind, e.source, e.format, ops.masked(nullif(e."from", '')) AS sender, ops.masked(nullif(e."to", '')) AS receiver,
       octet_length(e.raw) AS body_bytes, q.id IS NOT NULL AS is_waiting, q.attempts, q.due_at, e.correlation_id, e.received_at
FROM webhook_events AS e
LEFT JOIN webhook_queue AS q ON q.id = e.id
WHERE e.id = $1::text::bigint;
