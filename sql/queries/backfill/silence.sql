-- backfill.silence: for how long nobody has said that webhooks are received; no row where nobody ever has.
SELECT (extract(epoch FROM clock_timestamp() - r.last_receiving_at) * 1000)::bigint AS ms FROM receiving AS r;
