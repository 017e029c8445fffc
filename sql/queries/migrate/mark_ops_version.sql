-- migrate.mark_ops_version: the statement that appends to the comment on the schema ops what it was made of.
-- $1 version
SELECT format('COMMENT ON SCHEMA ops IS %L', concat_ws(' ', obj_description(to_regnamespace('ops')::oid, 'pg_namespace'), $1::text));
