-- maintenance.retention_claim: takes the next step of a table's pass, if it is due and nobody else is just making it. The row
-- stays locked until the step is committed together with what it did.
-- $1 table name text
SELECT p.page, pg_relation_size(to_regclass(p.table_name)) / current_setting('block_size')::bigint AS pages
FROM retention_passes AS p
WHERE p.table_name = $1::text AND p.due_at <= clock_timestamp()
FOR UPDATE SKIP LOCKED;
