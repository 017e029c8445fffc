-- outbox.postpone_deliveries: puts off for a minute the callbacks that settle_deliveries.sql takes first, one of each kind, when it
-- cannot write what they tell: the message's row is refused by a trigger or a constraint of the shop's, or is damaged.
-- returns  how many, and the id of a message that one of them names
WITH fresh AS MATERIALIZED (
    SELECT d.id FROM delivery_events AS d
    WHERE d.settled_at IS NULL AND d.look_again_at IS NULL
    ORDER BY d.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED),
waiting AS MATERIALIZED (
    SELECT d.id FROM delivery_events AS d
    WHERE d.settled_at IS NULL AND d.look_again_at <= now()
    ORDER BY d.look_again_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED),
put_off AS (
    UPDATE delivery_events AS d SET look_again_at = clock_timestamp() + interval '1 min'
    FROM (SELECT f.id FROM fresh AS f UNION ALL SELECT w.id FROM waiting AS w) AS o
    WHERE d.id = o.id
    RETURNING d.message_id, d.provider_message_id)
SELECT count(*), coalesce(min(p.message_id), min(p.provider_message_id)) FROM put_off AS p;
