-- outbox.next_due: in how many milliseconds the next message falls due, 0 when one is due; no row when none waits.
SELECT greatest(0, ceil(extract(epoch FROM q.due_at - clock_timestamp()) * 1000))::bigint AS due_in_ms
FROM outbox_queue AS q
ORDER BY q.due_at, q.seq
LIMIT 1;
