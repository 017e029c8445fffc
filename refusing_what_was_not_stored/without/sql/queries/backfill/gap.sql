-- backfill.gap: a gap was found, in the transaction that has locked the row of receiving. It goes into the last one that is
-- open, ended 5 minutes before at most and is not just being read, whose STOPs are then fetched again; else it is a row of its
-- own, from where the others end. For all that hang together sending waits once in 5 minutes; what would have it
-- wait longer than 30 s is of a clock that has gone back.
-- $1 since, ms since 1970 bigint  $2 until, the same  $3 the longest that sending waits, ms bigint, or NULL: not for this
WITH gap AS MATERIALIZED (
    SELECT to_timestamp($1::bigint / 1000.0) AS since, to_timestamp($2::bigint / 1000.0) AS until),
-- Locked, so that what is said of them is so until the end.
near AS MATERIALIZED (
    SELECT b.id, b.since, b.until, b.sending_waits_until,
           b.sending_waits_until IS NOT NULL OR b.first_pass_at IS NOT NULL AS is_waited_for,
           -- Of messages it keeps what it has read; STOPs are read again in any case.
           (b.step = 'words' OR b.number = '')
           AND (b.token IS NULL OR b.due_at <= clock_timestamp()
                OR b.instance_id IS NOT NULL AND NOT EXISTS (SELECT FROM instances AS i WHERE i.id = b.instance_id)) AS is_free
    FROM backfills AS b, gap AS g
    WHERE b.ended_at IS NULL AND b.is_automatic AND b.until >= g.since - interval '5 min'
    FOR UPDATE OF b),
waits AS MATERIALIZED (
    SELECT coalesce(min(n.sending_waits_until) FILTER (WHERE n.sending_waits_until > clock_timestamp() - interval '5 min'
                                                         AND n.sending_waits_until <= clock_timestamp() + interval '30 s'),
                    clock_timestamp() + $3::bigint * interval '1 ms') AS until
    FROM near AS n),
merged AS (
    UPDATE backfills AS b
    SET since = least(b.since, g.since), until = greatest(b.until, g.until), step = 'words', number = '', day = NULL,
        covered_until = CASE WHEN b.since <= g.since THEN b.covered_until END, reading_until = NULL, first_pass_at = NULL,
        sending_waits_until = w.until, token = NULL, instance_id = NULL, due_at = clock_timestamp()
    FROM gap AS g, waits AS w
    WHERE b.id = (SELECT n.id FROM near AS n WHERE n.is_free ORDER BY n.until DESC, n.id DESC LIMIT 1)
    RETURNING b.id)
INSERT INTO backfills (asked_by, is_automatic, since, until, sending_waits_until)
SELECT 'outage', true,
       greatest(g.since, (SELECT max(n.until) FROM near AS n WHERE n.is_waited_for AND n.since <= g.since AND n.until < g.until)),
       g.until, w.until
FROM gap AS g, waits AS w
WHERE NOT EXISTS (SELECT FROM merged);
