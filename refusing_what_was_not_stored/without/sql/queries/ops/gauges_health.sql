-- ops.gauges_health: of what /metrics shows of the database, the figures of ops.health.
-- returns  metric, label, value
WITH health AS MATERIALIZED (
    SELECT h.figure, h.value, CASE h.state WHEN 'ok' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END AS state FROM ops.health AS h)
SELECT 'health_state' AS metric, h.figure AS label, h.state::double precision AS value FROM health AS h
UNION ALL SELECT 'health_figure', h.figure, h.value FROM health AS h;
