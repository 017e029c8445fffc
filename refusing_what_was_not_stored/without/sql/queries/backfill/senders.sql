-- backfill.senders: from which numbers messages went out around a gap whose end nobody has told us: their callbacks may have
-- been lost in it. Read from the log by its time, since messages_out has no index by it.
-- $1 since, ms since 1970 bigint  $2 until, ms since 1970 bigint
-- returns  a row for each number: number, the first such message's time in ms since 1970
SELECT s.sent_from, (extract(epoch FROM min(s.sent_at)) * 1000)::bigint AS first_ms
FROM (SELECT m.sent_from, m.sent_at
      FROM (SELECT l.entity_id, l.event_type FROM event_log AS l
            WHERE l.created_at >= to_timestamp($1::bigint / 1000.0) AT TIME ZONE 'UTC'
              AND l.created_at <= to_timestamp($2::bigint / 1000.0) AT TIME ZONE 'UTC'
            ORDER BY l.created_at DESC
            LIMIT 200000) AS l
      CROSS JOIN LATERAL (
          SELECT m.sent_from, m.sent_at FROM messages_out AS m
          WHERE m.id = l.entity_id AND m.status = 'sent' AND m.provider_message_id IS NOT NULL
            AND (m.delivery_status IS NULL OR m.delivery_status IN ('accepted', 'scheduled', 'queued', 'sending', 'sent'))
          OFFSET 0) AS m
      WHERE l.event_type = 'message_sent') AS s
WHERE s.sent_from IS NOT NULL AND s.sent_at IS NOT NULL
GROUP BY s.sent_from
ORDER BY s.sent_from COLLATE "C";
