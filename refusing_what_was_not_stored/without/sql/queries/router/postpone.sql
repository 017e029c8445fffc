-- router.postpone: put events that this transaction has claimed back into the queue, for later: somebody has rows of their shop locked.
-- $1 event ids bigint[]  $2 for how long each in ms bigint[]
INSERT INTO webhook_queue (id, due_at, is_postponed)
SELECT n.id, clock_timestamp() + n.wait_ms * interval '1 ms', true
FROM unnest($1::bigint[], $2::bigint[]) AS n (id, wait_ms)
ORDER BY n.id;
