-- outbox.resolve_letters: these messages were sent after all: nobody needs to look at their dead letters.
-- $1 message ids text[]
UPDATE dead_letter_jobs AS d
SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
FROM messages_out AS m
WHERE d.resolved_at IS NULL AND d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = ANY ($1::text[])
  AND m.id = d.payload ->> 'message_out_id' AND m.status = 'sent' AND m.undelivered_at IS NULL;
