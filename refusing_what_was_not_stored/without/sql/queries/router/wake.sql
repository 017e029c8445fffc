-- router.wake: one notification a channel and transaction, whatever the number of rows.
-- $1 channels text[]
SELECT pg_notify(c.channel, '') FROM unnest($1::text[]) AS c (channel);
