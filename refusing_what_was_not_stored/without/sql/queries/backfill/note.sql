-- backfill.note: how far it is, and what was found since the last note. Whoever has lost it gets no row.
-- $1 id bigint  $2 token text  $3 lease in ms bigint  $4 step text  $5 number text  $6 day text or NULL  $7 fetched bigint
-- $8 with media bigint  $9 without content bigint  $10 media missing bigint  $11 unreadable bigint  $12 deliveries bigint
-- $13 reading until, ms since 1970 bigint or NULL  $14 covered until, the same
-- returns  whether sending waits for another gap that nobody has taken: that one goes first
UPDATE backfills AS b
SET due_at = clock_timestamp() + $3::bigint * interval '1 ms', step = $4::text, number = $5::text, day = $6::text::date,
    fetched = b.fetched + $7::bigint, with_media = b.with_media + $8::bigint, without_content = b.without_content + $9::bigint,
    media_missing = b.media_missing + $10::bigint, unreadable = b.unreadable + $11::bigint, deliveries = b.deliveries + $12::bigint,
    reading_until = to_timestamp($13::bigint / 1000.0), covered_until = to_timestamp($14::bigint / 1000.0)
WHERE b.id = $1::bigint AND b.token = $2::text AND b.ended_at IS NULL
RETURNING EXISTS (SELECT FROM backfills AS u
                  WHERE u.sending_waits_until > clock_timestamp() AND u.token IS NULL AND u.due_at <= clock_timestamp()
                    AND u.ended_at IS NULL AND u.id <> b.id) AS is_another_urgent;
