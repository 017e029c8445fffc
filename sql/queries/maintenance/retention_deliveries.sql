-- maintenance.retention_deliveries: deletes from some pages the status callbacks that were taken into account so long ago.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept
WITH old AS MATERIALIZED (
    SELECT d.ctid AS place, d.settled_at IS NULL AS is_needed
    FROM delivery_events AS d
    WHERE d.ctid >= $1::tid AND d.ctid < $2::tid
      AND d.received_at < now() - $3::integer * interval '1 day'
      AND (d.settled_at IS NULL OR d.settled_at < now() - $3 * interval '1 day')),
gone AS (
    DELETE FROM delivery_events AS d
    WHERE NOT $4::boolean AND d.ctid = ANY (ARRAY(SELECT o.place FROM old AS o WHERE NOT o.is_needed)) RETURNING 1)
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old AS o WHERE NOT o.is_needed) ELSE (SELECT count(*) FROM gone) END AS deleted,
       (SELECT count(*) FROM old AS o WHERE o.is_needed) AS kept;
