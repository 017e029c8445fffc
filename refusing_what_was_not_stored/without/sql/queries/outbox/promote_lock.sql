-- outbox.promote_lock: the first half of promote.sql: locks the next message of each freed conversation, where a claim had put it
-- behind the one that is gone. Comes after settle.sql in the same transaction, in a snapshot of its own, so that it sees what claims
-- put behind while they held the lease's lock. It waits for a row that is locked: a claim with an older snapshot also locks rows
-- that it then finds to be no longer due, and skipping those would leave them behind nothing.
-- Somebody's open transaction may have locked one too, though: then we wait for the next time, and take those that are not locked.
-- $1 tenant ids text[]  $2 recipients text[]  $3 whether it skips what is locked boolean
-- returns  what was locked; it stands in pgcourier.promoted for promote.sql
WITH next AS MATERIALIZED (
    SELECT f.tenant_id, f.recipient, n.seq
    FROM unnest($1::text[], $2::text[]) AS f (tenant_id, recipient)
    CROSS JOIN LATERAL (
        SELECT q.seq, q.is_behind FROM outbox_queue AS q
        WHERE q.tenant_id = ANY (ARRAY[f.tenant_id]) AND q.recipient = f.recipient
          AND (q.due_at <= clock_timestamp() OR q.is_retry OR q.is_behind)
        ORDER BY q.tenant_id, q.seq
        LIMIT 1) AS n
    WHERE n.is_behind
    ORDER BY n.seq),
locked AS MATERIALIZED (
    SELECT l.place
    FROM next AS n
    CROSS JOIN LATERAL (
        SELECT q.ctid AS place FROM outbox_queue AS q
        WHERE q.tenant_id = ANY (ARRAY[n.tenant_id]) AND q.recipient = n.recipient AND q.seq BETWEEN n.seq AND n.seq
        ORDER BY q.tenant_id, q.seq
        LIMIT 1
        FOR UPDATE) AS l
    WHERE NOT $3::boolean),
free AS MATERIALIZED (
    SELECT l.place
    FROM next AS n
    CROSS JOIN LATERAL (
        SELECT q.ctid AS place FROM outbox_queue AS q
        WHERE q.tenant_id = ANY (ARRAY[n.tenant_id]) AND q.recipient = n.recipient AND q.seq BETWEEN n.seq AND n.seq
        ORDER BY q.tenant_id, q.seq
        LIMIT 1
        FOR UPDATE SKIP LOCKED) AS l
    WHERE $3::boolean)
SELECT set_config('pgcourier.promoted',
                  (SELECT coalesce(array_agg(l.place), '{}')::text
                   FROM (SELECT w.place FROM locked AS w UNION ALL SELECT f.place FROM free AS f) AS l), true) AS promoted;
