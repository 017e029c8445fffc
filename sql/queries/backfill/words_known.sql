-- backfill.words_known: each STOP of the gap stands in the inbox: sending need not wait for it any longer than for the router,
-- which has them first. The senders are told.
-- $1 id bigint  $2 token text
WITH known AS (
    UPDATE backfills AS b
    SET sending_waits_until = NULL, first_pass_at = coalesce(b.first_pass_at, clock_timestamp())
    WHERE b.id = $1::bigint AND b.token = $2::text
    RETURNING b.id)
SELECT k.id, pg_notify('messages_out', '') FROM known AS k;
