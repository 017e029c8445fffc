-- backfill.silence: of a process that does not receive webhooks itself: the gap in which nobody has, unless it is one already whose
-- STOPs are known or waited for. Who receives next says so in the row, which stays as it is; it is locked until the gap is written.
-- $1 the longest silence that is no gap, ms bigint  $2 the furthest that a gap reaches back, days integer
-- returns  its times in ms since 1970, or no row
WITH before AS MATERIALIZED (
    SELECT r.last_receiving_at FROM receiving AS r FOR UPDATE)
SELECT (extract(epoch FROM greatest(b.last_receiving_at, n.now - $2::integer * interval '1 day')) * 1000)::bigint AS since_ms,
       (extract(epoch FROM n.now) * 1000)::bigint AS until_ms
FROM before AS b, (SELECT clock_timestamp() AS now) AS n
WHERE n.now - b.last_receiving_at > $1::bigint * interval '1 ms'
  AND NOT EXISTS (SELECT FROM backfills AS f
                  WHERE f.ended_at IS NULL AND f.is_automatic
                    AND (f.sending_waits_until IS NOT NULL OR f.first_pass_at IS NOT NULL)
                    AND f.since <= b.last_receiving_at + interval '1 s'
                    AND f.until > n.now - $1::bigint * interval '1 ms');
