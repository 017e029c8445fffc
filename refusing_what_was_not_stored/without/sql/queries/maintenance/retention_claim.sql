-- maintenance.retention_claim: takes the next step of a table's pass, if it is due and nobody else is just making it. The row
-- stays locked until the step is committed together with what it did.
-- It is due too when the database's clock went back: a pass ended in what is the future now, or its next step is further away than any
-- that was ever put off.
-- $1 table name text
-- returns  page, pages of the table, whether the pass under way has met rows that could not be deleted
SELECT p.page, pg_relation_size(to_regclass(p.table_name)) / current_setting('block_size')::bigint AS pages,
       p.began_at IS NOT NULL AND p.refusal IS NOT NULL AS is_told
FROM retention_passes AS p
WHERE p.table_name = $1::text
  AND (p.due_at <= clock_timestamp()
       OR CASE WHEN p.began_at IS NULL THEN p.ended_at ELSE p.due_at - interval '10 min' END > clock_timestamp() + interval '2 s')
FOR UPDATE SKIP LOCKED;
