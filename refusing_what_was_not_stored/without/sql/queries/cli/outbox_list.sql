-- cli.outbox_list: the messages that are not finished, and the dead ones, in the order in which they go out.
-- $1 status text (NULL: any)  $2 limit bigint
SELECT id, tenant_id, recipient, status, attempts, due_at, held_reason, last_error
FROM ops.outbox
WHERE $1::text IS NULL OR status = $1::text
ORDER BY seq
LIMIT $2::bigint;
