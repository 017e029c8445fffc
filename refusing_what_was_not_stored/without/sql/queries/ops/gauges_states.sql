-- ops.gauges_states: of what /metrics shows of the database, what is always read at once: small tables.
-- returns  metric, label, value
SELECT 'breakers_open' AS metric, k.kind AS label, count(b.scope)::double precision AS value
FROM (VALUES ('provider'), ('credentials'), ('sender')) AS k (kind)
LEFT JOIN ops.breakers AS b ON b.state = 'open' AND split_part(b.scope, ':', 1) = k.kind
GROUP BY k.kind
UNION ALL
SELECT 'pauses', k.kind, count(p.scope)
FROM (VALUES ('all'), ('tenant'), ('sender')) AS k (kind)
LEFT JOIN ops.pauses AS p ON p.scope = k.kind
GROUP BY k.kind
UNION ALL
SELECT 'backfills', k.state, (SELECT count(*) FROM ops.backfills AS b WHERE b.ended_at IS NULL AND b.state = k.state)
FROM (VALUES ('running'), ('waiting'), ('failing')) AS k (state)
UNION ALL
SELECT 'instances', k.state, count(i.id)
FROM (VALUES ('running', false), ('silent', true)) AS k (state, is_silent)
LEFT JOIN ops.instances AS i ON (i.silent_seconds > 30) = k.is_silent
GROUP BY k.state;
