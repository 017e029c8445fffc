-- outbox.in_flight: how many messages each sender has in flight, over all instances. Comes after scopes.sql, in a snapshot of
-- its own, so that it sees what the last holder of a scope's lock has claimed.
SELECT l.sender, count(*) AS calls
FROM outbox_leases AS l
WHERE l.unknown_since IS NULL AND l.expires_at > clock_timestamp()
GROUP BY l.sender;
