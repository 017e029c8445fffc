-- cli.dlq_list: what was given up on, newest first.
-- $1 limit bigint  $2 tenant id text (NULL: any)  $3 code integer (NULL: any)  $4 since text (NULL: ever)  $5 until text (NULL: now)
SELECT id, tenant_id, job_type, entity_id, code, reason, attempts, was_sent, created_at
FROM ops.dead_letters
WHERE ($2::text IS NULL OR tenant_id = $2::text)
  AND ($3::integer IS NULL OR code = $3::integer)
  AND ($4::text IS NULL OR created_at >= $4::timestamptz AT TIME ZONE 'UTC')
  AND ($5::text IS NULL OR created_at < $5::timestamptz AT TIME ZONE 'UTC')
ORDER BY created_at DESC
LIMIT $1::bigint;
