-- outbox.promote: makes the next message of each freed conversation due, where a claim had put it behind the one that is
-- gone. Comes after settle.sql in the same transaction, in a snapshot of its own, so that it sees what claims put behind
-- while they held the lease's lock. It waits for a row that is locked: a claim with an older snapshot also locks rows
-- that it then finds to be no longer due, and skipping those would leave them behind nothing.
-- $1 tenant ids text[]  $2 recipients text[]
WITH next AS MATERIALIZED (
    SELECT n.place, n.seq
    FROM unnest($1::text[], $2::text[]) AS f (tenant_id, recipient)
    CROSS JOIN LATERAL (
        SELECT q.ctid AS place, q.seq, q.is_behind FROM outbox_queue AS q
        WHERE q.tenant_id = ANY (ARRAY[f.tenant_id]) AND q.recipient = f.recipient
          AND (q.due_at <= clock_timestamp() OR q.is_retry OR q.is_behind)
        ORDER BY q.tenant_id, q.seq
        LIMIT 1) AS n
    WHERE n.is_behind),
locked AS MATERIALIZED (
    SELECT q.ctid AS place
    FROM next AS n
    JOIN outbox_queue AS q ON q.ctid = n.place
    ORDER BY n.seq
    FOR UPDATE OF q)
UPDATE outbox_queue AS q
SET due_at = now(), is_behind = false
FROM locked AS l
WHERE q.ctid = l.place;
