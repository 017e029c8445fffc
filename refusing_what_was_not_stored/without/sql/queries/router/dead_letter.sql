-- router.dead_letter: give an event up, with its reason, until a person retries it.
-- $1 event id bigint  $2 error text  $3 attempts integer
WITH gone AS (
    DELETE FROM webhook_queue AS q WHERE q.id = $1::bigint RETURNING q.id),
told AS MATERIALIZED (
    SELECT e.id, e.correlation_id, t.id AS tenant_id
    FROM gone AS g
    CROSS JOIN LATERAL (
        SELECT w.id, w.correlation_id, CASE w.kind WHEN 'status' THEN w."from" ELSE w."to" END AS shop
        FROM webhook_events AS w WHERE w.id = g.id OFFSET 0) AS e
    LEFT JOIN LATERAL (SELECT s.id FROM tenants AS s WHERE s.whatsapp_phone_number = e.shop OFFSET 0) AS t ON true),
letter AS (
    INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, error_message, attempts, created_at)
    SELECT w.tenant_id, 'webhook_event', jsonb_build_object('webhook_event_id', w.id), $2::text, $3::integer,
           clock_timestamp() AT TIME ZONE 'UTC'
    FROM told AS w
    RETURNING id)
INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload, created_at)
SELECT w.tenant_id, 'webhook_dead_lettered', 'webhook_event', w.id::text, w.correlation_id, 'system',
       jsonb_build_object('dead_letter_id', l.id, 'attempts', $3::integer), clock_timestamp() AT TIME ZONE 'UTC'
FROM told AS w CROSS JOIN letter AS l;
