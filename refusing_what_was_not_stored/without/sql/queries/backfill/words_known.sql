-- backfill.words_known: each STOP of the gap is routed: sending need not wait any longer. The senders are told.
-- $1 id bigint  $2 token text
-- returns  whether sending was still waiting for it; NULL: it never did
WITH before AS MATERIALIZED (
    SELECT b.id, b.sending_waits_until FROM backfills AS b WHERE b.id = $1::bigint AND b.token = $2::text FOR UPDATE),
known AS (
    UPDATE backfills AS b
    SET sending_waits_until = NULL, first_pass_at = coalesce(b.first_pass_at, clock_timestamp())
    FROM before AS o
    WHERE b.id = o.id
    RETURNING o.sending_waits_until > clock_timestamp() AS was_waiting)
SELECT k.was_waiting, pg_notify('messages_out', '') FROM known AS k;
