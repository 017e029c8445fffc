-- maintenance.retention_deliveries: deletes from some pages the status callbacks that were taken into account so long ago.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean  $5 each row alone, since one of them is refused boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept; rows that were refused, and why one of them was
WITH old AS MATERIALIZED (
    SELECT d.ctid AS place, d.settled_at IS NULL AS is_needed
    FROM delivery_events AS d
    WHERE d.ctid >= $1::tid AND d.ctid < $2::tid
      AND d.received_at < now() - $3::integer * interval '1 day'
      AND (d.settled_at IS NULL OR d.settled_at < now() - $3 * interval '1 day')),
locked AS MATERIALIZED (
    SELECT d.ctid AS place FROM delivery_events AS d
    WHERE NOT $4::boolean AND d.ctid = ANY (ARRAY(SELECT o.place FROM old AS o WHERE NOT o.is_needed))
      AND d.settled_at < now() - $3 * interval '1 day'
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM delivery_events AS d
    WHERE NOT $5::boolean AND d.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l)) RETURNING 1),
alone AS MATERIALIZED (
    SELECT pgcourier_delete_alone('delivery_events', l.place) AS refusal FROM (SELECT k.* FROM locked AS k WHERE $5 ORDER BY random() OFFSET 0) AS l)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old AS o WHERE NOT o.is_needed)
            ELSE (SELECT count(*) FROM gone) + (SELECT count(*) FROM alone AS a WHERE a.refusal IS NULL) END AS deleted,
       (SELECT count(*) FROM old AS o WHERE o.is_needed) AS kept,
       (SELECT count(a.refusal) FROM alone AS a) AS refused, (SELECT min(a.refusal) FROM alone AS a) AS refusal;
