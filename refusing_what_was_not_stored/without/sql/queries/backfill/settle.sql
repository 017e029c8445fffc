-- backfill.settle: gives it back: ended, or to be gone on with later. The log gets a row when it has ended.
-- $1 id bigint  $2 token text  $3 due in ms bigint (NULL: it has ended)  $4 why it did not get on text (NULL: it did)
-- $5 whether media were among that boolean
-- returns  what was found in all
WITH settled AS (
    UPDATE backfills AS b
    SET token = NULL, instance_id = NULL, due_at = clock_timestamp() + coalesce($3::bigint, 0) * interval '1 ms',
        ended_at = CASE WHEN $3 IS NULL THEN clock_timestamp() END,
        sending_waits_until = CASE WHEN $3 IS NOT NULL THEN b.sending_waits_until END,
        failures = CASE WHEN $4::text IS NULL THEN 0 ELSE b.failures + 1 END,
        media_failures = CASE WHEN $4 IS NULL THEN 0 ELSE b.media_failures + $5::boolean::integer END, last_error = $4
    WHERE b.id = $1::bigint AND b.token = $2::text
    RETURNING b.id, b.fetched, b.with_media, b.without_content, b.media_missing, b.unreadable, b.deliveries, b.ended_at, b.since, b.until),
logged AS (
    INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT 'backfill_ended', 'backfill', s.id::text, gen_random_uuid()::text, 'system',
           jsonb_build_object('since', s.since, 'until', s.until, 'fetched', s.fetched, 'with_media', s.with_media,
                              'without_content', s.without_content, 'media_missing', s.media_missing,
                              'unreadable', s.unreadable, 'deliveries', s.deliveries)
    FROM settled AS s WHERE s.ended_at IS NOT NULL)
SELECT s.fetched, s.with_media, s.without_content, s.media_missing, s.unreadable, s.deliveries FROM settled AS s;
