-- backfill.receiving: this process receives webhooks. Where nobody had said so for too long, that gap is to be filled, and
-- sending waits for the STOPs in it. Of several processes that come back together, one finds the gap: the row is locked.
-- $1 the longest silence that is no gap, ms bigint  $2 the furthest that a gap reaches back, days integer  $3 the longest that
-- sending waits, ms bigint
-- returns  the seconds of the gap that was found, or no row
WITH before AS MATERIALIZED (
    SELECT r.last_receiving_at FROM receiving AS r FOR UPDATE),
said AS (
    UPDATE receiving AS r
    SET last_receiving_at = greatest(r.last_receiving_at, clock_timestamp())
    FROM before AS b),
said_first AS (
    INSERT INTO receiving (last_receiving_at)
    SELECT clock_timestamp() WHERE NOT EXISTS (SELECT FROM before)
    ON CONFLICT (is_only) DO NOTHING)
INSERT INTO backfills (asked_by, is_automatic, since, until, sending_waits_until)
SELECT 'outage', true, greatest(b.last_receiving_at, n.now - $2::integer * interval '1 day'), n.now, n.now + $3::bigint * interval '1 ms'
FROM before AS b, (SELECT clock_timestamp() AS now) AS n
WHERE n.now - b.last_receiving_at > $1::bigint * interval '1 ms'
RETURNING extract(epoch FROM until - since)::bigint AS seconds;
