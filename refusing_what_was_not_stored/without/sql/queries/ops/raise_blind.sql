-- ops.raise_blind: ops.health cannot be read, so that nobody would hear of anything: that itself becomes an alert, when no instance
-- could read it for a while. ops.turn_alerts ends it, as one on a figure that is no longer there.
-- $1 ms without a look bigint  $2 what the database said text
-- returns  as ops.turn_alerts
WITH raised AS (
    INSERT INTO alerts_open AS a (figure, correlation_id)
    SELECT 'ops.health unreadable', gen_random_uuid()::text FROM alert_watch AS w
    WHERE w.looked_at <= clock_timestamp() - $1::bigint * interval '1 ms' OR w.looked_at > clock_timestamp() + interval '2 s'
    ON CONFLICT (figure) DO NOTHING
    RETURNING a.figure, a.correlation_id),
turned AS MATERIALIZED (
    SELECT r.figure, $2::text AS value,
           'No other alert is told meanwhile. Try SELECT * FROM ops.health. When it is slow: SELECT * FROM ops.oldest_snapshot(). When it is not there: pgcourier migrate up'
               AS advice, r.correlation_id
    FROM raised AS r),
logged AS (
    INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT 'alert_raised', 'health', t.figure, t.correlation_id, 'system', jsonb_build_object('value', t.value, 'advice', t.advice)
    FROM turned AS t),
to_post AS (
    INSERT INTO alert_posts (figure, is_alert, value, advice, correlation_id, seconds)
    SELECT t.figure, true, t.value, t.advice, t.correlation_id, 0 FROM turned AS t),
woken AS MATERIALIZED (SELECT pg_notify('ops_alert', '') WHERE EXISTS (SELECT FROM turned))
SELECT t.figure, true AS is_alert, t.value, t.advice, t.correlation_id, 0::bigint AS seconds
FROM turned AS t LEFT JOIN woken ON true;
