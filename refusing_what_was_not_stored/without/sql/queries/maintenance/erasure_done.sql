-- maintenance.erasure_done: nothing of the person is left. That it was done is written down, without the number; the row with
-- the number goes.
-- $1 id text  $2 pattern of the addresses text
WITH done AS (
    DELETE FROM erasures AS e WHERE e.id = $1::text
    RETURNING e.id, e.asked_by, e.reason, e.asked_at, e.erased)
INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type, payload)
SELECT 'person_erased', 'person', d.id, 'operator',
       jsonb_strip_nulls(jsonb_build_object('by', regexp_replace(d.asked_by, $2::text, '…', 'g'),
                                            'reason', regexp_replace(d.reason, $2, '…', 'g'),
                                            'asked_at', d.asked_at, 'rows', d.erased))
FROM done AS d;
