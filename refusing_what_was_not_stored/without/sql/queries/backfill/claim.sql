-- backfill.claim: takes the gap that sending waits for, else the oldest that is due. None while another one is under way, a
-- person's command apart: they share Twilio's patience. What a process had that is not there any more (its row in instances went at the next start) is due
-- at once, what is ours as well: we have lost our connection meanwhile. So is what is due later than anything ever waits: the clock
-- went back (a standby took over).
-- $1 instance id text  $2 token text  $3 lease in ms bigint  $4 the longest that a gap waits, ms bigint
WITH open AS MATERIALIZED (
    SELECT b.id, b.is_automatic, b.sending_waits_until, b.token, d.is_due,
           b.token IS NOT NULL AND NOT d.is_due
           AND (b.instance_id IS NULL
                OR b.instance_id <> $1::text AND EXISTS (SELECT FROM instances AS i WHERE i.id = b.instance_id)) AS is_others
    FROM backfills AS b
    CROSS JOIN LATERAL (SELECT b.due_at NOT BETWEEN n.now AND n.now + $4::bigint * interval '1 ms' AS is_due
                        FROM (SELECT clock_timestamp() AS now) AS n) AS d
    WHERE b.ended_at IS NULL),
next AS MATERIALIZED (
    SELECT b.id
    FROM backfills AS b
    WHERE b.id = (SELECT o.id FROM open AS o
                  WHERE NOT o.is_others
                    AND (o.is_due OR o.token IS NOT NULL)
                    AND NOT EXISTS (SELECT FROM open AS u WHERE u.is_others AND u.is_automatic)
                  ORDER BY CASE WHEN o.sending_waits_until > clock_timestamp() THEN o.sending_waits_until END NULLS LAST, o.id
                  LIMIT 1)
    FOR UPDATE)
UPDATE backfills AS b
SET token = $2::text, instance_id = $1, due_at = clock_timestamp() + $3::bigint * interval '1 ms'
FROM next AS n
WHERE b.id = n.id
RETURNING b.id, b.is_automatic, b.step, b.number, (extract(epoch FROM b.day::timestamp) * 1000)::bigint AS day_ms,
          (extract(epoch FROM b.since) * 1000)::bigint AS since_ms, (extract(epoch FROM b.until) * 1000)::bigint AS until_ms,
          (extract(epoch FROM b.covered_until) * 1000)::bigint AS covered_ms, b.failures,
          (extract(epoch FROM b.reading_until) * 1000)::bigint AS reading_ms,
          (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, b.media_failures;
