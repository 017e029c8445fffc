-- router.postpone: put events that this transaction has claimed back into the queue, for later: somebody has rows of their shop locked.
-- $1 event ids bigint[]  $2 for how long in ms bigint
INSERT INTO webhook_queue (id, due_at, is_postponed)
SELECT n.id, clock_timestamp() + $2::bigint * interval '1 ms', true
FROM unnest($1::bigint[]) AS n (id)
ORDER BY n.id;
