-- How long the steps of the newest 500 messages of the last hour took, each looked up by its key.
CREATE VIEW ops.latency AS
WITH events AS MATERIALIZED (
    SELECT e.key, e.received_at, e.correlation_id
    FROM (SELECT x.key, x.kind, x.received_at, x.correlation_id FROM webhook_events AS x ORDER BY x.id DESC LIMIT 500) AS e
    WHERE e.received_at >= now() - interval '1 hour'),
sent AS MATERIALIZED (
    SELECT m.written_at, m.sent_at, m.delivered_at
    FROM (SELECT n.entity_id
          FROM (SELECT x.entity_id, x.event_type FROM event_log AS x
                WHERE x.created_at >= (now() AT TIME ZONE 'UTC') - interval '1 hour'
                ORDER BY x.created_at DESC
                LIMIT 3000) AS n
          WHERE n.event_type = 'message_sent'
          LIMIT 500) AS e
    CROSS JOIN LATERAL (
        SELECT greatest(x.created_at AT TIME ZONE 'UTC', x.send_at) AS written_at, x.sent_at, x.delivered_at
        FROM messages_out AS x WHERE x.id = e.entity_id AND x.sent_at IS NOT NULL OFFSET 0) AS m),
steps (place, step, ms) AS (
    SELECT 1, 'received to routed', extract(epoch FROM l.routed_at - e.received_at) * 1000
    FROM events AS e
    CROSS JOIN LATERAL (
        SELECT min(x.created_at) AT TIME ZONE 'UTC' AS routed_at FROM event_log AS x
        WHERE x.correlation_id = e.correlation_id AND x.event_type = 'webhook_received' OFFSET 0) AS l
    WHERE l.routed_at IS NOT NULL
    UNION ALL
    SELECT 2, 'routed to handled by the shop', extract(epoch FROM i.handled_at - i.created_at AT TIME ZONE 'UTC') * 1000
    FROM events AS e
    CROSS JOIN LATERAL (
        SELECT x.handled_at, x.created_at FROM messages_in AS x
        WHERE x.provider_message_id = substr(e.key, 5) COLLATE "default" AND x.duplicate_of IS NULL AND x.handled_at IS NOT NULL OFFSET 0) AS i
    WHERE e.key LIKE 'msg:%'
    UNION ALL
    SELECT 3, 'written to sent', extract(epoch FROM s.sent_at - s.written_at) * 1000 FROM sent AS s
    UNION ALL
    SELECT 4, 'sent to delivered', extract(epoch FROM s.delivered_at - s.sent_at) * 1000 FROM sent AS s WHERE s.delivered_at IS NOT NULL)
SELECT s.step, count(*) AS messages,
       round(greatest(0, percentile_cont(0.5) WITHIN GROUP (ORDER BY s.ms))::numeric, 1) AS p50_ms,
       round(greatest(0, percentile_cont(0.95) WITHIN GROUP (ORDER BY s.ms))::numeric, 1) AS p95_ms,
       round(greatest(0, percentile_cont(0.99) WITHIN GROUP (ORDER BY s.ms))::numeric, 1) AS p99_ms,
       round(greatest(0, max(s.ms)), 1) AS max_ms
FROM steps AS s
GROUP BY s.place, s.step
ORDER BY s.place;
COMMENT ON VIEW ops.latency IS 'How long each step took, of the newest 500 messages of the last hour.';
COMMENT ON COLUMN ops.latency.step IS 'From when to when. Written to sent begins at send_at when that is later.';
COMMENT ON COLUMN ops.latency.messages IS 'How many it is judged by.';
COMMENT ON COLUMN ops.latency.p50_ms IS 'Half of them took at most so many milliseconds.';
COMMENT ON COLUMN ops.latency.p95_ms IS '95 % of them.';
COMMENT ON COLUMN ops.latency.p99_ms IS '99 % of them.';
COMMENT ON COLUMN ops.latency.max_ms IS 'The slowest.';
