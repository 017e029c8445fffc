-- inbox.ignore_duplicates: the events that stand for these deliveries, and a note in the log for each delivery that
-- was not the first. The first one's correlation id tells our own row (stored by a commit whose reply was lost) from
-- another's. The note's id is the delivery's correlation id, so that doing this again notes nothing twice.
-- Whoever has recorded a signed request can send it for ever: an event that has 100 rows in the log, of whatever type, gets no more
-- of these. (Instances that count at the same moment may write as many each.) event_log_correlation_id_idx alone serves the
-- count, which goes no further.
-- $1 keys text[]  $2 correlation ids of the deliveries text[]
-- returns  which delivery, from 0; its event's id and correlation id; whether it is noted
WITH delivery AS MATERIALIZED (
    SELECT d.position, d.correlation_id AS own_correlation_id, e.id, e.correlation_id
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS d (key, correlation_id, position)
    JOIN webhook_events AS e ON e.key = d.key),
repeated AS MATERIALIZED (
    SELECT r.position, r.own_correlation_id, r.id, r.correlation_id,
           r.place + (SELECT count(*)
                      FROM (SELECT FROM event_log AS l WHERE l.correlation_id = r.correlation_id LIMIT 100) AS known) <= 100 AS is_noted
    FROM (SELECT d.position, d.own_correlation_id, d.id, d.correlation_id, row_number() OVER (PARTITION BY d.id ORDER BY d.position) AS place
          FROM delivery AS d
          WHERE d.correlation_id <> d.own_correlation_id) AS r),
noted AS (
    INSERT INTO event_log (id, event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT r.own_correlation_id, 'idempotent_ignored', 'webhook_event', r.id::text, r.correlation_id, 'system'
    FROM repeated AS r
    WHERE r.is_noted
    ORDER BY r.own_correlation_id
    ON CONFLICT (id) DO NOTHING)
SELECT d.position - 1, d.id, d.correlation_id, coalesce(r.is_noted, false) AS is_noted
FROM delivery AS d LEFT JOIN repeated AS r ON r.position = d.position;
