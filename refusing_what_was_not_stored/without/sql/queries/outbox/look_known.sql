-- outbox.look_known: which of Twilio's ids are accounted for. Serves from messages_out_provider_message_id_idx and
-- delivery_events_provider_message_id_idx.
-- $1 provider ids text[]
-- returns  id, and where a callback's own URL says so the message that it belongs to; NULL: some message's row has it, be
--          it of an earlier attempt
SELECT m.provider_message_id, NULL AS message_id
FROM messages_out AS m
WHERE m.provider_message_id = ANY ($1::text[])
UNION ALL
SELECT d.provider_message_id, d.message_id
FROM delivery_events AS d
WHERE d.provider_message_id = ANY ($1::text[]) AND d.message_id IS NOT NULL;
