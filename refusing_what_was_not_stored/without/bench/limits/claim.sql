-- limits/claim: claim a batch of a slim queue and delete it, in one statement that is a transaction of its own; no event is
-- read and nothing is done. From the last claim's highest id on, as the router does.
-- :batch rows  :mark 0 at first
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > :mark AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT :batch
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM webhook_queue AS q WHERE q.id = ANY (ARRAY(SELECT n.id FROM next AS n)))
SELECT max(n.id) AS mark, array_agg(n.id) AS ids FROM next AS n \gset
