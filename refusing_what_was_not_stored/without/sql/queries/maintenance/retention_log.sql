-- maintenance.retention_log: deletes from some pages of event_log what happened so long ago.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean  $5 each row alone, since one of them is refused boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept; rows that were refused, and why one of them was
WITH old AS MATERIALIZED (
    SELECT l.ctid AS place FROM event_log AS l
    WHERE l.ctid >= $1::tid AND l.ctid < $2::tid
      AND l.created_at < (now() AT TIME ZONE 'UTC') - $3::integer * interval '1 day'),
locked AS MATERIALIZED (
    SELECT l.ctid AS place FROM event_log AS l
    WHERE NOT $4::boolean AND l.ctid = ANY (ARRAY(SELECT o.place FROM old AS o))
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM event_log AS l
    WHERE NOT $5::boolean AND l.ctid = ANY (ARRAY(SELECT k.place FROM locked AS k)) RETURNING 1),
alone AS MATERIALIZED (
    SELECT pgcourier_delete_alone('event_log', k.place) AS refusal FROM locked AS k WHERE $5)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old)
            ELSE (SELECT count(*) FROM gone) + (SELECT count(*) FROM alone AS a WHERE a.refusal IS NULL) END AS deleted,
       0::bigint AS kept, (SELECT count(a.refusal) FROM alone AS a) AS refused, (SELECT min(a.refusal) FROM alone AS a) AS refusal;
