-- outbox.open_sender_scope: stops sending from a number that Twilio told us, by callback, not to send from now.
-- While it is stopped already, only a message that was sent since then may have been its probe; calls that were under way when it was
-- stopped end some seconds later, and no probe begins within ten.
-- $1 number text  $2 code integer  $3 reason text  $4 until the first probe in ms bigint
-- $5 how long ago its message was sent in ms bigint
-- returns  whether it was not stopped before
WITH sent_before AS (
    UPDATE outbox_scopes AS s
    SET error_code = $2::integer, reason = $3::text,
        probe_at = greatest(s.probe_at, clock_timestamp() + $4::bigint * interval '1 ms')
    WHERE s.scope = 'sender:' || $1::text AND s.opened_at + interval '9 s' > clock_timestamp() - $5::bigint * interval '1 ms'
    RETURNING s.scope)
SELECT CASE WHEN EXISTS (SELECT FROM sent_before) THEN false
            ELSE pgcourier_open_scope('sender:' || $1::text, $2::integer, $3::text, $4::bigint * interval '1 ms', true) END;
