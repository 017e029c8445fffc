-- maintenance.retention_dead_letters: deletes from some pages the dead letters that nothing has happened to for so long,
-- resolved or not. A message or an event is kept as long as it has an unresolved one.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean  $5 each row alone, since one of them is refused boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept; rows that were refused, and why one of them was
WITH old AS MATERIALIZED (
    SELECT d.ctid AS place FROM dead_letter_jobs AS d
    WHERE d.ctid >= $1::tid AND d.ctid < $2::tid
      AND coalesce(d.resolved_at, d.created_at) < (now() AT TIME ZONE 'UTC') - $3::integer * interval '1 day'),
locked AS MATERIALIZED (
    SELECT d.ctid AS place FROM dead_letter_jobs AS d
    WHERE NOT $4::boolean AND d.ctid = ANY (ARRAY(SELECT o.place FROM old AS o))
      AND coalesce(d.resolved_at, d.created_at) < (now() AT TIME ZONE 'UTC') - $3 * interval '1 day'
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM dead_letter_jobs AS d
    WHERE NOT $5::boolean AND d.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l)) RETURNING 1),
alone AS MATERIALIZED (
    SELECT pgcourier_delete_alone('dead_letter_jobs', l.place) AS refusal FROM (SELECT k.* FROM locked AS k WHERE $5 ORDER BY random() OFFSET 0) AS l)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old)
            ELSE (SELECT count(*) FROM gone) + (SELECT count(*) FROM alone AS a WHERE a.refusal IS NULL) END AS deleted,
       0::bigint AS kept, (SELECT count(a.refusal) FROM alone AS a) AS refused, (SELECT min(a.refusal) FROM alone AS a) AS refusal;
