-- backfill.find_known: which of these messages are there: as an event, or as a message whose event is no longer kept.
-- $1 MessageSids text[]
-- returns  the sid, and the event's id or NULL
SELECT n.sid, e.id
FROM unnest($1::text[]) AS n (sid)
LEFT JOIN LATERAL (SELECT w.id FROM webhook_events AS w WHERE w.key = 'msg:' || n.sid) AS e ON true
WHERE e.id IS NOT NULL
   OR EXISTS (SELECT FROM messages_in AS m WHERE m.provider_message_id = n.sid AND m.duplicate_of IS NULL);
