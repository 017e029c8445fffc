-- maintenance.table_pages: how many pages a table has now.
-- $1 table name text
SELECT pg_relation_size(to_regclass($1::text)) / current_setting('block_size')::bigint AS pages;
