-- ops.gauges_dead_letters: of what /metrics shows of the database, the dead letters, exact to 10,000.
-- returns  metric, label, value
SELECT 'dead_letters' AS metric, k.kind AS label,
       (SELECT count(*) FROM (SELECT FROM ops.dead_letters AS d WHERE d.job_type = k.kind LIMIT 10000) AS l)::double precision AS value
FROM (VALUES ('message_out'), ('webhook_event')) AS k (kind);
