-- maintenance.retention_put_off: a table whose step failed is left alone for ten minutes, and holds up no other. Whoever has its row
-- just now is making a step himself.
-- $1 table name text  $2 why text
-- returns  why, for the log: a trigger's words may have a number in them; no row: somebody else is making its step
WITH failed AS MATERIALIZED (
    SELECT p.table_name FROM retention_passes AS p WHERE p.table_name = $1::text FOR UPDATE SKIP LOCKED)
UPDATE retention_passes AS p
SET due_at = clock_timestamp() + interval '10 min', refusal = regexp_replace($2::text, '\+?[0-9]{7,}', '…', 'g')
FROM failed AS f WHERE p.table_name = f.table_name
RETURNING p.refusal;
