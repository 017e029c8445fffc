-- maintenance.retention_messages_in: deletes from some pages the messages that are old, and that the shop took over so long
-- ago. What it has not handled is kept, however old.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept
WITH old AS MATERIALIZED (
    SELECT m.ctid AS place, m.handled_at IS NULL AS is_needed
    FROM messages_in AS m
    WHERE m.ctid >= $1::tid AND m.ctid < $2::tid
      AND m.created_at < (now() AT TIME ZONE 'UTC') - $3::integer * interval '1 day'
      AND (m.handled_at IS NULL OR m.handled_at < now() - $3 * interval '1 day')),
locked AS MATERIALIZED (
    SELECT m.ctid AS place FROM messages_in AS m
    WHERE NOT $4::boolean AND m.ctid = ANY (ARRAY(SELECT o.place FROM old AS o WHERE NOT o.is_needed))
      AND m.handled_at < now() - $3 * interval '1 day'
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM messages_in AS m WHERE m.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l)) RETURNING 1)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old AS o WHERE NOT o.is_needed) ELSE (SELECT count(*) FROM gone) END AS deleted,
       (SELECT count(*) FROM old AS o WHERE o.is_needed) AS kept;
