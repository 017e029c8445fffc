-- The newest 60,000 events are counted. In the minutes before those, each tenth second is judged by its first 40 events:
-- how many there would be at that pace. Both by event_log_created_at_idx.
CREATE VIEW ops.throughput AS
WITH hour AS (
    SELECT date_trunc('minute', now() AT TIME ZONE 'UTC') - interval '59 min' AS begins, now() AT TIME ZONE 'UTC' AS ends),
newest AS MATERIALIZED (
    SELECT date_bin('1 min', e.created_at, timestamp '2000-01-01') AS minute, e.event_type, e.entity_type = 'message_in' AS is_message,
           count(*) AS number
    FROM (SELECT x.created_at, x.event_type, x.entity_type FROM event_log AS x
          WHERE x.created_at >= (SELECT h.begins FROM hour AS h)
          ORDER BY x.created_at DESC
          LIMIT 60000) AS e
    GROUP BY 1, 2, 3),
-- Of the oldest minute among 60,000 a part may be missing.
counted_from AS MATERIALIZED (
    SELECT CASE WHEN coalesce(sum(n.number), 0) < 60000 THEN (SELECT h.begins FROM hour AS h)
                ELSE min(n.minute) + interval '1 min' END AS minute
    FROM newest AS n),
slots AS (
    SELECT g.begins, least(g.begins + interval '10 s', h.ends) AS ends
    FROM hour AS h, counted_from AS c,
         LATERAL generate_series(h.begins, least(c.minute, h.ends) - interval '1 ms', interval '10 s') AS g (begins)),
events (minute, event_type, is_message, number) AS (
    SELECT n.minute, n.event_type, n.is_message, n.number::float8
    FROM newest AS n, counted_from AS c WHERE n.minute >= c.minute
    UNION ALL
    SELECT date_trunc('minute', s.begins), e.event_type, e.entity_type = 'message_in',
           CASE WHEN e.of < 40 THEN 1
                ELSE extract(epoch FROM s.ends - s.begins) / greatest(extract(epoch FROM e.last_at - s.begins), 0.001) END
    FROM slots AS s
    CROSS JOIN LATERAL (
        SELECT f.event_type, f.entity_type, count(*) OVER () AS of, max(f.created_at) OVER () AS last_at
        FROM (SELECT x.created_at, x.event_type, x.entity_type FROM event_log AS x
              WHERE x.created_at >= s.begins AND x.created_at < s.ends
              ORDER BY x.created_at
              LIMIT 40) AS f) AS e)
SELECT m.minute, coalesce(n.received, 0) AS received, coalesce(n.sent, 0) AS sent, coalesce(n.failed, 0) AS failed,
       coalesce(n.dead, 0) AS dead, coalesce(n.callbacks, 0) AS callbacks, coalesce(n.duplicates, 0) AS duplicates,
       coalesce(n.delivered, 0) AS delivered, m.minute < (SELECT c.minute FROM counted_from AS c) AS is_estimated,
       -- What was seen to wait later had waited in this minute too.
       coalesce((SELECT extract(epoch FROM max(least(w.looked_at AT TIME ZONE 'UTC', m.minute + interval '1 min') - w.due_at AT TIME ZONE 'UTC'))
                 FROM outbox_waits AS w
                 WHERE w.minute AT TIME ZONE 'UTC' >= m.minute AND w.due_at AT TIME ZONE 'UTC' < m.minute + interval '1 min'), 0)::numeric(12, 1)
           AS oldest_due_seconds
FROM (SELECT g.minute FROM hour AS h, LATERAL generate_series(h.begins, h.ends, interval '1 min') AS g (minute)) AS m
LEFT JOIN (
    SELECT e.minute,
           round(sum(e.number) FILTER (WHERE e.event_type = 'webhook_received' AND e.is_message))::bigint AS received,
           round(sum(e.number) FILTER (WHERE e.event_type = 'webhook_received' AND NOT e.is_message))::bigint AS callbacks,
           round(sum(e.number) FILTER (WHERE e.event_type = 'idempotent_ignored'))::bigint AS duplicates,
           round(sum(e.number) FILTER (WHERE e.event_type = 'message_sent'))::bigint AS sent,
           round(sum(e.number) FILTER (WHERE e.event_type = 'message_delivered'))::bigint AS delivered,
           round(sum(e.number) FILTER (WHERE e.event_type = 'message_failed'))::bigint AS failed,
           round(sum(e.number) FILTER (WHERE e.event_type = 'message_dead_lettered'))::bigint AS dead
    FROM events AS e
    GROUP BY e.minute) AS n ON n.minute = m.minute
ORDER BY m.minute;
COMMENT ON VIEW ops.throughput IS 'Minute by minute for the last hour, in and out; the last row is the minute that has just begun. Counted where there are at most 60,000 events since, estimated before.';
COMMENT ON COLUMN ops.throughput.minute IS 'When it began (UTC).';
COMMENT ON COLUMN ops.throughput.received IS 'In: messages routed.';
COMMENT ON COLUMN ops.throughput.sent IS 'Out: messages that Twilio took.';
COMMENT ON COLUMN ops.throughput.failed IS 'Attempts that failed and are made again.';
COMMENT ON COLUMN ops.throughput.dead IS 'Messages given up, or taken and not delivered.';
COMMENT ON COLUMN ops.throughput.callbacks IS 'Status callbacks and other events routed.';
COMMENT ON COLUMN ops.throughput.duplicates IS 'Repeated webhooks, which had no effect.';
COMMENT ON COLUMN ops.throughput.delivered IS 'Messages of which Twilio told that they reached the phone.';
COMMENT ON COLUMN ops.throughput.is_estimated IS 'Whether it was judged by samples.';
COMMENT ON COLUMN ops.throughput.oldest_due_seconds IS 'How long a message had been due in that minute, the one that had to wait longest; 0: none a second, as far as was seen every OUTBOX_POLL_INTERVAL_MS. Paused ones left out.';
