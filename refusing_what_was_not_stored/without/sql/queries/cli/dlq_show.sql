-- cli.dlq_show: one dead letter, resolved or not. Of what it refers to only the ids: the predecessor's may hold more.
-- $1 its id, or that of its message text
SELECT d.id, d.tenant_id, d.job_type,
       (SELECT jsonb_object_agg(p.key, p.value) FROM jsonb_each(d.payload) AS p
        WHERE p.key IN ('message_out_id', 'webhook_event_id')) AS payload,
       ops.masked_text(d.error_message) AS error_message, ops.masked_text(d.error_stack) AS error_stack,
       d.attempts, d.created_at, d.resolved_at
FROM dead_letter_jobs AS d
WHERE d.id = ops.dead_letter_named($1::text);
