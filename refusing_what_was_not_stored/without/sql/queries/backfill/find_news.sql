-- backfill.find_news: which of these are messages of ours that are not in this state yet. What other programs of the account
-- sent is not among them.
-- $1 MessageSids text[]  $2 their states text[]
SELECT n.sid
FROM unnest($1::text[], $2::text[]) AS n (sid, status)
CROSS JOIN LATERAL (SELECT m.delivery_status FROM messages_out AS m WHERE m.provider_message_id = n.sid LIMIT 1) AS m
WHERE m.delivery_status IS DISTINCT FROM n.status;
