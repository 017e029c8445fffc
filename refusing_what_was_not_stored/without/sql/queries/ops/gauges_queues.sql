-- ops.gauges_queues: of what /metrics shows of the database, how deep the queues are.
-- returns  metric, label, value
WITH depth AS MATERIALIZED (
    SELECT d.queue, d.waiting, d.in_flight, d.delayed, coalesce(d.oldest_seconds, 0) AS oldest_seconds FROM ops.queue_depth AS d)
SELECT 'queue_depth' AS metric, d.queue AS label, d.waiting::double precision AS value FROM depth AS d
UNION ALL SELECT 'queue_in_flight', d.queue, d.in_flight FROM depth AS d
UNION ALL SELECT 'queue_delayed', d.queue, d.delayed FROM depth AS d
UNION ALL SELECT 'queue_oldest', d.queue, d.oldest_seconds FROM depth AS d;
