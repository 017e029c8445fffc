-- ops.turn_alerts: looks at ops.health, at most once in a while for all instances together, and writes down which figures
-- have become an alert and which are ok again: one that swings around its threshold is told once. Whoever gets a row logs it,
-- nobody else does; who posts it is found by ops.claim_posts, for an hour.
-- The row of alert_watch is the lock: whoever finds it taken leaves the look to the other. A look in what is the future was made before
-- the database's clock went back.
-- $1 ms since the last look bigint
-- returns  figure, whether it is an alert now, its value (NULL: there is no such figure any more), what to do, correlation
--          id of the alert, for how many seconds it has been one
WITH due AS MATERIALIZED (
    SELECT w.is_only FROM alert_watch AS w
    WHERE w.looked_at <= clock_timestamp() - $1::bigint * interval '1 ms' OR w.looked_at > clock_timestamp() + interval '2 s'
    FOR UPDATE SKIP LOCKED),
look AS MATERIALIZED (
    UPDATE alert_watch AS w SET looked_at = clock_timestamp()
    FROM due AS d WHERE w.is_only = d.is_only
    RETURNING w.looked_at),
health AS MATERIALIZED (
    SELECT h.figure, h.value, h.state, h.advice FROM ops.health AS h WHERE EXISTS (SELECT FROM look)),
raised AS (
    INSERT INTO alerts_open AS a (figure, correlation_id)
    SELECT h.figure, gen_random_uuid()::text FROM health AS h WHERE h.state = 'alert'
    ON CONFLICT (figure) DO NOTHING
    RETURNING a.figure, a.correlation_id, a.since),
ended AS (
    DELETE FROM alerts_open AS a USING look AS l
    WHERE NOT EXISTS (SELECT FROM health AS h WHERE h.figure = a.figure AND h.state <> 'ok')
    RETURNING a.figure, a.correlation_id, a.since),
turned AS MATERIALIZED (
    SELECT t.figure, t.is_alert, h.value, h.advice, t.correlation_id,
           greatest(extract(epoch FROM clock_timestamp() - t.since)::bigint, 0) AS seconds
    FROM (SELECT r.figure, true AS is_alert, r.correlation_id, r.since FROM raised AS r
          UNION ALL SELECT e.figure, false, e.correlation_id, e.since FROM ended AS e) AS t
    LEFT JOIN health AS h ON h.figure = t.figure),
logged AS (
    INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT CASE WHEN t.is_alert THEN 'alert_raised' ELSE 'alert_ended' END, 'health', t.figure, t.correlation_id, 'system',
           jsonb_strip_nulls(jsonb_build_object('value', t.value, 'advice', CASE WHEN t.is_alert THEN t.advice END,
                                                'seconds', CASE WHEN NOT t.is_alert THEN t.seconds END))
    FROM turned AS t
    ORDER BY t.figure),
to_post AS (
    INSERT INTO alert_posts (figure, is_alert, value, advice, correlation_id, seconds)
    SELECT t.figure, t.is_alert, t.value::text, t.advice, t.correlation_id, t.seconds FROM turned AS t
    ORDER BY t.figure),
too_old AS (
    DELETE FROM alert_posts AS p USING look AS l WHERE p.turned_at <= clock_timestamp() - interval '1 h'),
woken AS MATERIALIZED (SELECT pg_notify('ops_alert', '') WHERE EXISTS (SELECT FROM turned))
SELECT t.figure, t.is_alert, t.value, t.advice, t.correlation_id, t.seconds
FROM turned AS t LEFT JOIN woken ON true
ORDER BY t.figure;
