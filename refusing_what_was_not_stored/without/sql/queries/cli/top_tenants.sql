-- cli.top_tenants: the shops with the most to send.
SELECT id, name, waiting, in_flight, oldest_due_seconds, dead_letters, paused
FROM ops.tenants
WHERE waiting + in_flight > 0
ORDER BY in_flight + waiting DESC, id
LIMIT 10;
