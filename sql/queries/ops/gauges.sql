-- ops.gauges: what /metrics shows of the database, from the views of the schema ops alone. Counts are exact to 10,000.
-- returns  metric, label (empty where it has none), value
WITH depth AS MATERIALIZED (
    SELECT d.queue, d.waiting, d.in_flight, d.delayed, coalesce(d.oldest_seconds, 0) AS oldest_seconds FROM ops.queue_depth AS d),
health AS MATERIALIZED (
    SELECT h.figure, h.value, CASE h.state WHEN 'ok' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END AS state FROM ops.health AS h)
SELECT 'queue_depth' AS metric, d.queue AS label, d.waiting::double precision AS value FROM depth AS d
UNION ALL SELECT 'queue_in_flight', d.queue, d.in_flight FROM depth AS d
UNION ALL SELECT 'queue_delayed', d.queue, d.delayed FROM depth AS d
UNION ALL SELECT 'queue_oldest', d.queue, d.oldest_seconds FROM depth AS d
UNION ALL SELECT 'health_state', h.figure, h.state FROM health AS h
UNION ALL SELECT 'health_figure', h.figure, h.value FROM health AS h
UNION ALL
SELECT 'breakers_open', k.kind, count(b.scope)
FROM (VALUES ('provider'), ('credentials'), ('sender')) AS k (kind)
LEFT JOIN ops.breakers AS b ON b.state = 'open' AND split_part(b.scope, ':', 1) = k.kind
GROUP BY k.kind
UNION ALL
SELECT 'pauses', k.kind, count(p.scope)
FROM (VALUES ('all'), ('tenant'), ('sender')) AS k (kind)
LEFT JOIN ops.pauses AS p ON p.scope = k.kind
GROUP BY k.kind
UNION ALL
SELECT 'dead_letters', k.kind, (SELECT count(*) FROM (SELECT FROM ops.dead_letters AS d WHERE d.job_type = k.kind LIMIT 10000) AS l)
FROM (VALUES ('message_out'), ('webhook_event')) AS k (kind)
UNION ALL
SELECT 'backfills', k.state, (SELECT count(*) FROM ops.backfills AS b WHERE b.ended_at IS NULL AND b.state = k.state)
FROM (VALUES ('running'), ('waiting'), ('failing')) AS k (state)
UNION ALL
SELECT 'instances', k.state, count(i.id)
FROM (VALUES ('running', false), ('silent', true)) AS k (state, is_silent)
LEFT JOIN ops.instances AS i ON (i.silent_seconds > 30) = k.is_silent
GROUP BY k.state;
