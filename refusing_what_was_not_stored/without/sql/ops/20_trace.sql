-- The rows that an id means, each found by an index.
CREATE FUNCTION ops.correlations(id text) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 5 SET search_path FROM CURRENT AS $$
    SELECT $1
    UNION SELECT m.correlation_id FROM messages_in AS m WHERE m.id = $1
    UNION SELECT m.correlation_id FROM messages_in AS m WHERE m.provider_message_id = $1 AND m.duplicate_of IS NULL
    UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.id = $1
    UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.provider_message_id = $1
    UNION SELECT e.correlation_id FROM webhook_events AS e WHERE e.key = 'msg:' || $1
    UNION SELECT e.correlation_id FROM webhook_events AS e
          WHERE e.id = CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN $1::bigint END
    UNION SELECT coalesce(m.correlation_id, e.correlation_id)
          FROM dead_letter_jobs AS d
          LEFT JOIN messages_out AS m ON d.job_type = 'message_out' AND m.id = d.payload ->> 'message_out_id'
          LEFT JOIN webhook_events AS e ON d.job_type = 'webhook_event'
               AND e.id = CASE WHEN d.payload ->> 'webhook_event_id' ~ '^[0-9]{1,18}$' THEN (d.payload ->> 'webhook_event_id')::bigint END
          WHERE d.id = $1 AND coalesce(m.correlation_id, e.correlation_id) IS NOT NULL
$$;
COMMENT ON FUNCTION ops.correlations IS 'The correlation ids that an id may mean: its own, and those of the message, event or dead letter that has it.';

-- What an event of event_log tells, in words: the keys that pgcourier writes, and no others.
CREATE FUNCTION ops.event_words(payload jsonb) RETURNS text
    LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT ops.masked_text(string_agg(k.label || ' ' || (payload ->> k.key), ', ' ORDER BY k.place))
    FROM (VALUES (1, 'attempt', 'attempt'), (2, 'attempts', 'attempts'), (3, 'code', 'code'), (4, 'reason', 'reason:'),
                 (5, 'status', 'status'), (6, 'provider_message_id', 'Twilio''s id'), (7, 'by', 'by'), (8, 'kind', 'kind'),
                 (9, 'is_opted_out', 'is opted out:'), (10, 'expires_at', 'expires'), (11, 'dead_letter_id', 'dead letter'),
                 (12, 'new_message_id', 'written again as'), (13, 'webhook_event_id', 'event'), (14, 'events', 'events'),
                 (15, 'what', 'what:'))
        AS k (place, key, label)
    WHERE payload ->> k.key IS NOT NULL
$$;
COMMENT ON FUNCTION ops.event_words IS 'The payload of an event in words, numbers masked.';

-- Rights of its owner, so that whoever may only look sees all that happened, with numbers masked and without bodies. Step by
-- step, with the ids of each step as an array: no step's plan depends on how many rows the planner expects of the one before.
-- Each step is bounded, since a shop may give all that it writes the same correlation id: in no order, which would read them all.
CREATE FUNCTION ops.trace(id text)
    RETURNS TABLE (at timestamptz, what text, entity text, detail text, ms_since_previous numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    correlations text[] := ARRAY(SELECT c.id FROM ops.correlations($1) AS c (id));
    outgoing text[] := ARRAY(SELECT x.id FROM (SELECT m.id FROM messages_out AS m WHERE m.correlation_id = ANY (correlations) LIMIT 1000) AS x
                             UNION SELECT m.id FROM messages_out AS m WHERE m.id = $1
                             UNION SELECT m.id FROM messages_out AS m WHERE m.provider_message_id = $1);
    logged text[] := ARRAY(SELECT l.id FROM event_log AS l WHERE l.correlation_id = ANY (correlations) LIMIT 5000);
    incoming text[];
    events bigint[];
BEGIN
    incoming := ARRAY(SELECT l.entity_id FROM event_log AS l WHERE l.id = ANY (logged) AND l.entity_type = 'message_in'
                      UNION SELECT $1);
    events := ARRAY(
        SELECT m.event_id FROM messages_in AS m WHERE m.id = ANY (incoming) AND m.event_id IS NOT NULL
        UNION SELECT l.entity_id::bigint FROM event_log AS l
              WHERE l.id = ANY (logged) AND l.entity_type = 'webhook_event' AND l.entity_id ~ '^[0-9]{1,18}$'
        UNION SELECT e.id FROM webhook_events AS e WHERE e.key = 'msg:' || $1
        UNION SELECT e.id FROM webhook_events AS e WHERE e.id = CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN $1::bigint END
        -- Callbacks of these messages that are not routed yet; those that are stand in delivery_events.
        UNION SELECT q.id
              FROM (SELECT m.provider_message_id AS sid FROM messages_out AS m WHERE m.id = ANY (outgoing)) AS m
              CROSS JOIN LATERAL (SELECT e.id FROM webhook_events AS e
                                  WHERE e.key >= 'status:' || m.sid || ':' AND e.key < 'status:' || m.sid || ';'
                                  ORDER BY e.key LIMIT 100) AS e
              CROSS JOIN LATERAL (SELECT x.id FROM webhook_queue AS x WHERE x.id = e.id OFFSET 0) AS q);
    IF events = '{}' AND outgoing = '{}' THEN
        -- No index knows an event that waits by its correlation id: it is looked for among those that wait.
        events := ARRAY(SELECT e.id
                        FROM (SELECT x.id FROM webhook_queue AS x ORDER BY x.id LIMIT 10000) AS q
                        CROSS JOIN LATERAL (SELECT x.id, x.correlation_id FROM webhook_events AS x WHERE x.id = q.id OFFSET 0) AS e
                        WHERE e.correlation_id = $1);
    END IF;
    RETURN QUERY
    WITH happened (at, place, what, entity, detail) AS (
        SELECT e.received_at, 1, 'received', 'webhook_event ' || e.id,
               concat_ws(', ', e.kind || ' by ' || e.source, 'from ' || ops.masked(nullif(e."from", '')), q.words)
        FROM webhook_events AS e
        LEFT JOIN LATERAL (
            SELECT 'waits to be routed' || CASE WHEN x.attempts > 0 THEN ' after ' || x.attempts || ' failures' ELSE '' END AS words
            FROM webhook_queue AS x WHERE x.id = e.id OFFSET 0) AS q ON true
        WHERE e.id = ANY (events)
        UNION ALL
        SELECT o.created_at AT TIME ZONE 'UTC', 1, 'written to messages_out', 'message_out ' || o.id,
               concat_ws(', ', 'for ' || ops.masked(o."to"), 'not before ' || to_char(o.send_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
        FROM messages_out AS o WHERE o.id = ANY (outgoing)
        UNION ALL
        SELECT l.created_at AT TIME ZONE 'UTC', 2, l.event_type, l.entity_type || coalesce(' ' || l.entity_id, ''),
               concat_ws(', ', i.words, ops.event_words(l.payload))
        FROM event_log AS l
        LEFT JOIN LATERAL (
            SELECT coalesce('from a ' || x.message_type, 'no tenant has the number') AS words
            FROM messages_in AS x
            WHERE x.id = l.entity_id AND l.entity_type = 'message_in' AND l.event_type = 'webhook_received' OFFSET 0) AS i ON true
        WHERE l.id = ANY (logged)
        UNION ALL
        SELECT i.handled_at, 3, 'handled by the shop', 'message_in ' || i.id, NULL
        FROM messages_in AS i WHERE i.id = ANY (incoming) AND i.handled_at IS NOT NULL
        UNION ALL
        SELECT l.claimed_at, 3, 'claimed', 'message_out ' || o.id,
               concat_ws(', ', 'attempt ' || l.attempt, 'by ' || coalesce(i.host || ' pid ' || i.pid, 'instance ' || l.instance_id),
                         CASE WHEN l.unknown_since IS NULL
                              THEN 'until ' || to_char(l.expires_at AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"') END)
        FROM (SELECT m.id, m.seq, m.tenant_id, m."to" FROM messages_out AS m WHERE m.id = ANY (outgoing)) AS o
        CROSS JOIN LATERAL (
            SELECT x.claimed_at, x.attempt, x.instance_id, x.unknown_since, x.expires_at FROM outbox_leases AS x
            WHERE x.tenant_id = o.tenant_id AND x.recipient = o."to" AND x.seq = o.seq OFFSET 0) AS l
        LEFT JOIN instances AS i ON i.id = l.instance_id
        UNION ALL
        SELECT d.received_at, 4, 'callback: ' || d.status, 'message_out ' || o.id,
               concat_ws(', ', 'error ' || d.error_code, CASE WHEN d.settled_at IS NULL THEN 'not taken over yet' END)
        FROM (SELECT m.id, m.provider_message_id AS sid FROM messages_out AS m WHERE m.id = ANY (outgoing)) AS o
        CROSS JOIN LATERAL (
            SELECT x.received_at, x.status, x.error_code, x.settled_at FROM delivery_events AS x
            WHERE x.provider_message_id = o.sid LIMIT 100) AS d
        UNION ALL
        SELECT d.created_at AT TIME ZONE 'UTC', 5, 'waits as a dead letter', 'dead_letter ' || d.id, ops.masked_text(d.error_message)
        FROM (SELECT x.id, x.created_at, x.error_message FROM dead_letter_jobs AS x
              WHERE x.job_type = 'message_out' AND x.payload ->> 'message_out_id' = ANY (outgoing) AND x.resolved_at IS NULL
              UNION ALL
              SELECT x.id, x.created_at, x.error_message FROM dead_letter_jobs AS x
              WHERE x.job_type = 'webhook_event' AND x.payload ->> 'webhook_event_id' = ANY (events::text[]) AND x.resolved_at IS NULL) AS d
        UNION ALL
        SELECT NULL, 6, 'more', NULL, 'of an id with so much, 1,000 messages and 5,000 events are shown and not the rest: ask for the id of one message'
        WHERE cardinality(outgoing) >= 1000 OR cardinality(logged) >= 5000)
    SELECT h.at, h.what, h.entity, nullif(h.detail, ''),
           round((extract(epoch FROM h.at - lag(h.at) OVER (ORDER BY h.at, h.place, h.entity)) * 1000)::numeric, 1)
    FROM happened AS h ORDER BY h.at, h.place, h.entity;
END $$;
COMMENT ON FUNCTION ops.trace IS 'All that happened to one correlation id, message id, provider id, event id or dead letter id, in order, with the time between: SELECT * FROM ops.trace(id). At most 1,000 messages and 5,000 events; a last row without a time says when there are more.';
