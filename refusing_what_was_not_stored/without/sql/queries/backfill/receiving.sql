-- backfill.receiving: this process receives webhooks. Where nobody had said so for too long, that gap is to be filled, and
-- sending waits for the STOPs in it. Of several processes that come back together, one finds the gap: the row is locked.
-- The clock is taken as it is, also where it went back (a standby took over): else no gap would be found until it caught up. How
-- long nobody received is not known then; the margin with which a gap is read has to do.
-- $1 the longest silence that is no gap, ms bigint  $2 the furthest that a gap reaches back, days integer
-- $3 of a process that starts its instances.id, else NULL text: where no other one received, what passed since somebody did is
-- a gap however short  $4 of a process that refused webhooks, how long ago it began to, ms, else NULL bigint: a gap in any
-- case, whoever else received
-- returns  the gap's times in ms since 1970, or no row: none was found
WITH before AS MATERIALIZED (
    SELECT r.last_receiving_at FROM receiving AS r FOR UPDATE),
said AS (
    UPDATE receiving AS r
    SET last_receiving_at = clock_timestamp()
    FROM before AS b),
said_first AS (
    INSERT INTO receiving (last_receiving_at)
    SELECT clock_timestamp() WHERE NOT EXISTS (SELECT FROM before)
    ON CONFLICT (is_only) DO NOTHING)
SELECT (extract(epoch FROM greatest(least(b.last_receiving_at, n.now, n.now - $4::bigint * interval '1 ms'),
                                    n.now - $2::integer * interval '1 day')) * 1000)::bigint AS since_ms,
       (extract(epoch FROM n.now) * 1000)::bigint AS until_ms
FROM before AS b, (SELECT clock_timestamp() AS now) AS n
WHERE n.now - b.last_receiving_at > $1::bigint * interval '1 ms'
   OR n.now < b.last_receiving_at - interval '2 s'
   OR $4 IS NOT NULL
   OR $3::text IS NOT NULL AND n.now > b.last_receiving_at
      AND NOT EXISTS (SELECT FROM instances AS i
                      WHERE i.id <> $3 AND i.started_at <= b.last_receiving_at
                        AND 'webhook' = ANY (string_to_array(i.roles, ',')) AND i.heartbeat_at > n.now - interval '10 s');
