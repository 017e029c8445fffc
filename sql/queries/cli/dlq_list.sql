-- cli.dlq_list: what was given up on, newest first.
-- $1 limit bigint
SELECT id, tenant_id, job_type, entity_id, reason, attempts, created_at
FROM ops.dead_letters
ORDER BY created_at DESC
LIMIT $1::bigint;
