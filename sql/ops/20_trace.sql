CREATE FUNCTION ops.trace(id text)
    RETURNS TABLE (at timestamptz, what text, entity text, detail text, ms_since_previous numeric)
    LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH correlations AS (
        SELECT $1 AS correlation_id
        UNION SELECT m.correlation_id FROM messages_in AS m WHERE m.id = $1 OR m.provider_message_id = $1
        UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.id = $1
        UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.provider_message_id = $1
        UNION SELECT e.correlation_id FROM webhook_events AS e WHERE e.key = 'msg:' || $1),
    happened AS (
        SELECT e.received_at AS at, 'received' AS what, 'webhook_event ' || e.id AS entity, e.kind || ' by ' || e.source AS detail
        FROM webhook_events AS e JOIN correlations AS c ON e.key IN (
            SELECT 'msg:' || m.provider_message_id FROM messages_in AS m WHERE m.correlation_id = c.correlation_id)
        UNION ALL
        SELECT m.created_at AT TIME ZONE 'UTC', 'written to messages_out', 'message_out ' || m.id, 'for ' || ops.masked(m."to")
        FROM messages_out AS m JOIN correlations AS c USING (correlation_id)
        UNION ALL
        SELECT l.created_at AT TIME ZONE 'UTC', l.event_type, l.entity_type || coalesce(' ' || l.entity_id, ''),
               nullif(l.payload::text, '{}')
        FROM event_log AS l JOIN correlations AS c USING (correlation_id)
        UNION ALL
        SELECT d.received_at, 'callback: ' || d.status, 'message_out ' || m.id, 'error ' || d.error_code
        FROM messages_out AS m JOIN correlations AS c USING (correlation_id)
        JOIN delivery_events AS d ON d.provider_message_id = m.provider_message_id)
    SELECT h.at, h.what, h.entity, h.detail,
           round((extract(epoch FROM h.at - lag(h.at) OVER (ORDER BY h.at)) * 1000)::numeric, 1)
    FROM happened AS h ORDER BY h.at;
$$;
COMMENT ON FUNCTION ops.trace IS 'All that happened to one correlation id, message id or provider id, in order.';
