-- maintenance.retention_messages_out: deletes from some pages the finished messages that nothing has happened to for so long.
-- What waits, is in flight, unknown or held is kept, and what has a dead letter that nobody resolved. So are the others of a
-- conversation with a message of unknown outcome: their ids tell which of those in Twilio's list it is not.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean  $5 each row alone, since one of them is refused boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept; rows that were refused, and why one of them was
WITH old AS MATERIALIZED (
    SELECT m.ctid AS place,
           m.status NOT IN ('sent', 'dead', 'blocked', 'expired', 'canceled') OR m.held_reason IS NOT NULL
           OR EXISTS (SELECT FROM outbox_leases AS l WHERE l.tenant_id = m.tenant_id AND l.recipient = m."to")
           OR (m.status IN ('sent', 'dead')
               AND EXISTS (SELECT FROM dead_letter_jobs AS d
                           WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = m.id AND d.resolved_at IS NULL))
           AS is_needed
    FROM messages_out AS m
    WHERE m.ctid >= $1::tid AND m.ctid < $2::tid
      AND m.updated_at < (now() AT TIME ZONE 'UTC') - $3::integer * interval '1 day'),
locked AS MATERIALIZED (
    SELECT m.ctid AS place FROM messages_out AS m
    WHERE NOT $4::boolean AND m.ctid = ANY (ARRAY(SELECT o.place FROM old AS o WHERE NOT o.is_needed))
      AND m.status IN ('sent', 'dead', 'blocked', 'expired', 'canceled')
      AND m.updated_at < (now() AT TIME ZONE 'UTC') - $3 * interval '1 day'
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM messages_out AS m
    WHERE NOT $5::boolean AND m.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l)) RETURNING 1),
alone AS MATERIALIZED (
    SELECT pgcourier_delete_alone('messages_out', l.place) AS refusal FROM (SELECT k.* FROM locked AS k WHERE $5 ORDER BY random() OFFSET 0) AS l)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old AS o WHERE NOT o.is_needed)
            ELSE (SELECT count(*) FROM gone) + (SELECT count(*) FROM alone AS a WHERE a.refusal IS NULL) END AS deleted,
       (SELECT count(*) FROM old AS o WHERE o.is_needed) AS kept,
       (SELECT count(a.refusal) FROM alone AS a) AS refused, (SELECT min(a.refusal) FROM alone AS a) AS refusal;
