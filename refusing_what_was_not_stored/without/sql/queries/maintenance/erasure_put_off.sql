-- maintenance.erasure_put_off: an erasure whose step failed is left alone for ten minutes, and holds up no other. Whoever has its row
-- just now is making a step himself.
-- $1 id text  $2 why text
-- returns  why, for the log: a trigger's words may have a number in them; no row: somebody else is making its step
WITH failed AS MATERIALIZED (
    SELECT e.id FROM erasures AS e WHERE e.id = $1::text FOR UPDATE SKIP LOCKED)
UPDATE erasures AS e
SET due_at = clock_timestamp() + interval '10 min', refusal = regexp_replace($2::text, '\+?[0-9]{7,}', '…', 'g')
FROM failed AS f WHERE e.id = f.id
RETURNING e.refusal;
