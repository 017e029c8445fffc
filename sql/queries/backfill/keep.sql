-- backfill.keep: it is still ours. Whoever has lost it gets no row.
-- $1 id bigint  $2 token text  $3 lease in ms bigint
UPDATE backfills AS b
SET due_at = clock_timestamp() + $3::bigint * interval '1 ms'
WHERE b.id = $1::bigint AND b.token = $2::text AND b.ended_at IS NULL
RETURNING b.id;
