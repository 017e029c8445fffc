-- cli.outbox_held: the messages that are held and could be sent, oldest first.
SELECT id FROM messages_out
WHERE held_reason IS NOT NULL AND status IN ('pending', 'failed')
ORDER BY seq;
