-- cli.dlq_show: one dead letter, resolved or not.
-- $1 id text
SELECT id, tenant_id, job_type, payload, error_message, error_stack, attempts, created_at, resolved_at
FROM dead_letter_jobs
WHERE id = $1::text;
