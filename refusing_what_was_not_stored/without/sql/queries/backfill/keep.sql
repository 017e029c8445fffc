-- backfill.keep: it is still ours. Whoever has lost it gets no row.
-- returns  whether sending waits for another gap that nobody has taken: that one goes first
-- $1 id bigint  $2 token text  $3 lease in ms bigint
UPDATE backfills AS b
SET due_at = clock_timestamp() + $3::bigint * interval '1 ms'
WHERE b.id = $1::bigint AND b.token = $2::text AND b.ended_at IS NULL
RETURNING EXISTS (SELECT FROM backfills AS u
                  WHERE u.sending_waits_until > clock_timestamp() AND u.token IS NULL AND u.due_at <= clock_timestamp()
                    AND u.ended_at IS NULL AND u.id <> b.id) AS is_another_urgent;
