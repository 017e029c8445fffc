-- router.waiting: the next events that never failed and that nobody is routing, to be tried one by one. The locks end with
-- the statement; each event is claimed anew.
-- $1 mark bigint  $2 limit integer
SELECT q.id FROM webhook_queue AS q
WHERE q.id > $1::bigint AND q.due_at IS NULL
ORDER BY q.id
LIMIT $2::integer
FOR UPDATE SKIP LOCKED;
