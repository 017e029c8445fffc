-- console.overview: the sentence, the figures and the last hour, as one JSON object. Read once for all viewers.
-- $1 p99 of acknowledgements in ms double precision (NULL: none)
WITH health AS MATERIALIZED (
    SELECT row_number() OVER () AS place, h.figure, h.value, h.state, h.threshold, h.advice FROM ops.health AS h),
minutes AS MATERIALIZED (
    SELECT row_number() OVER () AS place, t.minute, t.received, t.sent, t.failed, t.dead, t.delivered, t.is_estimated,
           t.oldest_due_seconds
    FROM ops.throughput AS t),
steps AS MATERIALIZED (SELECT l.step, l.p99_ms FROM ops.latency AS l),
pauses AS MATERIALIZED (SELECT p.scope, p.id, p.reason, p.paused_by, p.paused_at FROM ops.pauses AS p),
breaker AS MATERIALIZED (
    SELECT b.scope, b.reason, b.error_code, b.opened_at FROM ops.breakers AS b WHERE b.state = 'open' ORDER BY b.opened_at LIMIT 1),
running AS MATERIALIZED (
    SELECT coalesce(bool_or('router' = ANY (string_to_array(i.roles, ','))), false) AS has_router,
           coalesce(bool_or('sender' = ANY (string_to_array(i.roles, ','))), false) AS has_sender
    FROM ops.instances AS i WHERE i.state = 'running'),
-- The last 60 s: the minute that has begun, and what of the one before it is not older.
sliding AS MATERIALIZED (
    SELECT round(sum(m.received * m.share))::bigint AS received, round(sum(m.sent * m.share))::bigint AS sent
    FROM (SELECT n.received, n.sent,
                 CASE WHEN lead(n.minute) OVER (ORDER BY n.minute) IS NULL THEN 1
                      WHEN n.minute >= (now() AT TIME ZONE 'UTC') - interval '2 min'
                      THEN greatest(0, 1 - extract(epoch FROM (now() AT TIME ZONE 'UTC') - n.minute - interval '1 min') / 60) ELSE 0 END AS share
          FROM minutes AS n) AS m),
figures AS MATERIALIZED (
    SELECT max(h.value) FILTER (WHERE h.figure = 'messages waiting') AS waiting,
           max(h.value) FILTER (WHERE h.figure = 'events waiting') AS events_waiting,
           max(h.value) FILTER (WHERE h.figure = 'oldest due message, s') AS oldest_due,
           max(h.state) FILTER (WHERE h.figure = 'oldest due message, s') AS oldest_due_state,
           max(h.state) FILTER (WHERE h.figure = 'events waiting') AS events_state,
           max(h.value) FILTER (WHERE h.figure = 'unresolved dead letters') AS dead_letters,
           max(h.value) FILTER (WHERE h.figure = 'unknown outcomes') AS unknown
    FROM health AS h),
worst AS MATERIALIZED (
    SELECT h.figure, h.value, h.state, h.advice FROM health AS h
    WHERE h.state <> 'ok' AND h.figure NOT IN ('paused by people', 'open breakers')
    ORDER BY h.state = 'alert' DESC, h.place LIMIT 1),
sentence (place, code, args) AS (
    SELECT 1, 'breaker_open', jsonb_build_object('scope', split_part(b.scope, ':', 1), 'name', nullif(split_part(b.scope, ':', 2), ''),
               'number', CASE WHEN b.scope LIKE 'sender:%' THEN split_part(b.scope, ':', 2) END,
               'reason', b.reason, 'code', b.error_code, 'since', ops.utc(b.opened_at), 'waiting', f.waiting)
    FROM breaker AS b, figures AS f
    UNION ALL
    SELECT 2, 'no_sender', jsonb_build_object('waiting', f.waiting, 'oldest_due_seconds', f.oldest_due)
    FROM figures AS f, running AS r WHERE NOT r.has_sender AND f.waiting > 0
    UNION ALL
    SELECT 3, 'no_router', jsonb_build_object('events_waiting', f.events_waiting)
    FROM figures AS f, running AS r WHERE NOT r.has_router AND f.events_waiting > 0
    UNION ALL
    SELECT 4, 'paused_all', jsonb_build_object('by', p.paused_by, 'since', ops.utc(p.paused_at), 'reason', nullif(p.reason, ''), 'waiting', f.waiting)
    FROM pauses AS p, figures AS f WHERE p.scope = 'all'
    UNION ALL
    SELECT 5, 'messages_late', jsonb_build_object('oldest_due_seconds', f.oldest_due, 'waiting', f.waiting,
               'pauses', (SELECT count(*) FROM pauses))
    FROM figures AS f WHERE f.oldest_due_state <> 'ok'
    UNION ALL
    SELECT 6, 'events_late', jsonb_build_object('events_waiting', f.events_waiting) FROM figures AS f WHERE f.events_state = 'alert'
    UNION ALL
    SELECT 7, 'figure', jsonb_build_object('figure', w.figure, 'value', w.value, 'state', w.state, 'advice', w.advice)
    FROM worst AS w WHERE w.state = 'alert' OR NOT EXISTS (SELECT FROM pauses)
    UNION ALL
    SELECT 8, 'paused_some', jsonb_build_object('count', (SELECT count(*) FROM pauses), 'waiting', f.waiting)
    FROM figures AS f WHERE EXISTS (SELECT FROM pauses)
    UNION ALL
    SELECT 9, 'all_well', jsonb_build_object('sent', s.sent, 'received', s.received) FROM sliding AS s)
SELECT jsonb_build_object(
    'as_of', ops.utc(now()),
    'level', CASE WHEN EXISTS (SELECT FROM health AS h WHERE h.state = 'alert') THEN 'alert'
                  WHEN EXISTS (SELECT FROM health AS h WHERE h.state = 'warning') THEN 'warning' ELSE 'ok' END,
    'sentence', (SELECT jsonb_build_object('code', s.code, 'args', s.args) FROM sentence AS s ORDER BY s.place LIMIT 1),
    'figures', (SELECT jsonb_build_object('in_minute', s.received, 'out_minute', s.sent, 'oldest_due_seconds', coalesce(f.oldest_due, 0),
                    'dead_letters', f.dead_letters, 'waiting', f.waiting, 'unknown', f.unknown, 'events_waiting', f.events_waiting)
                FROM sliding AS s, figures AS f),
    'latency', jsonb_build_object('ack_p99_ms', round($1::double precision::numeric, 1),
        'routed_p99_ms', (SELECT l.p99_ms FROM steps AS l WHERE l.step = 'received to routed'),
        'send_p99_ms', (SELECT l.p99_ms FROM steps AS l WHERE l.step = 'written to sent')),
    -- What waits now has waited before, whether it was seen or not.
    'series', (SELECT jsonb_agg(jsonb_build_object('minute', ops.utc(m.minute AT TIME ZONE 'UTC'), 'received', m.received, 'sent', m.sent,
                   'failed', m.failed, 'dead', m.dead, 'delivered', m.delivered, 'is_estimated', m.is_estimated,
                   'oldest_due_seconds', greatest(m.oldest_due_seconds, f.oldest_due - greatest(0, round(extract(epoch FROM
                       (now() AT TIME ZONE 'UTC') - m.minute - interval '1 min'))), 0)) ORDER BY m.place)
               FROM minutes AS m, figures AS f),
    'health', (SELECT jsonb_agg(jsonb_build_object('figure', h.figure, 'value', h.value, 'state', h.state, 'threshold', h.threshold,
                   'advice', h.advice) ORDER BY h.place)
               FROM health AS h),
    'sql', 'SELECT * FROM ops.health', 'command', 'pgcourier status');
