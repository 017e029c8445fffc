-- backfill.receiving: this process receives webhooks. Where nobody had said so for too long, that gap is to be filled, and
-- sending waits for the STOPs in it. Of several processes that come back together, one finds the gap: the row is locked.
-- The clock is taken as it is, also where it went back (a standby took over): else no gap would be found until it caught up.
-- $1 the longest silence that is no gap, ms bigint  $2 the furthest that a gap reaches back, days integer  $3 the longest that
-- sending waits, ms bigint  $4 of a process that starts its instances.id, else NULL text: where no other one received, what
-- passed since somebody did is a gap however short  $5 of a process that refused webhooks, how long ago it began to, ms, else
-- NULL bigint: a gap in any case, whoever else received
-- returns  the seconds of the gap that was found, or no row
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
INSERT INTO backfills (asked_by, is_automatic, since, until, sending_waits_until)
SELECT 'outage', true,
       greatest(least(b.last_receiving_at, n.now - $5::bigint * interval '1 ms'), n.now - $2::integer * interval '1 day'),
       n.now, n.now + $3::bigint * interval '1 ms'
FROM before AS b, (SELECT clock_timestamp() AS now) AS n
WHERE n.now - b.last_receiving_at > $1::bigint * interval '1 ms'
   OR $5 IS NOT NULL
   OR $4::text IS NOT NULL AND n.now > b.last_receiving_at
      AND NOT EXISTS (SELECT FROM instances AS i
                      WHERE i.id <> $4 AND i.started_at <= b.last_receiving_at
                        AND 'webhook' = ANY (string_to_array(i.roles, ',')) AND i.heartbeat_at > n.now - interval '10 s')
RETURNING extract(epoch FROM until - since)::bigint AS seconds;
