-- backfill.put_back: gives it back in the middle, for another one to go on with at once: neither a failure nor an end of failures.
-- $1 id bigint  $2 token text
UPDATE backfills AS b
SET token = NULL, instance_id = NULL, due_at = clock_timestamp()
WHERE b.id = $1::bigint AND b.token = $2::text;
