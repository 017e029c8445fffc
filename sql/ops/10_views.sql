-- Counts are exact to 10,000 and estimated above, so that a view stays cheap whatever waits.

CREATE VIEW ops.queue_depth AS
SELECT 'webhook-processing' AS queue, w.waiting, l.in_flight, w.delayed, w.oldest_seconds
FROM (SELECT CASE WHEN count(*) > 10000
                  THEN greatest(10001, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'webhook_queue'::regclass))
                  ELSE count(*) END AS waiting,
             count(*) FILTER (WHERE q.due_at > now()) AS delayed,
             extract(epoch FROM now() - min(e.received_at))::numeric(12, 1) AS oldest_seconds
      FROM (SELECT id, due_at FROM webhook_queue ORDER BY id LIMIT 10001) AS q
      LEFT JOIN webhook_events AS e ON e.id = q.id) AS w,
     (SELECT 0::bigint AS in_flight) AS l
UNION ALL
SELECT 'messages_out', w.waiting, l.in_flight, w.delayed, w.oldest_seconds
FROM (SELECT CASE WHEN count(*) > 10000
                  THEN greatest(10001, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'outbox_queue'::regclass))
                  ELSE count(*) END AS waiting,
             count(*) FILTER (WHERE q.due_at > now()) AS delayed,
             extract(epoch FROM now() - min(q.due_at) FILTER (WHERE q.due_at <= now()))::numeric(12, 1) AS oldest_seconds
      FROM (SELECT due_at FROM outbox_queue ORDER BY due_at LIMIT 10001) AS q) AS w,
     (SELECT count(*) AS in_flight FROM outbox_leases WHERE unknown_since IS NULL) AS l;
COMMENT ON VIEW ops.queue_depth IS 'How deep the two queues are.';
COMMENT ON COLUMN ops.queue_depth.queue IS 'webhook-processing: events to be routed; messages_out: messages to be sent.';
COMMENT ON COLUMN ops.queue_depth.waiting IS 'Rows in the queue, those that wait for a later time among them.';
COMMENT ON COLUMN ops.queue_depth.in_flight IS 'Messages under a lease right now (events are routed within one transaction).';
COMMENT ON COLUMN ops.queue_depth.delayed IS 'Those that are due later, after a failure.';
COMMENT ON COLUMN ops.queue_depth.oldest_seconds IS 'How long the oldest one has been waiting.';

CREATE VIEW ops.outbox AS
SELECT m.seq, m.id, m.tenant_id, ops.masked(m."to") AS recipient, m.status, m.attempts,
       (q.due_at AT TIME ZONE 'UTC')::timestamp(3) AS due_at, m.held_reason, m.last_error, m.error_code,
       l.instance_id AS leased_by, l.unknown_since, m.correlation_id, m.created_at, m.send_at, m.expires_at
FROM (SELECT w.message_id FROM outbox_queue AS w
      UNION SELECT f.message_id FROM outbox_leases AS f
      UNION SELECT h.id FROM messages_out AS h WHERE h.held_reason IS NOT NULL
      UNION SELECT d.payload ->> 'message_out_id' FROM dead_letter_jobs AS d
            WHERE d.resolved_at IS NULL AND d.job_type = 'message_out') AS open
JOIN messages_out AS m ON m.id = open.message_id
LEFT JOIN outbox_queue AS q ON q.seq = m.seq
LEFT JOIN outbox_leases AS l ON l.message_id = m.id;
COMMENT ON VIEW ops.outbox IS 'Every outgoing message that is not finished, and those whose dead letter nobody resolved.';

CREATE VIEW ops.stuck AS
SELECT 'message' AS entity, m.id, m.tenant_id, 'its lease ended ' || justify_interval(date_trunc('second', now() - l.expires_at))
       || ' ago and nobody swept it' AS why, m.correlation_id
FROM outbox_leases AS l JOIN messages_out AS m ON m.id = l.message_id
WHERE l.unknown_since IS NULL AND l.expires_at < now() - interval '30 s'
UNION ALL
SELECT 'message', m.id, m.tenant_id, 'its outcome is unknown: nobody can say yet whether it was sent', m.correlation_id
FROM outbox_leases AS l JOIN messages_out AS m ON m.id = l.message_id WHERE l.unknown_since IS NOT NULL
UNION ALL
SELECT 'message', m.id, m.tenant_id, 'held: ' || m.held_reason, m.correlation_id
FROM messages_out AS m WHERE m.held_reason IS NOT NULL
UNION ALL
SELECT 'event', e.id::text, NULL, 'not routed since ' || date_trunc('second', e.received_at), e.correlation_id
FROM (SELECT id FROM webhook_queue WHERE due_at IS NULL ORDER BY id LIMIT 100) AS q JOIN webhook_events AS e ON e.id = q.id
WHERE e.received_at < now() - interval '1 min';
COMMENT ON VIEW ops.stuck IS 'What does not move by itself; empty when all is well.';

CREATE VIEW ops.unrouted AS
SELECT m."to" AS number, count(*) AS messages, min(m.created_at) AS first_at, max(m.created_at) AS last_at
FROM messages_in AS m WHERE m.tenant_id IS NULL AND m."to" IS NOT NULL
GROUP BY m."to";
COMMENT ON VIEW ops.unrouted IS 'Messages to numbers that no tenant has; they are attributed as soon as a tenant gets the number.';

CREATE VIEW ops.dead_letters AS
SELECT d.id, d.tenant_id, d.job_type, coalesce(d.payload ->> 'message_out_id', d.payload ->> 'webhook_event_id') AS entity_id,
       d.error_message AS reason, d.attempts, d.created_at, m.error_code AS code,
       m.status = 'sent' AS was_sent
FROM dead_letter_jobs AS d
LEFT JOIN messages_out AS m ON d.job_type = 'message_out' AND m.id = d.payload ->> 'message_out_id'
WHERE d.resolved_at IS NULL;
COMMENT ON VIEW ops.dead_letters IS 'What was given up on and waits for a person: SELECT ops.retry_dead_letter(id) or ops.discard_dead_letter(id).';
COMMENT ON COLUMN ops.dead_letters.was_sent IS 'Twilio took the message and could not deliver it: a retry writes it again, as a new row.';

CREATE VIEW ops.dead_letter_reasons AS
SELECT d.job_type, d.error_message AS reason, count(*) AS dead_letters, min(d.created_at) AS first_at, max(d.created_at) AS last_at,
       (array_agg(d.id ORDER BY d.created_at DESC))[1] AS example
FROM dead_letter_jobs AS d
WHERE d.resolved_at IS NULL
GROUP BY d.job_type, d.error_message;
COMMENT ON VIEW ops.dead_letter_reasons IS 'The dead letters, grouped by why.';

CREATE VIEW ops.tenants AS
SELECT t.id, t.name, t.whatsapp_phone_number AS number,
       (SELECT count(*) FROM seller_phones AS s WHERE s.tenant_id = t.id) AS sellers,
       (SELECT count(*) FROM opt_outs AS o WHERE o.tenant_id = t.id) AS opted_out,
       (SELECT count(*) FROM (SELECT FROM outbox_queue AS q WHERE q.tenant_id = t.id LIMIT 10000) AS w) AS waiting
FROM tenants AS t;
COMMENT ON VIEW ops.tenants IS 'The shops: their number, how many sellers, people who opted out, messages that wait (to 10,000).';

CREATE VIEW ops.instances AS
SELECT i.id, i.host, i.pid, i.version, i.roles, i.started_at,
       extract(epoch FROM now() - i.heartbeat_at)::numeric(12, 1) AS silent_seconds,
       (SELECT count(*) FROM outbox_leases AS l WHERE l.instance_id = i.id AND l.unknown_since IS NULL) AS in_flight
FROM instances AS i;
COMMENT ON VIEW ops.instances IS 'The running processes, when each was last heard, and how many messages each has in flight.';

CREATE VIEW ops.throughput AS
SELECT date_trunc('minute', e.created_at) AS minute,
       count(*) FILTER (WHERE e.event_type = 'webhook_received') AS received,
       count(*) FILTER (WHERE e.event_type = 'message_sent') AS sent,
       count(*) FILTER (WHERE e.event_type = 'message_failed') AS failed,
       count(*) FILTER (WHERE e.event_type = 'message_dead_lettered') AS dead
FROM event_log AS e
WHERE e.created_at >= (now() AT TIME ZONE 'UTC') - interval '1 hour'
GROUP BY 1;
COMMENT ON VIEW ops.throughput IS 'Minute by minute for the last hour (UTC).';

CREATE VIEW ops.health AS
WITH depth AS (SELECT queue, waiting, oldest_seconds FROM ops.queue_depth),
     recent AS (
         SELECT count(*) FILTER (WHERE e.event_type = 'message_sent') AS sent,
                count(*) FILTER (WHERE e.event_type IN ('message_failed', 'message_dead_lettered')) AS failed
         FROM event_log AS e WHERE e.created_at >= (now() AT TIME ZONE 'UTC') - interval '15 min'),
     routed AS (
         SELECT percentile_cont(0.95) WITHIN GROUP (
                    ORDER BY extract(epoch FROM (l.created_at AT TIME ZONE 'UTC') - w.received_at) * 1000) AS p95_ms
         FROM (SELECT correlation_id, received_at FROM webhook_events ORDER BY id DESC LIMIT 500) AS w
         JOIN event_log AS l ON l.correlation_id = w.correlation_id AND l.event_type = 'webhook_received'
         WHERE w.received_at >= now() - interval '15 min'),
     figures (position, figure, value, warning, alert, advice) AS (
         SELECT 1, 'events waiting', (SELECT waiting FROM depth WHERE queue = 'webhook-processing')::numeric, 10, 100,
                'Is a router running? SELECT * FROM ops.instances'
         UNION ALL
         SELECT 2, 'messages waiting', (SELECT waiting FROM depth WHERE queue = 'messages_out')::numeric, 10, 100,
                'Is a sender running? SELECT * FROM ops.outbox ORDER BY seq LIMIT 20'
         UNION ALL
         SELECT 3, 'oldest due message, s', coalesce((SELECT oldest_seconds FROM depth WHERE queue = 'messages_out'), 0), 10, 60,
                'SELECT * FROM ops.outbox ORDER BY seq LIMIT 20'
         UNION ALL
         SELECT 4, 'processing time p95, ms', coalesce((SELECT p95_ms FROM routed), 0)::numeric(12, 1), 500, 2000,
                'SELECT * FROM ops.queue_depth'
         UNION ALL
         SELECT 5, 'failures, % of attempts',
                coalesce((SELECT 100.0 * failed / nullif(sent + failed, 0) FROM recent), 0)::numeric(12, 1), 5, 10,
                'SELECT * FROM ops.dead_letter_reasons'
         UNION ALL
         SELECT 6, 'unresolved dead letters', (SELECT count(*) FROM (SELECT FROM dead_letter_jobs WHERE resolved_at IS NULL LIMIT 10000) AS d),
                1, 100, 'SELECT * FROM ops.dead_letter_reasons'
         UNION ALL
         SELECT 7, 'unknown outcomes', (SELECT count(*) FROM (SELECT FROM outbox_leases WHERE unknown_since IS NOT NULL LIMIT 10000) AS u)
                    + (SELECT count(*) FROM (SELECT FROM messages_out WHERE held_reason IS NOT NULL AND status = 'unknown' LIMIT 10000) AS h),
                1, 20, 'SELECT * FROM ops.stuck'
         UNION ALL
         SELECT 8, 'silent instances', (SELECT count(*) FROM instances WHERE heartbeat_at < now() - interval '30 s'), 1, 1,
                'SELECT * FROM ops.instances')
SELECT figure, value,
       CASE WHEN value >= alert THEN 'alert' WHEN value >= warning THEN 'warning' ELSE 'ok' END AS state,
       warning AS warning_from, alert AS alert_from, advice
FROM figures ORDER BY position;
COMMENT ON VIEW ops.health IS 'Each figure with its state; state is ok everywhere when all is well.';
