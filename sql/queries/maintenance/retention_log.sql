-- maintenance.retention_log: deletes from some pages of event_log what happened so long ago.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept
WITH old AS MATERIALIZED (
    SELECT l.ctid AS place FROM event_log AS l
    WHERE l.ctid >= $1::tid AND l.ctid < $2::tid
      AND l.created_at < (now() AT TIME ZONE 'UTC') - $3::integer * interval '1 day'),
gone AS (
    DELETE FROM event_log AS l
    WHERE NOT $4::boolean AND l.ctid = ANY (ARRAY(SELECT o.place FROM old AS o)) RETURNING 1)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old) ELSE (SELECT count(*) FROM gone) END AS deleted, 0::bigint AS kept;
