-- backfill.words_waiting: whether one of these events is still to be routed.
-- $1 event ids bigint[]
SELECT EXISTS (SELECT FROM webhook_queue AS q WHERE q.id = ANY ($1::bigint[])) AS is_waiting;
