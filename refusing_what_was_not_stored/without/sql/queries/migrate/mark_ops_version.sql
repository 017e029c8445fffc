-- migrate.mark_ops_version: the statement that appends the mark to the comment on the schema ops: the names of what we made in
-- it, so that what others add is known from ours, and of which files.
-- $1 version
SELECT format('COMMENT ON SCHEMA ops IS %L', concat_ws(' ', obj_description(to_regnamespace('ops')::oid, 'pg_namespace'), (
    SELECT '[holds ' || string_agg(DISTINCT split_part(i.identity, '(', 1), ' ') || ']'
    FROM pg_depend AS d
    CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace('ops')), $1::text));
