-- outbox.set_aside: in the place of the second half of a claim, when that fails by a row of its own (a trigger or a constraint of the
-- shop's refuses it, it is damaged): what was leased goes back for a minute, as a retry, which keeps its place; others are claimed.
-- $1 token text
-- returns  message ids and tenant ids
WITH checked AS MATERIALIZED (
    SELECT q.ctid AS place, q.tenant_id, q.recipient, q.message_id
    FROM unnest(current_setting('pgcourier.claimed')::tid[]) AS c (place)
    JOIN outbox_queue AS q ON q.ctid = c.place),
back AS (
    UPDATE outbox_queue AS q SET due_at = clock_timestamp() + interval '1 min', is_retry = true
    FROM checked AS c WHERE q.ctid = c.place),
freed AS (
    DELETE FROM outbox_leases AS l USING checked AS c
    WHERE l.tenant_id = ANY (ARRAY[c.tenant_id]) AND l.recipient BETWEEN c.recipient AND c.recipient AND l.token = $1::text)
SELECT c.message_id, c.tenant_id FROM checked AS c;
