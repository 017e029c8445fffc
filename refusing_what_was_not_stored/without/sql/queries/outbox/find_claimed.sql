-- outbox.find_claimed: what a claim took whose COMMIT was not answered. None of it was sent.
-- $1 token text
SELECT m.id, m.seq, m.tenant_id, m."to", m.attempts, m.deferrals
FROM outbox_leases AS l
JOIN messages_out AS m ON m.id = l.message_id AND m.lease_token = l.token
WHERE l.token = $1::text
ORDER BY l.seq;
