-- limits/claim_in_turns: limits/claim in two round trips, as the router makes them, whose settling stands between: what then
-- differs from the router's claims is work alone, and a machine on which each answer must wait for a processor slows down both.
-- For one client, and events whose ids are 1, 2, 3…
-- :batch rows  :mark 0 at first
\startpipeline
BEGIN;
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
SELECT n.id FROM next AS n;
\endpipeline
COMMIT;
\set mark :mark + :batch
