-- router.claim_one: router.claim for the one event that is to be routed alone. Nothing while somebody else routes it.
-- $1 event id bigint
-- rows: binary
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id = $1::bigint
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM webhook_queue AS q WHERE q.id = ANY (ARRAY(SELECT n.id FROM next AS n)))
SELECT e.* FROM routable_events AS e WHERE e.id = ANY (ARRAY(SELECT n.id FROM next AS n));
