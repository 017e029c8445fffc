-- backfill.missed: some webhooks may be missing, whoever else received: a process was killed with them in hand, or turned them away.
-- The row is locked until the gap is written.
-- $1 how long ago that may have begun, ms bigint  $2 the furthest that a gap reaches back, days integer
-- returns  the gap's times in ms since 1970, or no row: nobody ever received
SELECT (extract(epoch FROM greatest(n.now - $1::bigint * interval '1 ms', n.now - $2::integer * interval '1 day'))
        * 1000)::bigint AS since_ms,
       (extract(epoch FROM n.now) * 1000)::bigint AS until_ms
FROM receiving AS r, (SELECT clock_timestamp() AS now) AS n
FOR UPDATE OF r;
