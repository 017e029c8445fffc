-- router.claim: take the next events that never failed, with all that their routing depends on. The queue rows go in the
-- same transaction: they are back when it does not commit. The primary key of webhook_queue serves it, from the mark on,
-- so that it does not walk the index entries of rows that were routed before.
-- Mostly what it takes lies side by side, and queue and events are read in one go from the first to the last of them: all that lies
-- there, or (ids that were given to deliveries which came twice, and what others take at the same time) what is taken of it. Where
-- less than half of it would be, each is looked up for itself. Looking each up took 40 % of the statement's time.
-- $1 mark bigint  $2 limit integer
-- returns  the events in no order
-- rows: binary
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > $1::bigint AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED),
span AS MATERIALIZED (
    SELECT min(n.id) AS first, max(n.id) AS last, max(n.id) - min(n.id) + 1 = count(*) AS is_whole FROM next AS n
    HAVING max(n.id) - min(n.id) < 2 * count(*)),
scattered AS MATERIALIZED (SELECT n.id FROM next AS n WHERE NOT EXISTS (SELECT FROM span)),
gone AS (
    DELETE FROM webhook_queue AS q
    WHERE q.id BETWEEN (SELECT s.first FROM span AS s) AND (SELECT s.last FROM span AS s)
      AND ((SELECT s.is_whole FROM span AS s) OR q.id IN (SELECT n.id FROM next AS n))),
gone_scattered AS (
    DELETE FROM webhook_queue AS q WHERE q.id = ANY (ARRAY(SELECT n.id FROM scattered AS n)))
SELECT e.* FROM routable_events AS e
WHERE e.id BETWEEN (SELECT s.first FROM span AS s) AND (SELECT s.last FROM span AS s)
  AND ((SELECT s.is_whole FROM span AS s) OR e.id IN (SELECT n.id FROM next AS n))
UNION ALL
SELECT e.* FROM routable_events AS e WHERE e.id = ANY (ARRAY(SELECT n.id FROM scattered AS n));
