-- outbox.open_scope: opens the breaker of a scope; whoever is the first alerts.
-- $1 scope text  $2 Twilio's code integer, or NULL  $3 why text  $4 ms until the first probe bigint
SELECT pgcourier_open_scope($1::text, $2::integer, $3::text, $4::bigint * interval '1 ms');
