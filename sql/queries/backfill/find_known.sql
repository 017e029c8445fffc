-- backfill.find_known: which of these messages are there: as an event, or as a message whose event is no longer kept.
-- $1 MessageSids text[]
SELECT n.sid
FROM unnest($1::text[]) AS n (sid)
WHERE EXISTS (SELECT FROM webhook_events AS e WHERE e.key = 'msg:' || n.sid)
   OR EXISTS (SELECT FROM messages_in AS m WHERE m.provider_message_id = n.sid AND m.duplicate_of IS NULL);
