-- maintenance.retention_messages_in: deletes from some pages the messages that are old, and that the shop took over so long
-- ago. What it has not handled is kept, however old.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean  $5 each row alone, since one of them is refused boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept; rows that were refused, and why one of them was
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
    DELETE FROM messages_in AS m
    WHERE NOT $5::boolean AND m.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l)) RETURNING 1),
alone AS MATERIALIZED (
    SELECT pgcourier_delete_alone('messages_in', l.place) AS refusal FROM (SELECT k.* FROM locked AS k WHERE $5 ORDER BY random() OFFSET 0) AS l)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old AS o WHERE NOT o.is_needed)
            ELSE (SELECT count(*) FROM gone) + (SELECT count(*) FROM alone AS a WHERE a.refusal IS NULL) END AS deleted,
       (SELECT count(*) FROM old AS o WHERE o.is_needed) AS kept,
       (SELECT count(a.refusal) FROM alone AS a) AS refused, (SELECT min(a.refusal) FROM alone AS a) AS refusal;
