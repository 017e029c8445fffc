-- backfill.words_left: what was fetched and is not routed yet, the words of a process among it that had the gap before.
SELECT q.id FROM webhook_queue AS q JOIN webhook_events AS e ON e.id = q.id
WHERE e.source = 'backfill'
ORDER BY q.id
LIMIT 10000;
