-- limits/claim: claim a batch of a slim queue and delete it, in one statement that is a transaction of its own; no event is
-- read and nothing is done. From the last claim's highest id on, and by one range, as the router does; ids are 1, 2, 3… here, so
-- that what it does with scattered ones is left out.
-- :batch rows  :mark 0 at first
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > :mark AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT :batch
    FOR UPDATE SKIP LOCKED),
span AS MATERIALIZED (
    SELECT min(n.id) AS first, max(n.id) AS last, max(n.id) - min(n.id) + 1 = count(*) AS is_whole FROM next AS n),
gone AS (
    DELETE FROM webhook_queue AS q
    WHERE q.id BETWEEN (SELECT s.first FROM span AS s) AND (SELECT s.last FROM span AS s)
      AND ((SELECT s.is_whole FROM span AS s) OR q.id IN (SELECT n.id FROM next AS n)))
SELECT max(n.id) AS mark, array_agg(n.id) AS ids FROM next AS n \gset
