-- outbox.open_sender_scope: stops sending from a number that Twilio told us, by callback, not to send from now.
-- $1 number text  $2 code integer  $3 reason text  $4 until the first probe in ms bigint
-- returns  whether it was not stopped before
SELECT pgcourier_open_scope('sender:' || $1::text, $2::integer, $3::text, $4::bigint * interval '1 ms', true);
