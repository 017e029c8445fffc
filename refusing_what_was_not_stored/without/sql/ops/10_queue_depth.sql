-- Counts are exact to 10,000 and estimated above, so that a view stays cheap whatever waits.
CREATE VIEW ops.queue_depth AS
SELECT 'webhook-processing' AS queue,
       CASE WHEN w.counted > 10000
            THEN greatest(10001, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'webhook_queue'::regclass))
            ELSE w.counted END AS waiting,
       0::bigint AS in_flight, w.delayed,
       extract(epoch FROM now() - o.received_at)::numeric(12, 1) AS oldest_seconds
FROM (SELECT count(*) AS counted, count(*) FILTER (WHERE q.due_at > now()) AS delayed, min(q.id) AS first_id
      FROM (SELECT id, due_at FROM webhook_queue ORDER BY id LIMIT 10001) AS q) AS w
LEFT JOIN LATERAL (SELECT e.received_at FROM webhook_events AS e WHERE e.id = w.first_id OFFSET 0) AS o ON true
UNION ALL
SELECT 'messages_out', w.waiting,
       (SELECT count(*) FROM (SELECT FROM outbox_leases WHERE unknown_since IS NULL LIMIT 10001) AS l),
       -- Looked at in the order in which they are due: once one is delayed, all behind it are.
       CASE WHEN w.counted > 10000 AND w.delayed > 0 THEN w.waiting - (w.counted - w.delayed) ELSE w.delayed END,
       -- What somebody has paused is late on purpose. When it fills all that is looked at, what is behind it is not known to be well.
       extract(epoch FROM now() - CASE WHEN NOT EXISTS (SELECT FROM outbox_pauses) THEN w.oldest_due_at
                                       ELSE coalesce((SELECT min(q.due_at)
                                                      FROM (SELECT due_at, tenant_id FROM outbox_queue ORDER BY due_at, seq LIMIT 10001) AS q
                                                      WHERE q.due_at <= now() AND NOT EXISTS (
                                                          SELECT FROM outbox_pauses AS p
                                                          WHERE p.kind = 'all' OR (p.kind = 'tenant' AND p.id = q.tenant_id)
                                                             OR (p.kind = 'sender' AND p.id = (
                                                                     SELECT s.number FROM tenant_senders AS s WHERE s.tenant_id = q.tenant_id)))),
                                                     CASE WHEN w.counted > 10000 THEN w.oldest_due_at END) END)::numeric(12, 1)
FROM (SELECT k.counted, k.delayed, k.oldest_due_at,
             CASE WHEN k.counted > 10000
                  THEN greatest(10001, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'outbox_queue'::regclass))
                  ELSE k.counted END AS waiting
      FROM (SELECT count(*) AS counted, count(*) FILTER (WHERE q.due_at > now()) AS delayed,
                   min(q.due_at) FILTER (WHERE q.due_at <= now()) AS oldest_due_at
            FROM (SELECT due_at FROM outbox_queue ORDER BY due_at, seq LIMIT 10001) AS q) AS k) AS w;
COMMENT ON VIEW ops.queue_depth IS 'How deep the two queues are. Counts are exact to 10,000, estimated above.';
COMMENT ON COLUMN ops.queue_depth.queue IS 'webhook-processing: events to be routed; messages_out: messages to be sent.';
COMMENT ON COLUMN ops.queue_depth.waiting IS 'Rows in the queue, those that wait for a later time among them.';
COMMENT ON COLUMN ops.queue_depth.in_flight IS 'Messages under a lease right now (events are routed within one transaction).';
COMMENT ON COLUMN ops.queue_depth.delayed IS 'Those that are due later: after a failure, or since they were scheduled.';
COMMENT ON COLUMN ops.queue_depth.oldest_seconds IS 'How long the oldest one has been waiting; of messages, the one that has been due longest and that nobody has paused.';
