-- inbox.ignore_duplicates: the events that stand for these deliveries, and a note in the log for each delivery that
-- was not the first. The first one's correlation id tells our own row (stored by a commit whose reply was lost) from
-- another's. The note's id is the delivery's correlation id, so that doing this again notes nothing twice.
-- $1 keys text[]  $2 correlation ids of the deliveries text[]
WITH delivery AS MATERIALIZED (
    SELECT d.position, d.correlation_id AS own_correlation_id, e.id, e.correlation_id
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS d (key, correlation_id, position)
    JOIN webhook_events AS e ON e.key = d.key),
noted AS (
    INSERT INTO event_log (id, event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT own_correlation_id, 'idempotent_ignored', 'webhook_event', id::text, correlation_id, 'system'
    FROM delivery
    WHERE correlation_id <> own_correlation_id
    ORDER BY own_correlation_id
    ON CONFLICT (id) DO NOTHING)
SELECT position - 1, id, correlation_id
FROM delivery;
