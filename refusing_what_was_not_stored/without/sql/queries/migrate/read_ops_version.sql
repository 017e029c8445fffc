-- migrate.read_ops_version: the comment on the schema ops, which holds the checksum of the files that it was made of.
SELECT obj_description(to_regnamespace('ops')::oid, 'pg_namespace');
