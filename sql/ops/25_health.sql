-- Whether the schema is as the program that made this schema ops wanted it. Rights of its owner: who asks may not read the
-- records. Which migration was the last is written into the function when it is made, after all of them.
DO $$
BEGIN
    EXECUTE format($made$
        CREATE FUNCTION ops.unfinished_migrations() RETURNS text[]
            LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $body$
        DECLARE
            names text[];
        BEGIN
            SELECT array_agg(m.name ORDER BY m.name) INTO names FROM pgcourier_migrations AS m WHERE m.name > %L;
            IF to_regclass('_prisma_migrations') IS NOT NULL THEN
                SELECT names || array_agg(p.migration_name::text ORDER BY p.migration_name) INTO names
                FROM _prisma_migrations AS p WHERE p.finished_at IS NULL AND p.rolled_back_at IS NULL;
            END IF;
            RETURN coalesce(names, '{}');
        END $body$
    $made$, (SELECT max(m.name) FROM pgcourier_migrations AS m));
END $$;
COMMENT ON FUNCTION ops.unfinished_migrations IS 'Migrations that Prisma began and did not end, and those that came after this schema ops was made: pgcourier migrate up.';

-- A figure is ok below `warning` and alert above `alert`; where they are equal it is alert from there on. The success rate is
-- judged the other way round. It and the processing time are no alert while there are fewer than 20 attempts or webhooks: one wrong
-- number at night wakes nobody.
CREATE VIEW ops.health AS
-- What waits for a later time is not late: it counts from then on.
WITH depth AS MATERIALIZED (SELECT queue, waiting, delayed, oldest_seconds FROM ops.queue_depth),
recent AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE e.event_type = 'message_sent') AS sent,
           count(*) FILTER (WHERE e.event_type IN ('message_failed', 'message_dead_lettered')) AS failed
    FROM (SELECT x.event_type FROM event_log AS x
          WHERE x.created_at >= (now() AT TIME ZONE 'UTC') - interval '15 min'
          ORDER BY x.created_at DESC
          LIMIT 50000) AS e),
routed AS MATERIALIZED (
    SELECT count(*) AS webhooks, percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM l.routed_at - w.received_at) * 1000) AS p95_ms
    FROM (SELECT x.correlation_id, x.received_at FROM webhook_events AS x ORDER BY x.id DESC LIMIT 500) AS w
    CROSS JOIN LATERAL (
        SELECT min(x.created_at) AT TIME ZONE 'UTC' AS routed_at FROM event_log AS x
        WHERE x.correlation_id = w.correlation_id AND x.event_type = 'webhook_received' OFFSET 0) AS l
    WHERE w.received_at >= now() - interval '15 min'),
running AS MATERIALIZED (
    SELECT coalesce(bool_or('router' = ANY (r.roles)), false) AS has_router, coalesce(bool_or('sender' = ANY (r.roles)), false) AS has_sender
    FROM (SELECT string_to_array(i.roles, ',') AS roles FROM instances AS i WHERE i.heartbeat_at >= now() - interval '30 s') AS r),
snapshot AS MATERIALIZED (SELECT s.seconds, s.held_by, s.hidden FROM ops.oldest_snapshot() AS s),
migrations AS MATERIALIZED (SELECT ops.unfinished_migrations() AS names),
figures (place, figure, value, warning, alert, advice) AS (
    SELECT 1, 'events waiting', (SELECT d.waiting - d.delayed FROM depth AS d WHERE d.queue = 'webhook-processing')::numeric, 10, 100,
           CASE WHEN r.has_router THEN 'SELECT * FROM ops.throughput; more instances or ROUTER_THREADS route more'
                ELSE 'No router is running: start pgcourier serve with the role router' END FROM running AS r
    UNION ALL
    SELECT 2, 'messages waiting', (SELECT d.waiting - d.delayed FROM depth AS d WHERE d.queue = 'messages_out')::numeric, 10, 100,
           CASE WHEN r.has_sender THEN 'SELECT id, ops.explain(id) FROM ops.outbox WHERE status IN (''pending'', ''failed'') ORDER BY due_at LIMIT 5'
                ELSE 'No sender is running: start pgcourier serve with the role sender' END FROM running AS r
    UNION ALL
    SELECT 3, 'oldest due message, s', coalesce((SELECT d.oldest_seconds FROM depth AS d WHERE d.queue = 'messages_out'), 0), 10, 60,
           CASE WHEN r.has_sender THEN 'SELECT id, ops.explain(id) FROM ops.outbox WHERE status IN (''pending'', ''failed'') ORDER BY due_at LIMIT 5'
                ELSE 'No sender is running: start pgcourier serve with the role sender' END FROM running AS r
    UNION ALL
    SELECT 4, 'processing time p95, ms', round(greatest(coalesce((SELECT p95_ms FROM routed), 0), 0)::numeric, 1), 500, 2000,
           'SELECT * FROM ops.latency; SELECT * FROM ops.queue_depth. Where no notification arrives (pgcourier doctor), set DATABASE_DIRECT_URL'
    UNION ALL
    SELECT 5, 'success rate, %', round(coalesce((SELECT 100.0 * sent / nullif(sent + failed, 0) FROM recent), 100), 1), 95, 90,
           'SELECT * FROM ops.dead_letter_reasons; SELECT * FROM ops.outbox WHERE status = ''failed'''
    UNION ALL
    SELECT 6, 'unresolved dead letters', (SELECT count(*) FROM (SELECT FROM dead_letter_jobs AS x WHERE x.resolved_at IS NULL
                                  ORDER BY x.created_at LIMIT 10000) AS d),
           1, 100, 'SELECT * FROM ops.dead_letter_reasons, then ops.retry_dead_letters(code => …) or ops.discard_dead_letters(code => …); where Twilio gave no code, ops.retry_dead_letter(id)'
    UNION ALL
    SELECT 7, 'unknown outcomes',
           (SELECT count(*) FROM (SELECT FROM outbox_leases WHERE unknown_since IS NOT NULL LIMIT 10000) AS u)
           + (SELECT count(*) FROM (SELECT x.tenant_id, x."to", x.seq FROM messages_out AS x
                                    WHERE x.held_reason IS NOT NULL AND x.status = 'unknown' ORDER BY x.seq LIMIT 10000) AS h
              WHERE NOT EXISTS (SELECT FROM outbox_leases AS l
                                WHERE l.tenant_id = h.tenant_id AND l.recipient = h."to" AND l.seq = h.seq)),
           1, 20, 'Most are settled within two minutes. SELECT * FROM ops.stuck has those that are not'
    UNION ALL
    SELECT 8, 'open breakers', (SELECT count(*) FROM ops.breakers AS b WHERE b.state = 'open'), 1, 1,
           'Sending is paused: SELECT * FROM ops.breakers has the reason and the next probe'
    UNION ALL
    SELECT 9, 'silent instances', (SELECT count(*) FROM instances WHERE heartbeat_at < now() - interval '30 s'), 1, 1,
           'SELECT * FROM ops.instances; a dead one''s row goes when the next one starts, or after an hour where another has its roles'
    UNION ALL
    SELECT 10, 'oldest snapshot, s', s.seconds, 60, 900,
           'End it, queues become slow: ' || coalesce(s.held_by, 'SELECT * FROM ops.oldest_snapshot()')
           || CASE WHEN s.hidden > 0 THEN format('. %s sessions are hidden from the owner of the schema: grant it pg_read_all_stats', s.hidden)
                   ELSE '' END
    FROM snapshot AS s
    UNION ALL
    SELECT 11, 'notification queue, %', round((pg_notification_queue_usage() * 100)::numeric, 1), 10, 50,
           'A session that listens does not read: its transaction is open. SELECT * FROM ops.oldest_snapshot()'
    UNION ALL
    SELECT 12, 'unfinished migrations', cardinality(m.names), 1, 1,
           'pgcourier migrate status' || CASE WHEN m.names <> '{}' THEN ': ' || array_to_string(m.names, ', ') ELSE '' END
    FROM migrations AS m
    UNION ALL
    -- Somebody wanted it: never an alert, and never forgotten.
    SELECT 13, 'paused by people', p.count, 1, NULL,
           'SELECT * FROM ops.pauses has them' || CASE WHEN p.kind IS NULL THEN '' ELSE format('. The oldest is by %s, since %s: SELECT ops.resume_sending(%s), or pgcourier resume, goes on',
               p.paused_by, ops.moment(p.paused_at),
               CASE p.kind WHEN 'all' THEN '' WHEN 'tenant' THEN '''tenant'', ' || ops.sql_word(p.id) ELSE '''sender'', number' END) END
    FROM (SELECT count(*) OVER () AS count, x.paused_by, x.paused_at, x.kind, x.id FROM outbox_pauses AS x
          UNION ALL
          SELECT 0, NULL, NULL, NULL, NULL WHERE NOT EXISTS (SELECT FROM outbox_pauses)
          ORDER BY paused_at LIMIT 1) AS p)
SELECT f.figure, f.value,
       CASE WHEN f.alert < f.warning AND f.value > f.warning THEN 'ok'
            WHEN f.alert < f.warning AND (f.value >= f.alert OR (SELECT r.sent + r.failed FROM recent AS r) < 20) THEN 'warning'
            WHEN f.alert < f.warning THEN 'alert'
            WHEN f.value < f.warning THEN 'ok'
            WHEN f.place = 4 AND (SELECT r.webhooks FROM routed AS r) < 20 THEN 'warning'
            WHEN f.value > f.alert OR f.alert = f.warning THEN 'alert'
            ELSE 'warning' END AS state,
       f.warning AS warning_from, f.alert AS alert_from, f.advice,
       CASE WHEN f.alert IS NULL THEN format('warning from %s', f.warning)
            WHEN f.alert < f.warning THEN format('ok above %s, alert below %s from 20 attempts on', f.warning, f.alert)
            WHEN f.alert = f.warning THEN format('alert from %s', f.alert)
            ELSE format('ok below %s, alert above %s', f.warning, f.alert) END AS threshold
FROM figures AS f ORDER BY f.place;
COMMENT ON VIEW ops.health IS 'Each figure with its state; state is ok everywhere when all is well.';
COMMENT ON COLUMN ops.health.figure IS 'What is looked at, with its unit.';
COMMENT ON COLUMN ops.health.value IS 'What it is now. The success rate is of the attempts of the last 15 minutes, at most the newest 50,000 events, and an alert from 20 attempts on; the processing time of the newest 500 webhooks.';
COMMENT ON COLUMN ops.health.state IS 'ok, warning or alert.';
COMMENT ON COLUMN ops.health.warning_from IS 'Where ok ends.';
COMMENT ON COLUMN ops.health.alert_from IS 'Where warning ends; NULL: nowhere.';
COMMENT ON COLUMN ops.health.advice IS 'What to do when it is not ok.';
COMMENT ON COLUMN ops.health.threshold IS 'Both bounds in words.';
